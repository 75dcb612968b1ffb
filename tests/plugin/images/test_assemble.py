"""Images of environments, made without Docker: pushed to registries, and run."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conda_channel import Package, tool, write_channel
from registry_images import put_image

from snakemake_executor_omics.images.assemble import LOCK, NeedsBuilder, assemble, push
from snakemake_executor_omics.images.dockerfile import context
from snakemake_executor_omics.images.manifest import (
    Blob,
    Manifest,
    Reference,
    Registry,
    sha256,
)  # fmt: skip
from snakemake_executor_omics.images.registry_api import RegistryApi
from snakemake_executor_omics.model import Environment

pytest.importorskip("rattler")
HOST = "registry.example"


class Memory:
    """A registry in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, Manifest] = {}
        self.pushed: list[str] = []

    def manifest(self, repository: str, wanted: str) -> Manifest | None:
        return self.manifests.get(f"{repository}:{wanted}")

    def blob(self, repository: str, digest: str) -> Iterator[bytes]:
        yield self.blobs[digest]

    def has_blob(self, repository: str, digest: str) -> bool:
        return f"{repository}/{digest}" in self.pushed

    def put_blob(self, repository: str, blob: Blob, open_it: object) -> None:
        assert callable(open_it)
        with open_it() as content:
            self.blobs[blob.digest] = content.read()
        assert sha256(self.blobs[blob.digest]) == blob.digest
        self.pushed.append(f"{repository}/{blob.digest}")

    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None:
        self.manifests[f"{repository}:{tag}"] = manifest


def put_base(registry: Registry, repository: str) -> None:
    config = {"Entrypoint": ["/entry"], "Env": ["PATH=/usr/bin:/bin"]}
    put_image(registry, repository, config=config)


@pytest.fixture
def channel(tmp_path: Path) -> str:
    packages = [
        tool("aligner", depends=["library"]),
        Package("library", files={"lib/library.txt": "library"}),
        Package("scripted", files={"bin/.scripted-post-link.sh": "true"}),
    ]
    return write_channel(tmp_path / "channel", packages)


def environment(channel: str, *specs: object, base: str = f"{HOST}/base:1", **more: bytes
) -> Environment:  # fmt: skip
    content = json.dumps({"channels": [channel], "dependencies": specs}).encode()
    return Environment(name="tools", content=content, base=base, file="envs/tools.yaml", **more)


def test_two_builds_have_one_digest_and_what_is_there_is_not_sent_again(
    tmp_path: Path, channel: str
) -> None:
    registry = Memory()
    put_base(registry, "base")
    wanted = environment(channel, "aligner")
    target = Reference.of(f"{HOST}/snakemake/tools:{wanted.key}")
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made = assemble(wanted, lambda host: registry, tmp_path / name)
        digests.append(push(made, lambda host: registry, target))
    assert digests[0] == digests[1]
    assert len(registry.pushed) == len(set(registry.pushed)) == 2 + 3
    manifest = registry.manifests[f"snakemake/tools:{wanted.key}"]
    config = json.loads(registry.blobs[manifest.config.digest])["config"]
    assert config["Entrypoint"] is None
    assert "OMICS_ACTIVATE=/opt/env/activate.sh" in config["Env"]
    assert "PATH=/opt/env/bin:/usr/bin:/bin" in config["Env"]
    layer = registry.blobs[manifest.layers[1].digest]
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        lock = archive.extractfile(f"opt/env/{LOCK}")
        assert lock is not None
        assert b"aligner-1.0-0.tar.bz2#" in lock.read()
        names = archive.getnames()
    assert str(tmp_path) not in str(names)


@pytest.mark.parametrize(
    ("specs", "script", "reason"),
    [
        (("aligner", {"pip": ["x"]}), None, "`pip:` part"),
        (("aligner",), b"true", "post-deploy script"),
        (("scripted",), None, r"packages that run a script: \.scripted-post-link\.sh"),
    ],
)
def test_what_has_to_run_in_the_image_needs_a_builder(
    tmp_path: Path, channel: str, specs: tuple[object, ...], script: bytes | None, reason: str
) -> None:
    registry = Memory()
    put_base(registry, "base")
    more = {} if script is None else {"post_deploy": script}
    with pytest.raises(NeedsBuilder, match=reason):
        assemble(environment(channel, *specs, **more), lambda host: registry, tmp_path)


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[str]:
    """A registry of Debian's package `docker-registry`."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{found.getsockname()[1]}"
    settings = tmp_path / "registry.json"
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}
    settings.write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": host}}))
    process = subprocess.Popen(
        [program, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", int(host.rpartition(":")[2]))) == 0:
                    break
            time.sleep(0.05)
        yield host
    finally:
        process.kill()
        process.wait()


def test_a_registry_takes_and_gives_images(tmp_path: Path, channel: str, loopback: str) -> None:
    registry = RegistryApi(loopback)
    put_base(registry, "base")
    wanted = environment(channel, "aligner", base=f"{loopback}/base:1")
    made = assemble(wanted, RegistryApi, tmp_path)
    digest = push(made, RegistryApi, Reference.of(f"{loopback}/snakemake/tools:1"))
    found = registry.manifest("snakemake/tools", "1")
    assert found is not None
    assert found.digest == digest
    assert registry.manifest("snakemake/tools", "none") is None


BUILDAH = ("buildah", "runc")


def _buildah(folder: Path, *words: str) -> str:
    storage = ("--root", str(folder / "store"), "--runroot", str(folder / "run"),
               "--storage-driver", "vfs")  # fmt: skip
    done = subprocess.run(
        ["buildah", *storage, *words], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _commit(folder: Path, image: str, *programs: str, **files: str) -> None:
    """A base image: bash, other programs of this machine with their libraries, and files."""
    container = _buildah(folder, "from", "scratch")
    root = Path(_buildah(folder, "mount", container))
    (root / "tmp").mkdir()
    for name in ("bash", *programs):
        program = shutil.which(name)
        assert program is not None
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        libraries = [word for word in said.split() if word.startswith("/")]
        for file, place in ((program, f"bin/{name}"), *((one, one[1:]) for one in libraries)):
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / place)
    (root / "bin/sh").symlink_to("bash")
    for name, text in files.items():
        (root / "bin" / name).write_text(text)
        (root / "bin" / name).chmod(0o755)
    _buildah(folder, "config", "--env", "PATH=/bin", "--arch", "amd64", container)
    _buildah(folder, "commit", container, image)


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(shutil.which, BUILDAH)), reason="buildah and runc are not installed"
)
def test_an_image_runs_its_tool_with_its_environment_active(
    tmp_path: Path, channel: str, loopback: str
) -> None:
    _commit(tmp_path, f"{loopback}/base:1")
    plain = ("--tls-verify=false", f"{loopback}/base:1")
    _buildah(tmp_path, "push", *plain, f"docker://{loopback}/base:1")
    wanted = environment(channel, "aligner", base=f"{loopback}/base:1")
    made = assemble(wanted, RegistryApi, tmp_path)
    push(made, RegistryApi, Reference.of(f"{loopback}/snakemake/tools:1"))
    pulled = _buildah(tmp_path, "from", "--tls-verify=false", f"{loopback}/snakemake/tools:1")
    command = '. "$OMICS_ACTIVATE"; aligner'
    said = _buildah(
        tmp_path, "run", "--isolation", "chroot", pulled, "--", "/bin/bash", "-c", command
    )
    assert said == "aligner 1.0 0 in /opt/env home=/opt/env/share/aligner"


# Stands in for micromamba, whose image no test can pull: makes what its arguments ask for.
MICROMAMBA = """#!/bin/bash
if [ "$1" = list ]; then echo @EXPLICIT; exit; fi
[ "$CONDA_OVERRIDE_GLIBC" = 2.28 ] || exit 3
[ "$8" = --file ] && [ -s "$9" ] || exit 4
mkdir -p "$7/bin" "$7/etc/conda/activate.d"
echo 'echo aligner in $CONDA_PREFIX $DEPLOYED' > "$7/bin/aligner"
chmod 755 "$7/bin/aligner"
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(shutil.which, BUILDAH)), reason="buildah and runc are not installed"
)
def test_the_dockerfile_of_an_environment_builds(tmp_path: Path, channel: str) -> None:
    programs = ("mkdir", "rm", "chmod", "cat")
    _commit(tmp_path, "docker.io/mambaorg/micromamba:2.6.1", *programs, micromamba=MICROMAMBA)
    _commit(tmp_path, "localhost/base:1", *programs)
    script = b"echo 'export DEPLOYED=yes' > $CONDA_PREFIX/etc/conda/activate.d/deployed.sh\n"
    wanted = environment(channel, "aligner", base="localhost/base:1", post_deploy=script)
    folder = tmp_path / "context"
    folder.mkdir()
    for name, content in context(wanted).items():
        (folder / name).write_bytes(content)
    _buildah(tmp_path, "bud", "--isolation", "chroot", "--pull-never", "-t", "made", str(folder))
    made = _buildah(tmp_path, "from", "--pull-never", "localhost/made")
    command = '. "$OMICS_ACTIVATE"; aligner'
    said = _buildah(
        tmp_path, "run", "--isolation", "chroot", made, "--", "/bin/bash", "-c", command
    )
    assert said == "aligner in /opt/env yes"
