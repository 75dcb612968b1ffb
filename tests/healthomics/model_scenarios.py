"""For each family of operations, requests that succeed one after the other.

A text in braces, `{group}`, is what an earlier step kept of its answer under this name; `{inputs}`
is where the objects are.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .conftest import TEMPLATE, WDL, zipped


@dataclass(frozen=True)
class Step:
    """A request; one with `until` is repeated until the status that it is answered is this one."""

    operation: str
    request: Mapping[str, Any] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)  # name in the scenario -> member
    until: str = ""
    account: str = ""  # another than the one that all begins with
    too_late: str = ""  # the error if the work was done before its cancellation was asked for


_READS = gzip.compress(b"@read/1\nACGTACGTAC\n+\nIIIIIIIIII\n" * 10, mtime=0)
_VCF = b"""##fileformat=VCFv4.2
##contig=<ID=chr1,length=60>
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
chr1\t3\t.\tG\tA\t50\tPASS\tDP=10
"""
OBJECTS = {
    "reference.fa": b">chr1\n" + b"ACGTACGTAC" * 6 + b"\n",
    "reads.fastq.gz": _READS,
    "variants.vcf": _VCF,
    "annotations.vcf": _VCF,
}
SUBSCRIBER = "210987654321"

_VERSION = {"workflowId": "{workflow}", "versionName": "v1"}
_RUN = {"workflowId": "{workflow}", "roleArn": "{role}", "outputUri": "{output}"}

_STORE = {"sequenceStoreId": "{store}"}
_SAMPLE = {"sourceFileType": "FASTQ", "subjectId": "s", "sampleId": "t", "name": "reads"}
_UPLOAD = {**_STORE, "uploadId": "{upload}"}
_PART = {"partNumber": 1, "partSource": "SOURCE1"}
_JOB = {**_STORE, "id": "{job}"}
_READ_SET = {**_STORE, "id": "{readSet}"}
_POLICY = {"s3AccessPointArn": "{accessPoint}"}
_STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{SUBSCRIBER}:root"},
    "Action": "s3:GetObject",
    "Resource": "*",
}
_STATEMENTS = json.dumps({"Version": "2012-10-17", "Statement": [_STATEMENT]})
_REFERENCES = {"referenceStoreId": "{references}"}
_VPC = {"securityGroupIds": ["sg-0123456789abcdef0"], "subnetIds": ["subnet-0123456789abcdef0"]}
_BATCH = {"batchId": "{batch}"}
_IMPORT = {"destinationName": "{name}", "roleArn": "{role}"}

# What the families of stores begin with.
_A_REFERENCE = [
    Step(
        "CreateReferenceStore",
        {"name": "references", "description": "d"},
        keep={"references": "id"},
    ),
    Step(
        "StartReferenceImportJob",
        {
            **_REFERENCES,
            "roleArn": "{role}",
            "sources": [{"sourceFile": "{inputs}/reference.fa", "name": "chr1"}],
        },
        keep={"job": "id"},
    ),
    Step(
        "GetReferenceImportJob",
        {**_REFERENCES, "id": "{job}"},
        until="COMPLETED",
        keep={"reference": "sources.0.referenceId"},
    ),
    Step(
        "GetReferenceMetadata",
        {**_REFERENCES, "id": "{reference}"},
        until="ACTIVE",
        keep={"referenceArn": "arn"},
    ),
]


def _literal(text: str) -> str:
    """A text with braces that are its own."""
    return text.replace("{", "{{").replace("}", "}}")


def _a_batch(how: str) -> Step:
    setting = {**_RUN, "parameters": {"how": how}}
    runs = [{"runSettingId": name, "parameters": {"how": how}} for name in ("a", "b")]
    return Step(
        "StartRunBatch",
        {
            "batchName": "b",
            "defaultRunSetting": setting,
            "tags": {"k": "v"},
            "batchRunSettings": {"inlineSettings": runs},
        },
        keep={"batch": "id"},
    )


SCENARIOS: dict[str, list[Step]] = {
    "workflows and runs": [
        Step(
            "CreateWorkflow",
            {
                "name": "w",
                "description": "d",
                "engine": "WDL",
                "definitionZip": zipped(main=WDL),
                "main": "main.wdl",
                "parameterTemplate": TEMPLATE,
                "storageType": "DYNAMIC",
                "readmeMarkdown": "# w",
                "tags": {"k": "v"},
            },
            keep={"workflow": "id", "arn": "arn"},
        ),
        Step("GetWorkflow", {"id": "{workflow}", "export": ["DEFINITION"]}, until="ACTIVE"),
        Step("ListWorkflows", {"type": "PRIVATE", "name": "w"}),
        Step("UpdateWorkflow", {"id": "{workflow}", "name": "x", "description": "e"}),
        Step("CreateWorkflowVersion", {**_VERSION, "definitionZip": zipped(main=WDL)}),
        Step("GetWorkflowVersion", _VERSION, until="ACTIVE"),
        Step("ListWorkflowVersions", {"workflowId": "{workflow}"}),
        Step("UpdateWorkflowVersion", {**_VERSION, "description": "d"}),
        Step("DeleteWorkflowVersion", _VERSION),
        Step("TagResource", {"resourceArn": "{arn}", "tags": {"a": "b"}}),
        Step("ListTagsForResource", {"resourceArn": "{arn}"}),
        Step("UntagResource", {"resourceArn": "{arn}", "tagKeys": ["a"]}),
        Step(
            "CreateRunGroup",
            {
                "name": "g",
                "maxCpus": 100,
                "maxRuns": 2,
                "maxDuration": 60,
                "maxGpus": 1,
                "tags": {"k": "v"},
            },
            keep={"group": "id"},
        ),
        Step("GetRunGroup", {"id": "{group}"}),
        Step("ListRunGroups", {"name": "g"}),
        Step("UpdateRunGroup", {"id": "{group}", "maxRuns": 3}),
        Step(
            "CreateRunCache",
            {
                "cacheS3Location": "{output}/cache",
                "name": "c",
                "cacheBehavior": "CACHE_ALWAYS",
            },
            keep={"cache": "id"},
        ),
        Step("GetRunCache", {"id": "{cache}"}),
        Step("ListRunCaches"),
        Step("UpdateRunCache", {"id": "{cache}", "description": "d"}),
        Step(
            "StartRun",
            {
                **_RUN,
                "name": "r",
                "parameters": {"how": "ok"},
                "runGroupId": "{group}",
                "cacheId": "{cache}",
                "priority": 1,
                "logLevel": "ALL",
                "retentionMode": "RETAIN",
                "storageType": "STATIC",
                "storageCapacity": 1200,
                "tags": {"k": "v"},
            },
            keep={"run": "id"},
        ),
        Step("GetRun", {"id": "{run}", "export": ["DEFINITION"]}, until="COMPLETED"),
        Step("ListRuns", {"name": "r", "runGroupId": "{group}", "status": "COMPLETED"}),
        Step("ListRunTasks", {"id": "{run}"}, keep={"task": "items.0.taskId"}),
        Step("GetRunTask", {"id": "{run}", "taskId": "{task}"}),
        Step("DeleteRun", {"id": "{run}"}),
        Step("StartRun", {**_RUN, "parameters": {"how": "wait"}}, keep={"run": "id"}),
        Step("CancelRun", {"id": "{run}"}),
        Step("GetRun", {"id": "{run}"}, until="CANCELLED"),
        Step("DeleteRunGroup", {"id": "{group}"}),
        Step("DeleteRunCache", {"id": "{cache}"}),
        Step("DeleteWorkflow", {"id": "{workflow}"}),
    ],
    "batches": [
        Step(
            "CreateWorkflow",
            {"definitionZip": zipped(main=WDL), "parameterTemplate": TEMPLATE},
            keep={"workflow": "id"},
        ),
        Step("GetWorkflow", {"id": "{workflow}"}, until="ACTIVE"),
        _a_batch("ok"),
        Step("GetBatch", _BATCH, until="PROCESSED"),
        Step("ListBatch", {"name": "b"}),
        Step("ListRunsInBatch", {**_BATCH, "submissionStatus": "SUCCESS"}),
        Step("DeleteRunBatch", _BATCH),
        Step("GetBatch", _BATCH, until="RUNS_DELETED"),
        Step("DeleteBatch", _BATCH),
        _a_batch("wait"),
        Step("GetBatch", _BATCH, until="INPROGRESS"),
        Step("CancelRunBatch", _BATCH),
        Step("GetBatch", _BATCH, until="CANCELLED"),
    ],
    "configurations": [
        Step(
            "CreateConfiguration",
            {
                "name": "c",
                "description": "d",
                "runConfigurations": {"vpcConfig": _VPC},
                "tags": {"k": "v"},
            },
        ),
        Step("GetConfiguration", {"name": "c"}, until="ACTIVE"),
        Step("ListConfigurations"),
        Step("DeleteConfiguration", {"name": "c"}),
    ],
    "references": [
        *_A_REFERENCE,
        Step("GetReferenceStore", {"id": "{references}"}),
        Step("ListReferenceStores", {"filter": {"name": "references"}}),
        Step("ListReferenceImportJobs", {**_REFERENCES, "filter": {"status": "COMPLETED"}}),
        Step("ListReferences", {**_REFERENCES, "filter": {"name": "chr1"}}),
        Step("GetReference", {**_REFERENCES, "id": "{reference}", "partNumber": 1}),
        Step("DeleteReference", {**_REFERENCES, "id": "{reference}"}),
        Step("DeleteReferenceStore", {"id": "{references}"}),
    ],
    "read sets": [
        Step(
            "CreateSequenceStore",
            {"name": "s", "description": "d", "tags": {"k": "v"}},
            keep={"store": "id"},
        ),
        Step(
            "GetSequenceStore",
            {"id": "{store}"},
            until="ACTIVE",
            keep={"accessPoint": "s3Access.s3AccessPointArn"},
        ),
        Step("ListSequenceStores", {"filter": {"name": "s", "status": "ACTIVE"}}),
        Step("UpdateSequenceStore", {"id": "{store}", "name": "t"}),
        Step("PutS3AccessPolicy", {**_POLICY, "s3AccessPolicy": _literal(_STATEMENTS)}),
        Step("GetS3AccessPolicy", _POLICY),
        Step("DeleteS3AccessPolicy", _POLICY),
        Step(
            "CreateMultipartReadSetUpload",
            {**_STORE, **_SAMPLE, "generatedFrom": "lab"},
            keep={"upload": "uploadId"},
        ),
        Step(
            "UploadReadSetPart",
            {**_UPLOAD, **_PART, "payload": _READS},
            keep={"checksum": "checksum"},
        ),
        Step("ListMultipartReadSetUploads", _STORE),
        Step("ListReadSetUploadParts", {**_UPLOAD, "partSource": "SOURCE1"}),
        Step(
            "CompleteMultipartReadSetUpload",
            {
                **_UPLOAD,
                "parts": [{**_PART, "checksum": "{checksum}"}],
            },
            keep={"readSet": "readSetId"},
        ),
        Step("GetReadSetMetadata", _READ_SET, until="ACTIVE"),
        Step("GetReadSet", {**_READ_SET, "partNumber": 1, "file": "SOURCE1"}),
        Step("ListReadSets", {**_STORE, "filter": {"creationType": "UPLOAD", "sampleId": "t"}}),
        Step(
            "CreateMultipartReadSetUpload",
            {**_STORE, **_SAMPLE, "generatedFrom": "lab"},
            keep={"upload": "uploadId"},
        ),
        Step("AbortMultipartReadSetUpload", _UPLOAD),
        Step(
            "StartReadSetImportJob",
            {
                **_STORE,
                "roleArn": "{role}",
                "sources": [
                    {**_SAMPLE, "sourceFiles": {"source1": "{inputs}/reads.fastq.gz"}},
                ],
            },
            keep={"job": "id"},
        ),
        Step("GetReadSetImportJob", _JOB, until="COMPLETED"),
        Step("ListReadSetImportJobs", {**_STORE, "filter": {"status": "COMPLETED"}}),
        Step(
            "StartReadSetExportJob",
            {
                **_STORE,
                "roleArn": "{role}",
                "destination": "{output}/exported/",
                "sources": [{"readSetId": "{readSet}"}],
            },
            keep={"job": "id"},
        ),
        Step("GetReadSetExportJob", _JOB, until="COMPLETED"),
        Step("ListReadSetExportJobs", _STORE),
        Step(
            "StartReadSetActivationJob",
            {**_STORE, "sources": [{"readSetId": "{readSet}"}]},
            keep={"job": "id"},
        ),
        Step("GetReadSetActivationJob", _JOB, until="COMPLETED"),
        Step("ListReadSetActivationJobs", _STORE),
        Step("BatchDeleteReadSet", {**_STORE, "ids": ["{readSet}"]}),
        Step("CreateSequenceStore", {"name": "empty"}, keep={"store": "id"}),
        Step("GetSequenceStore", {"id": "{store}"}, until="ACTIVE"),
        Step("DeleteSequenceStore", {"id": "{store}"}),
    ],
    "variant stores": [
        *_A_REFERENCE,
        Step(
            "CreateVariantStore",
            {
                "name": "variants",
                "reference": {"referenceArn": "{referenceArn}"},
                "tags": {"k": "v"},
            },
            keep={"id": "id", "name": "name"},
        ),
        Step("GetVariantStore", {"name": "{name}"}, until="ACTIVE"),
        Step("ListVariantStores", {"ids": ["{id}"], "filter": {"status": "ACTIVE"}}),
        Step("UpdateVariantStore", {"name": "{name}", "description": "d"}),
        Step(
            "StartVariantImportJob",
            {**_IMPORT, "items": [{"source": "{inputs}/variants.vcf"}]},
            keep={"job": "jobId"},
        ),
        Step("GetVariantImportJob", {"jobId": "{job}"}, until="COMPLETED"),
        Step("ListVariantImportJobs", {"filter": {"storeName": "{name}"}}),
        Step(
            "StartVariantImportJob",
            {**_IMPORT, "items": [{"source": "{inputs}/variants.vcf"}]},
            keep={"job": "jobId"},
        ),
        Step("CancelVariantImportJob", {"jobId": "{job}"}, too_late="ValidationException"),
        Step("DeleteVariantStore", {"name": "{name}", "force": True}),
    ],
    "annotation stores": [
        *_A_REFERENCE,
        Step(
            "CreateAnnotationStore",
            {
                "name": "annotations",
                "reference": {"referenceArn": "{referenceArn}"},
                "storeFormat": "VCF",
                "versionName": "one",
            },
            keep={"id": "id", "name": "name"},
        ),
        Step("GetAnnotationStore", {"name": "{name}"}, until="ACTIVE"),
        Step("ListAnnotationStores", {"ids": ["{id}"]}),
        Step("UpdateAnnotationStore", {"name": "{name}", "description": "d"}),
        Step("CreateAnnotationStoreVersion", {"name": "{name}", "versionName": "two"}),
        Step("GetAnnotationStoreVersion", {"name": "{name}", "versionName": "two"}, until="ACTIVE"),
        Step("ListAnnotationStoreVersions", {"name": "{name}", "filter": {"status": "ACTIVE"}}),
        Step(
            "UpdateAnnotationStoreVersion",
            {
                "name": "{name}",
                "versionName": "two",
                "description": "d",
            },
        ),
        Step(
            "StartAnnotationImportJob",
            {
                **_IMPORT,
                "versionName": "two",
                "items": [{"source": "{inputs}/annotations.vcf"}],
                "formatOptions": {"vcfOptions": {"ignoreQualField": True}},
            },
            keep={"job": "jobId"},
        ),
        Step("GetAnnotationImportJob", {"jobId": "{job}"}, until="COMPLETED"),
        Step("ListAnnotationImportJobs", {"filter": {"storeName": "{name}"}}),
        Step(
            "StartAnnotationImportJob",
            {
                **_IMPORT,
                "versionName": "two",
                "items": [{"source": "{inputs}/annotations.vcf"}],
            },
            keep={"job": "jobId"},
        ),
        Step("CancelAnnotationImportJob", {"jobId": "{job}"}, too_late="ValidationException"),
        Step(
            "DeleteAnnotationStoreVersions",
            {
                "name": "{name}",
                "versions": ["two"],
                "force": True,
            },
        ),
        Step("DeleteAnnotationStore", {"name": "{name}", "force": True}),
    ],
    "shares": [
        Step(
            "CreateWorkflow",
            {"definitionZip": zipped(main=WDL)},
            keep={"workflow": "id", "arn": "arn"},
        ),
        Step("GetWorkflow", {"id": "{workflow}"}, until="ACTIVE"),
        Step(
            "CreateShare",
            {
                "resourceArn": "{arn}",
                "principalSubscriber": SUBSCRIBER,
                "shareName": "offered",
            },
            keep={"share": "shareId"},
        ),
        Step("GetShare", {"shareId": "{share}"}, until="PENDING"),
        Step("AcceptShare", {"shareId": "{share}"}, account=SUBSCRIBER),
        Step("GetShare", {"shareId": "{share}"}, until="ACTIVE"),
        Step("ListShares", {"resourceOwner": "SELF", "filter": {"type": ["WORKFLOW"]}}),
        Step("ListShares", {"resourceOwner": "OTHER"}, account=SUBSCRIBER),
        Step("DeleteShare", {"shareId": "{share}"}),
    ],
}
