"""Objects of S3, by boto3, which the plugin brings along: where there is no `aws`.

python objects.py put FOLDER s3://BUCKET/PREFIX    each file of the folder; makes the bucket
python objects.py show s3://BUCKET/KEY             print one
"""

import sys
from pathlib import Path

import boto3


def parts(uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def put(folder, uri):
    s3, (bucket, prefix) = boto3.client("s3"), parts(uri)
    if bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)
    for path in sorted(Path(folder).iterdir()):
        s3.upload_file(str(path), bucket, f"{prefix}/{path.name}")
        print(f"s3://{bucket}/{prefix}/{path.name}")


def show(uri):
    bucket, key = parts(uri)
    print(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode(), end="")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:] or [""]
    commands = {"put": put, "show": show}
    if command not in commands:
        sys.exit(__doc__)
    commands[command](*arguments)
