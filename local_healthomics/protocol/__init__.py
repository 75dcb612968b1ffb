"""REST-JSON as botocore's model of the service describes it."""
