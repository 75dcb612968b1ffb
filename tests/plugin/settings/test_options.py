"""The `--omics-…` options: what is refused, with which flag, and what the defaults are."""

from argparse import Namespace
from typing import Any

import botocore.session
import pytest

from snakemake_executor_omics.errors import SettingsError
from snakemake_executor_omics.settings import options
from snakemake_executor_omics.settings.checking import resolve
from snakemake_executor_omics.settings.options import NamedOrId, Options

ROLE = "arn:aws:iam::123456789012:role/omics"
URI = "s3://my-bucket/project"


def given(**values: Any) -> Options:
    defaults = {"role_arn": ROLE, "output_uri": URI}
    return resolve(Namespace(**{**defaults, **values}), project="rna-seq")


def test_defaults() -> None:
    assert given() == Options(
        role_arn=ROLE,
        output_uri=URI,
        workflow_name="rna-seq",
        run_cache=NamedOrId(name="rna-seq"),
        storage_type=options.StorageType.DYNAMIC,
        poll_seconds=10.0,
    )


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        ({}, None),
        ({"parallel_runs": "auto"}, None),
        ({"parallel_runs": "4"}, 4),
        ({"endpoint": "local"}, 1),
        ({"endpoint": "http://127.0.0.1:8000", "parallel_runs": "Auto"}, 1),
    ],
)
def test_how_many_runs_is_for_the_graph_to_say_where_they_do_not_share_a_machine(
    values: dict[str, str], runs: int | None
) -> None:
    assert given(**values).parallel_runs == runs


@pytest.mark.parametrize(
    ("values", "most"),
    [
        ({}, None),
        ({"pack": "Off"}, 1),
        ({"pack": 12}, 12),
        ({"endpoint": "local"}, 1),
        ({"endpoint": "http://127.0.0.1:8000"}, 1),
        ({"endpoint": "local", "pack": "auto"}, None),
    ],
)
def test_short_jobs_share_tasks_where_tasks_are_billed_or_it_is_asked_for(
    values: dict[str, Any], most: int | None
) -> None:
    assert given(**values).pack == most


def test_local_endpoint_needs_nothing_else() -> None:
    local = resolve(Namespace(endpoint="local"), project="my project")
    assert local.local
    assert local.endpoint_url is None
    assert local.role_arn == options.LOCAL_ROLE_ARN
    assert local.output_uri == f"s3://{options.LOCAL_BUCKET}/my-project"
    assert local.region == options.LOCAL_REGION
    assert local.poll_seconds == 1.0


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({}, 1800),
        ({"endpoint": "https://omics.example.org"}, 1800),
        ({"endpoint": "http://127.0.0.1:4566"}, 60),
        ({"endpoint": "local"}, 60),
        ({"endpoint": "local", "give_up_after": 5}, 300),
    ],
)
def test_a_service_on_this_machine_is_waited_for_for_a_minute(
    values: dict[str, Any], seconds: float
) -> None:
    assert given(**values).give_up_seconds == seconds


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        ({"role_arn": None}, "--omics-role-arn"),
        ({"role_arn": "omics"}, "--omics-role-arn"),
        ({"role_arn": ROLE + "x" * 128}, "--omics-role-arn"),
        ({"output_uri": None}, "--omics-output-uri"),
        ({"output_uri": "results"}, "--omics-output-uri"),
        ({"output_uri": "s3://My_Bucket/x"}, "--omics-output-uri"),
        ({"output_uri": "s3://my-bucket/a//b"}, "--omics-output-uri"),
        ({"output_uri": "s3://my-bucket/" + "x" * 750}, "--omics-output-uri"),
        ({"region": "Ohio"}, "--omics-region"),
        ({"gpu_fallback": ["tpu"]}, "--omics-gpu-fallback"),
        ({"gpu_fallback": ["nvidia-l4=0"]}, "--omics-gpu-fallback"),
        ({"gpu_fallback": ["cpu", "cpu=5"]}, "--omics-gpu-fallback"),
        ({"endpoint": "localhost:80"}, "--omics-endpoint"),
        ({"endpoint": "http://host:port"}, "--omics-endpoint"),
        ({"workflow_name": "x" * 129}, "--omics-workflow-name"),
        ({"workflow_name": "a\nb"}, "--omics-workflow-name"),
        ({"workflow_name": "  "}, "--omics-workflow-name"),
        ({"run_group": "123", "run_group_max_cpus": 5}, "--omics-run-group"),
        ({"run_group_max_runs": 0}, "--omics-run-group-max-runs"),
        ({"run_group_max_duration": 100_001}, "--omics-run-group-max-duration"),
        ({"cache_behavior": "sometimes"}, "--omics-cache-behavior"),
        ({"priority": -1}, "--omics-priority"),
        ({"storage_capacity": 1200}, "--omics-storage-capacity"),
        ({"storage_type": "STATIC", "storage_capacity": 0}, "--omics-storage-capacity"),
        ({"networking_mode": "VPC"}, "--omics-networking-mode"),
        ({"configuration": "mine"}, "--omics-configuration"),
        ({"networking_mode": "VPC", "configuration": "-x"}, "--omics-configuration"),
        ({"tags": ["project"]}, "--omics-tags"),
        ({"tags": ["=x"]}, "--omics-tags"),
        ({"tags": ["a=1", "a=2"]}, "--omics-tags"),
        ({"tags": ["aws:x=1"]}, "--omics-tags"),
        ({"tags": [f"k{n}=v" for n in range(46)]}, "--omics-tags"),
        ({"tags": ["k=" + "v" * 257]}, "--omics-tags"),
        ({"request_id": "x" * 101}, "--omics-request-id"),
        ({"max_tasks_per_run": 0}, "--omics-max-tasks-per-run"),
        ({"parallel_runs": 0}, "--omics-parallel-runs"),
        ({"pack": "some"}, "--omics-pack"),
        ({"pack": 0}, "--omics-pack"),
        ({"parallel_runs": "many"}, "--omics-parallel-runs"),
        ({"include": ["../x"]}, "--omics-include"),
        ({"include": ["/etc/*"]}, "--omics-include"),
        ({"local_backend": "lxc"}, "--omics-local-backend"),
        ({"local_strict": ["images", "taste"]}, "--omics-local-strict"),
        ({"transfer_concurrency": 0}, "--omics-transfer-concurrency"),
        ({"poll_seconds": 0}, "--omics-poll-seconds"),
        ({"poll_seconds": "nan"}, "--omics-poll-seconds"),
        ({"give_up_after": 0}, "--omics-give-up-after"),
        ({"on_interrupt": "stay"}, "--omics-on-interrupt"),
    ],
)
def test_refused_with_flag_and_hint(values: dict[str, Any], flag: str) -> None:
    with pytest.raises(SettingsError) as caught:
        given(**values)
    assert str(caught.value).startswith(f"{flag}: ")
    assert caught.value.hint


def test_ids_and_names() -> None:
    assert given(run_group="1234567").run_group == NamedOrId(id="1234567")
    assert given(run_group="team").run_group == NamedOrId(name="team")
    assert given(run_group_max_cpus=64).run_group == NamedOrId(name="rna-seq")
    assert given(run_cache="7654321").run_cache == NamedOrId(id="7654321")
    assert given(run_cache="none").run_cache is None


def test_values_are_normalised() -> None:
    got = given(
        output_uri=URI + "/",
        storage_type="static",
        storage_capacity=2400,
        tags=["b=2=3", "a="],
        endpoint="https://example.org/",
    )
    assert got.output_uri == URI
    assert got.storage_capacity == 2400
    assert got.tags == (("a", ""), ("b", "2=3"))
    assert got.endpoint_url == "https://example.org"


def test_values_are_those_of_the_service_model() -> None:
    model = botocore.session.get_session().get_service_model("omics")
    start = model.operation_model("StartRun").input_shape.members
    for name, kind in {
        "storageType": options.StorageType,
        "cacheBehavior": options.CacheBehavior,
        "retentionMode": options.Retention,
        "logLevel": options.LogLevel,
        "networkingMode": options.NetworkingMode,
    }.items():
        assert set(start[name].metadata["enum"]) == {member.value for member in kind}


@pytest.mark.parametrize(
    ("values", "region", "registry"),
    [
        ({}, "eu-west-1", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
        ({"region": "us-west-2"}, None, "123456789012.dkr.ecr.us-west-2.amazonaws.com"),
        ({"image_registry": "localhost:5000"}, "eu-west-1", "localhost:5000"),
        (
            {"role_arn": "arn:aws-cn:iam::210987654321:role/x"},
            "cn-north-1",
            "210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn",
        ),
        (
            {"role_arn": None, "package": "out"},
            None,
            "123456789012.dkr.ecr.us-east-1.amazonaws.com",
        ),
    ],
)
def test_images_of_environments_are_in_ecr_of_the_roles_account(
    values: dict[str, Any], region: str | None, registry: str
) -> None:
    assert given(**values).registry(region) == registry


@pytest.mark.parametrize(
    ("name", "value"),
    [("image_registry", "https://x"), ("image_prefix", "Upper"), ("environments", "maybe")],
)
def test_settings_of_images_are_checked(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"--omics-{name.replace('_', '-')}"):
        given(**{name: value})
