"""Every number of the services that the plugin goes by, once, each with where it is written.

Where two documents differ the smaller number stands here, which both allow. "Quotas" is the user
guide's page of that name; a test compares what botocore's model knows.
"""

from __future__ import annotations

# --- workflows and versions --------------------------------------------------------------------
# "Packaging" says 4.4 MB, another page of the guide 4 MiB; a larger zip goes by way of S3.
MAX_INLINE_ZIP = 4 * 1024**2
MAX_ZIP = 100_000_000  # quotas, definition zip
MAX_README = 500 * 1024  # quotas, README
MAX_TEMPLATE_ENTRIES = 1_000  # quotas, parameter template; the API's map allows 1,000 to 2,000
MAX_TEMPLATE_BYTES = 400_000  # quotas, parameter template, "400 KB"
MAX_PARAMETER_DESCRIPTION = 256  # characters, API, WorkflowParameter.description
MAX_DESCRIPTION = 256  # characters, API, CreateWorkflow.description
MAX_DEFINITION_URI = 256  # characters, API, CreateWorkflow.definitionUri
MAX_VERSIONS = 1_000  # of a workflow; quotas, fixed

# --- runs --------------------------------------------------------------------------------------
MAX_PARAMETER_BYTES = 50_000  # quotas, run parameters; the troubleshooting page says 256 KB
MAX_ROLE_ARN = 128  # characters, API, StartRun.roleArn
MAX_OUTPUT_URI = 750  # characters, API, StartRun.outputUri
MAX_REQUEST_ID = 128  # characters, API, StartRun.requestId
MAX_NAME = 128  # characters, API: names of workflows, runs, groups, caches, configurations
MAX_NUMBER = 100_000  # API: priority, storage capacity, a run group's limits
MAX_TAGS = 50  # API, TagMap, "Tagging resources"
MAX_TAG_KEY = 128  # characters, API, TagMap
MAX_TAG_VALUE = 256  # characters, API, TagMap
ACTIVE_RUNS = 10  # quotas, concurrent active runs; the smaller of the two kinds of storage
TASKS_PER_RUN = 25  # quotas, concurrent tasks per run
ACTIVE_VCPUS = 3_000  # quotas, active CPUs
ACTIVE_GPUS = 12  # quotas, active GPUs
MIN_STATIC_GIB = 1_200  # user guide, run storage types; larger sizes are multiples of the next
STATIC_STEP_GIB = 2_400

# --- tasks -------------------------------------------------------------------------------------
INSTANCE_VCPUS = (2, 4, 8, 16, 32, 48, 64, 96, 128, 192)  # user guide, compute types
COMMON_VCPUS = 96  # likewise: larger instances are in some regions only
LARGE_REGIONS = ("us-east-1", "us-west-2")
MIN_BILLED_SECONDS = 60  # user guide, prices: a task is billed a minute at least
MAX_DISK_GIB = 3_072  # quotas, ephemeral storage of a task
MAX_RUN_HOURS = 168  # quotas, maximum run duration: 7 days, which may be raised
INCLUDED_DISK_GIB = 16  # price list: a task's own disk costs nothing up to this size
ACCELERATORS = (  # user guide, task accelerators
    "nvidia-tesla-t4",
    "nvidia-tesla-t4-a10g",
    "nvidia-tesla-a10g",
    "nvidia-t4-a10g-l4",
    "nvidia-l4-a10g",
    "nvidia-l4",
    "nvidia-l40s",
)
MAX_PROFILES = 10  # of omicsResourceFallbackOrder; user guide, advanced resource configuration

MAX_IMAGE = 45 * 1024**3  # bytes; quotas, container image, tasks without a GPU
MAX_GPU_IMAGE = 95 * 1024**3  # bytes; likewise, tasks with one

# --- an account: code of Service Quotas, and its default -----------------------------------------
# The codes are the service's; the defaults are what copies of the quotas page say.
QUOTA_STATIC_RUNS = ("L-A30FD31B", 10)  # at work at once, with static storage
QUOTA_DYNAMIC_RUNS = ("L-BE38079A", 50)  # likewise, with dynamic storage
QUOTA_RUNS = ("L-C9679DBC", 5_000)  # kept, at work or not
QUOTA_TASKS_PER_RUN = ("L-25504C8C", TASKS_PER_RUN)  # at work at once
MAX_SKEW = 300  # seconds between a request's time and AWS's; "Signature Version 4", elements

# --- lists -------------------------------------------------------------------------------------
MAX_PAGE = 100  # items, API, maxResults of each list
MAX_LOG_EVENTS = 10_000  # events, CloudWatch Logs API, GetLogEvents limit

# --- S3 ----------------------------------------------------------------------------------------
MAX_KEYS = 1_000  # objects, ListObjectsV2, of a page
MAX_COPY = 5 * 1024**3  # bytes, CopyObject; larger objects are copied in parts
MIN_COPIED_RANGE = 5 * 1024**2  # bytes, UploadPartCopy: a source must be larger for a range of it
