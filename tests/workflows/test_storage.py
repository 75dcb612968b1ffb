"""`snakemake --executor omics` with files in S3: by URI in, by copies inside S3 out."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto.server import ThreadedMotoServer

from snakemake_executor_omics.aws.objects import copy_objects, look_at
from snakemake_executor_omics.aws.session import Services, connect
from snakemake_executor_omics.errors import StagingError
from snakemake_executor_omics.graph.storage import Storage

REPOSITORY = Path(__file__).resolve().parents[2]

MAIN = """
container: "docker://python:3.11"
localrules: all, note
rule all:
    input: "all.txt", "note.txt", "ran.txt"
rule up:
    input: "data/{s}.txt"
    output: temp("up/{s}.txt"), touch("flags/{s}")
    log: "logs/{s}.log"
    benchmark: "bench/{s}.tsv"
    shell: "tr a-z A-Z < {input} > {output[0]} 2> {log}; echo {wildcards.s} >> {log}"
rule split:
    input: "up/{s}.txt"
    output: directory("parts/{s}")
    shell: "mkdir -p {output}/deep; cp {input} {output}/deep/x; echo {wildcards.s} > {output}/y"
rule join:
    input:
        up=expand("up/{s}.txt", s=["a", "b"]),
        parts=expand("parts/{s}", s=["a", "b"]),
        more="more",
    output: protected("join.txt")
    resources: mem_mb=lambda wildcards, input: max(100, input.size_mb)
    script: "scripts/join.py"
rule note:
    input: "join.txt"
    output: "note.txt"
    shell: "wc -l < {input} > {output}"
rule ran:
    input: "join.txt"
    output: "ran.txt"
    log: "logs/ran.log"
    run:
        with open(output[0], "w") as out:
            out.write(open(input[0]).read() + wildcards.get("s", "none"))
        open(log[0], "w").write("ran")
rule end:
    input: "note.txt", "join.txt", "more"
    output: "all.txt"
    shell:
        "cat {input[0]} {input[1]} > {output};"
        " (cd {input[2]} && find -L . -type f | sort) >> {output}"
"""

JOIN = """
with open(snakemake.output[0], "w") as out:
    for path in snakemake.input.up:
        out.write(open(path).read())
    for path in snakemake.input.parts:
        out.write(open(f"{path}/deep/x").read() + open(f"{path}/y").read())
    out.write(open(f"{snakemake.input.more}/inner/two.txt").read())
"""

DATA = {
    "data/a.txt": "a\n",
    "data/b.txt": "b\n",
    "more/one.txt": "1\n",
    "more/inner/two.txt": "2\n",
}

# Counts what a process sends and receives, and adds it to a file when it ends.
COUNTER = """
import atexit, os, socket
counted = 0
def sendall(self, data, *flags, send=socket.socket.sendall):
    global counted
    counted += memoryview(data).nbytes
    return send(self, data, *flags)
def recv_into(self, *arguments, receive=socket.socket.recv_into):
    global counted
    got = receive(self, *arguments)
    counted += got
    return got
socket.socket.sendall, socket.socket.recv_into = sendall, recv_into
def leave():
    with open(os.environ["COUNTED"], "a") as out:
        out.write(f"{counted}\\n")
atexit.register(leave)
"""


@dataclass(frozen=True)
class Project:
    """A folder with a local service of its own that stays, and the bucket `data` there."""

    folder: Path
    services: Services
    environment: dict[str, str] = field(repr=False)

    def omics(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", "--executor", "omics", "--jobs", "50"]
        return subprocess.run(
            [*command, "--omics-endpoint", "local", *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment | environment,
        )

    def stored(self, name: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        """`omics` on `<name>.smk` with all its files below `s3://data/<name>`."""
        return self.omics(
            *("--snakefile", f"{name}.smk", "--default-storage-provider", "s3"),
            *("--default-storage-prefix", f"s3://data/{name}", *options),
            **env,
        )

    def put(self, key: str, body: str | bytes) -> None:
        content = body if isinstance(body, bytes) else body.encode()
        self.services.s3.put_object(Bucket="data", Key=key, Body=content)

    def objects(self, prefix: str) -> dict[str, bytes]:
        listed = self.services.s3.list_objects_v2(Bucket="data", Prefix=f"{prefix}/")
        return {
            item["Key"].removeprefix(f"{prefix}/"): self.get(item["Key"])
            for item in listed.get("Contents", ())
        }

    def get(self, key: str) -> bytes:
        body: bytes = self.services.s3.get_object(Bucket="data", Key=key)["Body"].read()
        return body


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("storage") / "project"
    (folder / "scripts").mkdir(parents=True)
    command = [sys.executable, "-m", "snakemake_executor_omics.cli", "local"]
    subprocess.run([*command, "up"], cwd=folder, check=True, capture_output=True)
    try:
        said = subprocess.run(
            [*command, "env"], cwd=folder, check=True, capture_output=True, text=True
        )
        exported = dict(
            word.split("=", 1)
            for line in said.stdout.splitlines()
            for word in shlex.split(line)
            if word != "export"
        )
        environment = {
            **os.environ,
            **exported,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        services = connect(
            exported["AWS_REGION"], None, exported["AWS_ENDPOINT_URL"], environment=exported
        )
        services.s3.create_bucket(Bucket="data")
        yield Project(folder, services, environment)
    finally:
        subprocess.run([*command, "down"], cwd=folder, check=True)


@pytest.fixture(scope="module")
def first(project: Project) -> subprocess.CompletedProcess[str]:
    """The first invocation of the main workflow."""
    (project.folder / "main.smk").write_text(MAIN)
    (project.folder / "scripts/join.py").write_text(JOIN)
    for path, text in DATA.items():
        project.put(f"main/{path}", text)
    return project.stored("main")


def test_the_objects_are_the_files_of_the_local_executor(
    project: Project, first: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    assert first.returncode == 0, first.stderr
    for path, text in {**DATA, "Snakefile": MAIN, "scripts/join.py": JOIN}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and not {".snakemake", "Snakefile", "scripts"} & set(path.parts)
    }
    found = project.objects("main")
    header = expected.pop("bench/a.tsv").split(b"\n")[0]
    assert found.pop("bench/a.tsv").split(b"\n")[0] == header
    assert expected.pop("bench/b.tsv")
    assert found.pop("bench/b.tsv")
    assert found == expected
    assert not [name for name in found if name.startswith("up/")]


def test_jobs_around_a_local_rule_are_two_runs_and_leave_nothing_here(
    project: Project, first: subprocess.CompletedProcess[str]
) -> None:
    assert first.stderr.count("omics: started run") == 2, first.stderr
    left = [path for path in (project.folder / ".snakemake/storage").rglob("*") if path.is_file()]
    assert left == []


def test_a_second_invocation_has_nothing_to_do(
    project: Project, first: subprocess.CompletedProcess[str]
) -> None:
    again = project.stored("main")
    assert "Nothing to be done" in again.stderr, again.stderr


def test_an_object_that_changed_reruns_what_depends_on_it(project: Project) -> None:
    (project.folder / "pair.smk").write_text(
        'container: "docker://debian:12"\n'
        "rule all:\n"
        '    input: "x.out", "y.out"\n'
        "rule first:\n"
        '    input: "{s}.in"\n'
        '    output: "{s}.mid"\n'
        '    shell: "cat {input} > {output}"\n'
        "rule second:\n"
        '    input: "{s}.mid"\n'
        '    output: "{s}.out"\n'
        '    shell: "cat {input} > {output}"\n'
    )
    for name in "xy":
        project.put(f"pair/{name}.in", "old")
    before = project.stored("pair")
    assert before.returncode == 0, before.stderr
    for key in ("pair/x.in", "pair/x.mid", "pair/x.out", "pair/y.in", "pair/y.mid", "pair/y.out"):
        assert project.get(key) == b"old"
    made = project.services.s3.head_object(Bucket="data", Key="pair/x.out")["LastModified"]
    changed = made
    while changed <= made:  # S3 dates by whole seconds
        project.put("pair/x.in", "new")
        changed = project.services.s3.head_object(Bucket="data", Key="pair/x.in")["LastModified"]
    after = project.stored("pair")
    assert after.returncode == 0, after.stderr
    assert "2 jobs go into one run" in after.stderr, after.stderr
    assert project.get("pair/x.out") == b"new"
    assert project.get("pair/y.out") == b"old"


def test_bytes_through_this_machine_do_not_grow_with_the_data(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(COUNTER)
    text = (
        'container: "docker://debian:12"\n'
        "rule all:\n"
        '    input: "c.bin", "d"\n'
        "rule first:\n"
        '    input: "a.bin"\n'
        '    output: temp("b.bin")\n'
        '    shell: "cat {input} {input} > {output}"\n'
        "rule second:\n"
        '    input: "b.bin"\n'
        '    output: "c.bin"\n'
        '    shell: "cat {input} > {output}"\n'
        "rule third:\n"
        '    input: "b.bin"\n'
        '    output: directory("d")\n'
        "    shell: 'mkdir -p {output}/é; cd {output}; cp $OLDPWD/{input} é/x; ln é/x y; touch z'\n"
    )
    counted = {}
    for name, size in (("small", 1), ("large", 30_000_000)):
        (project.folder / f"{name}.smk").write_text(text)
        data = os.urandom(size)
        project.put(f"{name}/a.bin", data)
        project.put(f"{name}/d/of an earlier run", "")
        done = project.stored(name, COUNTED=str(tmp_path / name), PYTHONPATH=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert project.get(f"{name}/c.bin") == 2 * data
        directory = {".snakemake_timestamp": b"", "z": b"", "y": 2 * data, "é/x": 2 * data}
        assert project.objects(f"{name}/d") == directory
        counted[name] = sum(map(int, (tmp_path / name).read_text().split()))
    assert counted["small"] > 10_000  # it does count
    assert counted["large"] < counted["small"] + 200_000, counted


@pytest.mark.parametrize("options", [(), ("--keep-going",)], ids=["stop", "keep-going"])
def test_a_failed_job_leaves_its_log_and_the_finished_ones_in_s3(
    project: Project, options: tuple[str, ...]
) -> None:
    name = f"broken{len(options)}"
    (project.folder / f"{name}.smk").write_text(
        'container: "docker://debian:12"\n'
        "rule all:\n"
        '    input: "b.txt"\n'
        "rule first:\n"
        '    output: "a.txt"\n'
        '    shell: "echo fine > {output}"\n'
        "rule second:\n"
        '    input: "a.txt"\n'
        '    output: "b.txt"\n'
        '    log: "b.log"\n'
        '    shell: "echo it broke > {log}; exit 3"\n'
    )
    done = project.stored(name, *options)
    assert done.returncode != 0
    assert "Error in rule second" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.objects(name) == {"a.txt": b"fine\n", "b.log": b"it broke\n"}


def test_single_storage_objects_in_a_local_workflow(project: Project) -> None:
    (project.folder / "single.smk").write_text(
        'container: "docker://debian:12"\n'
        "rule all:\n"
        '    input: "end.txt"\n'
        "rule first:\n"
        '    input: storage("s3://data/single/a.txt")\n'
        '    output: "local.txt"\n'
        '    shell: "cat {input} > {output}; echo local >> {output}"\n'
        "rule second:\n"
        '    input: "local.txt"\n'
        '    output: storage("s3://data/single/b.txt"), "side.txt"\n'
        '    shell: "tee {output} < {input}"\n'
        "rule third:\n"
        '    input: storage("s3://data/single/b.txt"), "side.txt"\n'
        '    output: "end.txt"\n'
        '    shell: "cat {input} > {output}"\n'
    )
    project.put("single/a.txt", "there\n")
    done = project.omics("--snakefile", "single.smk")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("omics: started run") == 1
    assert project.get("single/b.txt") == b"there\nlocal\n"
    assert (project.folder / "end.txt").read_text() == "there\nlocal\n" * 2
    again = project.omics("--snakefile", "single.smk")
    assert "Nothing to be done" in again.stderr, again.stderr


def test_a_packaged_workflow_names_its_objects(project: Project) -> None:
    (project.folder / "pack.smk").write_text(
        'container: "docker://python:3.11"\n'
        'rule one:\n    input: "in.txt"\n    output: "one.txt"\n'
        '    shell: "cat {input} > {output}"\n'
    )
    project.put("pack/in.txt", "in\n")
    packaged = project.stored("pack", "--omics-package", "packed")
    assert packaged.returncode == 0, packaged.stderr
    parameters = json.loads((project.folder / "packed/parameters.json").read_text())
    assert list(parameters.values()) == ["s3://data/pack/in.txt"]
    assert project.objects("pack") == {"in.txt": b"in\n"}
    ran = project.stored("pack")
    assert ran.returncode == 0, ran.stderr
    sent = re.findall(r"definition in (\S+)", ran.stderr)[-1]
    assert (Path(sent) / "definition.zip").read_bytes() == (
        project.folder / "packed/definition.zip"
    ).read_bytes()


def test_what_runs_cannot_reach_is_fetched_first_and_refused_as_a_result(project: Project) -> None:
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    try:
        # Not 127.0.0.1: `local env` sets the proxy for that.
        other = f"http://localhost:{server.get_host_and_port()[1]}"
        client = _client(project, other)
        client.create_bucket(Bucket="theirs")
        client.put_object(Bucket="theirs", Key="a.txt", Body=b"from elsewhere\n")
        text = (
            'container: "docker://debian:12"\n'
            f'storage other: provider="s3", endpoint_url="{other}"\n'
            "rule copy:\n"
            '    input: storage.other("s3://theirs/a.txt")\n'
            '    output: "fetched.txt"\n'
            '    shell: "cat {input} > {output}"\n'
        )
        (project.folder / "other.smk").write_text(text)
        done = project.omics("--snakefile", "other.smk")
        assert done.returncode == 0, done.stderr
        assert (project.folder / "fetched.txt").read_text() == "from elsewhere\n"
        (project.folder / "other.smk").write_text(
            text.replace('"fetched.txt"', 'storage.other("s3://theirs/b.txt")')
        )
        refused = project.omics("--snakefile", "other.smk")
        assert "rule copy: writes to s3://theirs/b.txt" in refused.stderr
        assert "omics: started run" not in refused.stderr
    finally:
        server.stop()


def _assert_refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "omics: started run" not in done.stderr


def test_a_run_block_writes_a_storage_object(project: Project) -> None:
    (project.folder / "inner.smk").write_text(
        'container: "docker://debian:12"\n'
        "rule inner:\n"
        '    output: storage("s3://data/inner.txt")\n'
        "    run: open(output[0], 'w').write('by the block')\n"
    )
    done = project.omics("--snakefile", "inner.smk")
    assert done.returncode == 0, done.stderr
    made = _client(project).get_object(Bucket="data", Key="inner.txt")
    assert made["Body"].read() == b"by the block"


def test_a_bucket_of_another_region_is_told_before_a_run_starts(project: Project) -> None:
    _client(project, region="eu-west-1").create_bucket(
        Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    (project.folder / "far.smk").write_text(
        'container: "docker://debian:12"\n'
        "rule make:\n"
        '    output: storage("s3://far/a.txt")\n'
        '    shell: "echo far > {output}"\n'
    )
    done = project.omics("--snakefile", "far.smk")
    _assert_refused(done, "rule make: bucket far is in eu-west-1, the runs are in us-east-1")


def test_a_denied_object_is_told_with_rule_and_file(project: Project) -> None:
    client = _client(project)
    services = Services(omics=None, s3=client, logs=None, region="us-east-1")
    with Stubber(client) as stubber:
        stubber.add_client_error("head_object", "403", "Forbidden", http_status_code=403)
        found = look_at(services, ["s3://data/secret.txt"])
    # The plugin itself would set variables for all of the test process.
    provider = type("StorageProvider", (), {"__module__": "snakemake_storage_plugin_s3"})()
    provider.s3c = SimpleNamespace(meta=SimpleNamespace(client=client))
    place = SimpleNamespace(provider=provider, bucket="data", key="secret.txt")
    file = SimpleNamespace(is_storage=True, storage_object=place)
    storage = Storage(client.meta.endpoint_url, found)
    with pytest.raises(StagingError, match="rule use: no right to read its input s3://data/secr"):
        storage.inputs(file, "secret.txt", "use")


def test_large_objects_are_copied_in_parts(project: Project) -> None:
    mib = 1024 * 1024
    data = os.urandom(11 * mib)
    project.put("parts/from", data)
    copies = {"s3://data/parts/to": "s3://data/parts/from"}
    copy_objects(project.services, copies, limit=8 * mib, part=5 * mib)
    assert project.get("parts/to") == data
    head = project.services.s3.head_object(Bucket="data", Key="parts/to")
    assert head["ETag"].strip('"').endswith("-3")


def test_the_environment_of_a_service_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snakemake_executor_omics.cli", "local", "env"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "snakemake-omics local up" in done.stderr


def _client(project: Project, endpoint: str | None = None, region: str = "us-east-1") -> Any:
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint or project.services.s3.meta.endpoint_url,
        aws_access_key_id=project.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=project.environment["AWS_SECRET_ACCESS_KEY"],
    )
