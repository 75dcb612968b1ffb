"""What a check and a run need loaded: miniwdl with its grammar, boto3 with what it knows of S3, and
what bubblewrap can do here.

Importing it loads that; see `preloaded`.
"""

from __future__ import annotations

import importlib

import boto3
import WDL

from . import isolation
from . import runner as runner

isolation.tool()
importlib.import_module("docker.errors")  # which miniwdl loads with the first task
# Its parser is made from the grammar with the first document.
WDL.parse_document("version 1.1\ntask nothing { command {} }")
# Of no service and no account: engines make their own, in what is loaded for this one.
boto3.client(
    "s3",
    region_name="us-east-1",
    endpoint_url="http://127.0.0.1",
    aws_access_key_id="none",
    aws_secret_access_key="none",
)
