"""What clients need beside HealthOmics (S3, Logs, STS, IAM, ECR): moto's, made durable."""
