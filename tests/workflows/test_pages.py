"""Every command of the documentation, typed as it stands there; `pages.py` says which are not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import PAGES, ROOT, Block, blocks, name
from real_clients import installed
from running import environment

from local_healthomics import start, stop

# Where a reader is when a page begins; the others begin in the clone.
_BEGINS = {
    "docs/check.md": "examples/cohort",
    "docs/further.md": "examples/cohort",
    "docs/report.md": "examples/cohort",
}
# What they have done before.
_BEFORE = {"docs/report.md": "snakemake --workflow-profile profiles/local"}
# What a page shows at its end.
_SHOWS = {
    "docs/local.md": "Hello Grace",
    "docs/tutorial.md": "ada\t2\ngrace\t0\n",
    "examples/checkpoint/README.md": "ACGTAC\t14\n",
    "examples/rnaseq/README.md": "transcript\tmean\tchange\tt\nGENE03\t",
    "examples/s3/README.md": "lane\treads\tbases\nL001\t3\t120\nL002\t5\t200\nL003\t2\t80\n",
}
_QUICK = {"examples/s3/README.md"}  # without AWS's own command line; the others take longer
_CLIENTS = {"aws": "awscli", "aws-healthomics-tools": "aws-healthomics-tools"}

# Everything is installed already: what it would install has to be there.
_PIP = """#!{python}
import sys, tomllib
from pathlib import Path

command, *wanted = sys.argv[1:]
assert command == "install", command
while wanted:
    word = wanted.pop(0)
    if word == "-r":
        assert Path(wanted.pop(0)).is_file()
    elif word.startswith("."):
        folder, _, extras = word.rstrip("]").partition("[")
        project = tomllib.loads(Path(folder, "pyproject.toml").read_text())["project"]
        assert set(filter(None, extras.split(","))) <= set(project["optional-dependencies"]), word
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What makes a shell take a local service for AWS."""
    service = start(tmp_path_factory.mktemp("account"))
    service.client("s3").create_bucket(Bucket="my-bucket")
    variables = {**service.environment, "SNAKEMAKE_OMICS_ENDPOINT": service.endpoint_url}
    yield "".join(f"export {key}='{value}'\n" for key, value in variables.items())
    service.stop()


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """What pages speak of: the examples and the project, as they are in git."""
    left = shutil.ignore_patterns(".snakemake", "results", "logs", "benchmarks", "__pycache__")
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=left)
    shutil.copy(ROOT / "pyproject.toml", folder)
    yield folder
    for state in (*folder.rglob(".snakemake/omics/local"), *folder.rglob(".local-healthomics")):
        stop(state)


def _script(found: list[Block], before: str, account: str) -> str:
    lines = ["set -eo pipefail", before]
    for number, block in enumerate(found):
        lines.append(f"echo '--- block {number}' >&2")
        if block.status:
            lines += ["set +e", block.text, f"[ $? = {block.status} ] || exit 99", "set -e"]
        elif block.on_aws:
            lines += ["(", account, block.text, ")"]
        else:
            lines.append(block.text)
    return "\n".join(lines)


def _cases() -> Iterator[object]:
    for page in PAGES:
        found = [block for block in blocks(page) if block.unrun is None]
        here = [block for block in found if not block.on_aws]
        if name(page) in _QUICK:
            yield pytest.param(page, here, id=name(page))
        if found and (name(page) not in _QUICK or here != found):
            marks = (pytest.mark.slow, pytest.mark.timeout(1800))  # whatever else the machine does
            yield pytest.param(page, found, id=f"{name(page)} whole", marks=marks)


@pytest.mark.parametrize(("page", "found"), list(_cases()))
def test_the_commands_of_a_page_work(
    page: Path, found: list[Block], clone: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pip").write_text(_PIP.format(python=sys.executable))
    (programs / "pip").chmod(0o755)
    text = "\n".join(block.text for block in found)
    for program, requirement in _CLIENTS.items():
        if f"{program} " in text:
            cache = Path(request.config.cache.mkdir("clients"))  # type: ignore[union-attr]
            (programs / program).symlink_to(installed(requirement, cache) / program)
    begins = page.parent.relative_to(ROOT) if page.name == "README.md" else Path()
    account = request.getfixturevalue("account") if any(b.on_aws for b in found) else ""
    done = subprocess.run(
        ["bash", "-c", _script(found, _BEFORE.get(name(page), ""), account)],
        cwd=clone / _BEGINS.get(name(page), begins),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**environment(), "PATH": f"{programs}:{environment()['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert _SHOWS.get(name(page), "") in done.stdout, done.stdout
    if page.parent.name == "s3":
        assert not (clone / "examples/s3/results").exists()  # nothing passed through this machine


def test_a_block_that_is_not_run_says_why() -> None:
    reasons = {block.unrun for page in PAGES for block in blocks(page) if block.unrun}
    assert all(len(reason.split()) > 2 for reason in reasons)
