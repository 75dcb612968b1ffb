"""Definitions and tasks that reach for what is not theirs, or for all there is."""

from __future__ import annotations

import http.server
import io
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Clients, settled, zipped

SECRET = "the secret of this machine"
TASK = """version 1.0
workflow w {{ {inputs} call t {{ input: {given} }} output {{ {out} o = t.o }} }}
task t {{
    input {{ {task_inputs} }}
    command <<<
        {command}
    >>>
    output {{ {out} o = {output} }}
    runtime {{ container: "x/y:1" cpu: 1 memory: "1 GiB" }}
}}
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f'version 1.0\ntask t {{ command {{}} meta {{ a: "{SECRET}" }} }}\n')
    return path


def archive(write: Callable[[zipfile.ZipFile], None]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        write(opened)
    return out.getvalue()


def built(clients: Clients, definition: bytes, **options: Any) -> dict[str, Any]:
    """A workflow as it is at the end of its creation."""
    id = clients.omics.create_workflow(definitionZip=definition, **options)["id"]
    return settled(lambda: dict(clients.omics.get_workflow(id=id)), "ACTIVE", "FAILED")


def refused(clients: Clients, definition: bytes, **options: Any) -> str:
    found = built(clients, definition, **options)
    assert found["status"] == "FAILED", found
    message: str = found["statusMessage"]
    assert "Traceback" not in message
    assert "internal error" not in message
    assert SECRET not in message
    return message


# zip files


def test_a_zip_that_leaves_its_folder_is_refused(fake: Clients) -> None:
    for name in ("../main.wdl", "/main.wdl", "a/../../main.wdl", "..", "/etc/passwd"):
        refused(fake, archive(lambda opened, name=name: opened.writestr(name, "x")))  # type: ignore[misc]
    definitions = fake.service.state / "definitions"
    assert not (definitions / "main.wdl").exists()
    assert not (definitions.parent / "main.wdl").exists()


def test_a_link_in_a_zip_is_refused(fake: Clients) -> None:
    def write(opened: zipfile.ZipFile) -> None:
        link = zipfile.ZipInfo("main.wdl")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")

    refused(fake, archive(write))


def test_a_file_and_a_folder_of_one_name_are_refused(fake: Clients) -> None:
    def write(opened: zipfile.ZipFile) -> None:
        opened.writestr("a", "file")
        opened.writestr("a/main.wdl", "x")

    refused(fake, archive(write))


def test_a_bomb_is_refused_by_what_it_unpacks_to(fake: Clients) -> None:
    zeros = bytes(64 * 1024 * 1024)

    def write(opened: zipfile.ZipFile) -> None:
        for number in range(17):
            opened.writestr(f"{number}", zeros)

    assert "too large" in refused(fake, archive(write))


def test_too_many_files_are_refused(fake: Clients) -> None:
    refused(fake, archive(lambda opened: [opened.writestr(f"{n}", "") for n in range(20_001)]))  # type: ignore[arg-type, return-value]


def test_a_zip_that_lies_or_is_broken_is_refused(fake: Clients) -> None:
    good = zipped(main="version 1.0\nworkflow w {}\n" + "# \n" * 100)
    middle = good[: len(good) // 2]
    lying = good.replace((326).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    for bad in (
        b"",
        b"PK\x05\x06" + bytes(18),
        good[:-10],
        middle,
        good[40:],
        lying[::-1],
        good[:50] + b"\xff" * 60 + good[110:],
    ):
        if bad:
            refused(fake, bad)


def test_an_encrypted_zip_is_refused(fake: Clients) -> None:
    plain = bytearray(zipped(main="version 1.0\nworkflow w {}\n"))
    plain[6] |= 1  # the flag, in the local header and in the directory
    plain[plain.index(b"PK\x01\x02") + 8] |= 1
    refused(fake, bytes(plain))


# imports


@pytest.fixture
def web() -> Iterator[tuple[str, list[str]]]:
    """A web server that counts who comes."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"version 1.0\ntask t { command {} }\n")

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def importing(uri: str) -> bytes:
    return zipped(main=f'version 1.0\nimport "{uri}" as other\nworkflow w {{ call other.t }}\n')


def test_an_import_from_the_web_is_not_fetched(fake: Clients, web: tuple[str, list[str]]) -> None:
    url, asked = web
    refused(fake, importing(f"{url}/other.wdl"))
    assert asked == []


def test_an_import_of_a_file_of_this_machine_is_not_read(fake: Clients, secret: Path) -> None:
    up = "../" * 20
    for uri in (str(secret), f"file://{secret}", f"{up}{secret}", f"a/{up}{secret}", "/dev/stdin"):
        refused(fake, importing(uri))


def test_a_main_file_outside_the_definition_is_refused(fake: Clients, secret: Path) -> None:
    definition = zipped(main="version 1.0\nworkflow w {}\n")
    refused(fake, definition, main=f"../../../../../../../../..{secret}")
    refused(fake, definition, main=str(secret))


def test_files_named_in_expressions_are_not_read_by_the_check(fake: Clients, secret: Path) -> None:
    wdl = f"""version 1.0
workflow w {{
    input {{ Array[String] lines = read_lines("{secret}") }}
    output {{ String s = read_string("{secret}") }}
}}
"""
    found = built(fake, zipped(main=wdl))
    assert SECRET not in str(found)


# what the check cannot finish


@pytest.mark.parametrize(
    "expression",
    [
        "+".join(["1"] * 20_000),
        "!" * 20_000 + "true",
    ],
)
def test_an_expression_nested_too_deeply_is_refused(fake: Clients, expression: str) -> None:
    wdl = f"version 1.0\nworkflow w {{ output {{ Int i = {expression} }} }}\n"
    refused(fake, zipped(main=wdl))


def test_a_check_without_end_does_not_keep_the_server(starter: Callable[[], Clients]) -> None:
    """Types of nested lists cost miniwdl twice the time for each level."""
    clients = starter()
    endless = "[" * 300 + "1" + "]" * 300
    wdl = f"version 1.0\nworkflow w {{ output {{ Int i = {endless} }} }}\n"
    id = clients.omics.create_workflow(definitionZip=zipped(main=wdl))["id"]
    clients.service.stop()
    assert clients.service._process is not None
    assert clients.service._process.returncode == 0
    assert starter().omics.get_workflow(id=id)["status"] == "CREATING"  # and is checked again


def test_files_that_import_each_other_are_refused(fake: Clients) -> None:
    refused(
        fake,
        zipped(
            main='version 1.0\nimport "a.wdl" as a\nworkflow w {}\n',
            a='version 1.0\nimport "main.wdl" as m\nworkflow a {}\n',
        ),
    )


@pytest.mark.parametrize(
    "text", ["\x00\x01\x02", "\ud800".encode("utf-8", "surrogatepass"), b"\xff"]
)
def test_a_text_that_is_none_is_refused(fake: Clients, text: str | bytes) -> None:
    refused(fake, archive(lambda opened: opened.writestr("main.wdl", text)))


# runs


def ended(clients: Clients, wdl: str) -> dict[str, Any]:
    found = built(clients, zipped(main=wdl))
    assert found["status"] == "ACTIVE", found
    run = clients.omics.start_run(
        workflowId=found["id"],
        roleArn=clients.service.role_arn,
        outputUri=clients.service.default_output_uri,
    )["id"]
    return clients.until(run, "COMPLETED", "FAILED")


def published(clients: Clients) -> bytes:
    """Everything that runs have put into S3."""
    listed = clients.s3.list_objects_v2(Bucket="omics-local").get("Contents", [])
    return b"".join(
        clients.s3.get_object(Bucket="omics-local", Key=item["Key"])["Body"].read()
        for item in listed
        if not item["Key"].endswith(".log")
    )


def test_a_default_that_names_a_file_of_this_machine_is_not_read(
    real: Clients, secret: Path
) -> None:
    for declaration in (f'File a = "{secret}"', f'File a = "file://{secret}"'):
        done = ended(
            real,
            TASK.format(
                inputs=f"input {{ {declaration} }}",
                given="a = a",
                task_inputs="File a",
                out="File",
                command="cat ~{a} > o",
                output='"o"',
            ),
        )
        assert done["status"] == "FAILED"
    done = ended(
        real,
        TASK.format(
            inputs=f'String s = read_string("{secret}")',
            given="a = s",
            task_inputs="String a",
            out="File",
            command="echo ~{a} > o",
            output='"o"',
        ),
    )
    assert done["status"] == "FAILED"
    assert SECRET.encode() not in published(real)


@pytest.mark.parametrize(
    ("kind", "command", "output"),
    [
        ("File", "ln -s {secret} o", '"o"'),
        ("File", "true", '"{secret}"'),
        ("File", "true", '"../../../../../../../../../../../../../../..{secret}"'),
        ("Array[File]", "ln -s {secret} o", 'glob("o")'),
        ("Array[File]", "true", 'glob("{folder}/secre*")'),
        ("Directory", "mkdir d; ln -s {secret} d/o", '"d"'),
        ("Directory", "ln -s {folder} d", '"d"'),
        ("String", "true", 'read_string("{secret}")'),
        ("String", "ln -s {secret} o", 'read_string("o")'),
    ],
)
def test_an_output_that_leads_out_of_the_tasks_folder_is_not_exported(
    real: Clients, secret: Path, kind: str, command: str, output: str
) -> None:
    places = {"secret": secret, "folder": secret.parent}
    wdl = (
        TASK.format(
            inputs="",
            given="",
            task_inputs="",
            out=kind,
            command=command.format(**places),
            output=output.format(**places),
        )
        .replace("{ input:  }", "")
        .replace("input {  }", "")
    )
    if kind == "Directory":
        wdl = wdl.replace("version 1.0", "version development")
    ended(real, wdl)
    assert SECRET.encode() not in published(real)
