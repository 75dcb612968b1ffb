"""What programs of a project use in turn, by language and by the ways that people find files."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_executor_omics.graph.programs import (
    files_below,
    is_executable,
    may_be_run,
    program_tells_links,
    tells_links,
    used_by,
    used_by_command,
)


def _project(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("program", "text", "used"),
    [
        ("a/x.py", "from helper import twice", "a/helper.py"),
        ("a/x.py", "import os.path, pack.inner as p", "a/pack/inner.py"),
        ("a/x.py", "from .near import (\n  x,\n)", "a/near.py"),
        (
            "a/x.py",
            "sys.path.insert(0, os.path.join(HERE, '..', 'lib'))\nimport deep",
            "lib/deep.py",
        ),
        ("a/x.py", "subprocess.run(['bash', f'{here}/tool.sh'])", "a/tool.sh"),
        ("a/x.sh", '. "$(dirname "$(readlink -f "$0")")/common.sh"', "a/common.sh"),
        ("a/x.sh", "source ${HERE}/../lib/common.sh", "lib/common.sh"),
        ("a/x.sh", 'python "$here"/count.py --table=$here/table.tsv', "a/table.tsv"),
        ("a/x.sh", "bash tools/from_project.sh", "tools/from_project.sh"),
        ("a/x.R", 'source(file.path(dirname(script), "lib", "plot.R"))', "a/lib/plot.R"),
        ("a/x.pl", "use Inner::Thing;", "a/Inner/Thing.pm"),
        ("a/x.jl", 'include("near.jl")', "a/near.jl"),
        ("a/Makefile", "show:\n\tcat a/table.tsv", "a/table.tsv"),
    ],
)
def test_a_program_brings_what_it_uses(program: str, text: str, used: str, tmp_path: Path) -> None:
    _project(tmp_path, {program: text, used: "", "a/pack/__init__.py": "", "a/other.py": ""})
    found = used_by([program], tmp_path)
    assert used in found
    assert "a/other.py" not in found


def test_what_is_used_uses_others_in_turn(tmp_path: Path) -> None:
    _project(tmp_path, {"x.sh": "./y.py", "y.py": "import z", "z.py": "import y"})
    assert used_by(["x.sh"], tmp_path) == ["y.py", "z.py"]


def test_data_is_not_read_for_names(tmp_path: Path) -> None:
    _project(tmp_path, {"reads.txt": "x.sh", "x.sh": ""})
    assert used_by(["reads.txt"], tmp_path) == []


def test_nothing_outside_of_the_project_and_no_hidden_file_comes_along(tmp_path: Path) -> None:
    text = "source ../outside.sh /etc/passwd; . .env; cat .git/config"
    _project(tmp_path, {"p/a.sh": text, "outside.sh": "", "p/.env": "SECRET", "p/.git/config": "x"})
    assert used_by(["a.sh"], tmp_path / "p") == []


def test_a_command_brings_the_modules_that_python_runs(tmp_path: Path) -> None:
    files = {"lib/tool/__init__.py": "", "lib/tool/__main__.py": "import side", "lib/side.py": ""}
    command = "PYTHONPATH=lib python -m tool"
    found = used_by_command(command, [], _project(tmp_path, files))
    assert {"lib/tool/__main__.py", "lib/tool/__init__.py", "lib/side.py"} <= set(found)


def test_an_execute_bit_alone_makes_no_program(tmp_path: Path) -> None:
    _project(tmp_path, {"reads.fq": "@r", "tool": "#!/bin/sh\n"})
    for name in ("reads.fq", "tool"):
        (tmp_path / name).chmod(0o755)
    assert [is_executable(tmp_path / name) for name in ("reads.fq", "tool")] == [False, True]


@pytest.mark.parametrize(
    ("path", "command", "may"),
    [
        ("gen.sh", "cat gen.sh", True),
        ("bin/tool", "bin/tool -x", True),
        ("out/made.exe", "set -e; out/made.exe", True),
        ("made.bin", "time ./made.bin", True),
        ("data/a.bam", "samtools view data/a.bam", False),
    ],
)
def test_a_job_may_run_what_is_named_like_a_program_or_stands_in_its_place(
    path: str, command: str, may: bool
) -> None:
    assert may_be_run(path, command) is may


def test_a_program_beside_the_project_brings_what_it_uses_by_the_same_way(tmp_path: Path) -> None:
    _project(tmp_path, {"lib/x.py": "import y", "lib/y.py": "", "p/a.txt": ""})
    assert used_by(["../lib/x.py"], tmp_path / "p") == ["../lib/y.py"]
    assert used_by([f"{tmp_path}/lib/x.py"], tmp_path / "p") == [f"{tmp_path}/lib/y.py"]


def test_a_file_is_found_that_a_text_names_by_its_folder_and_its_name(tmp_path: Path) -> None:
    _project(tmp_path, {"wf/scripts/x.py": "", "wf/scripts/other.py": "", "p/scripts/x.py": ""})
    text = f"B = '{tmp_path}/wf'\nopen(B + '/scripts/x.py')"
    assert files_below(text, [f"{tmp_path}/wf"], tmp_path / "p") == [f"{tmp_path}/wf/scripts/x.py"]


@pytest.mark.parametrize(
    "text",
    [
        "find a.bed -type f -name '*.bed' -exec echo {} \\;",
        "find a.bed \\\n  -type f > list",
        "tar czf all.tar.gz a b",
        "tar -C folder -cf - a | gzip > b",
        "tar --create --file x.tar a",
        "stat -c %s a",
        "du -b a",
        "ls -l a",
        "rsync -a a b",
        "if [ -L a ]; then exit 1; fi",
        "shutil.copy(a, b, follow_symlinks=False)",
        "stat.S_ISLNK(os.stat(a).st_mode)",
        "Path(a).is_symlink()",
        "with tarfile.open(a, 'w') as tar:",
        'if (Sys.readlink(a) != "") stop()',
    ],
)
def test_a_command_that_tells_links_from_files_is_known(text: str) -> None:
    assert tells_links(text)


@pytest.mark.parametrize(
    "text",
    [
        "samtools stats a.bam > a.txt",
        "tar xzf a.tar.gz -C folder",
        "tar -xf a.tar && gzip -c b > b.gz",
        "find_circ.py a --type f",
        "here=$(dirname $(readlink -f $0)); ls a",
        "bcftools view -L x",
        "shutil.copy(a, b); here = Path(__file__).resolve().parent",
    ],
)
def test_others_may_have_links(text: str) -> None:
    assert not tells_links(text)


def test_a_program_that_tells_links_is_known_by_its_text(tmp_path: Path) -> None:
    _project(tmp_path, {"pack.py": "import tarfile", "print.py": "print(1)", "a.txt": "tarfile"})
    names = ("pack.py", "print.py", "a.txt", "absent.py")
    assert [program_tells_links(name, tmp_path) for name in names] == [True, False, False, False]


@pytest.mark.parametrize(
    "text",
    [
        'cat "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/data/x.cfg"',
        'source "$(dirname "$0")/../data/x.cfg"',
        "open(Path(__file__).resolve().parents[1] / 'data' / 'x.cfg')",
        "open(os.path.join(os.path.dirname(__file__), '..', 'data', 'x.cfg'))",
        "open(Path(__file__).parent.parent / 'data/x.cfg')",
    ],
)
def test_a_program_finds_what_lies_beside_its_folder(tmp_path: Path, text: str) -> None:
    script = "bin/x.py" if "open" in text else "bin/x.sh"
    _project(tmp_path, {script: text, "data/x.cfg": "", "other/x.cfg": ""})
    assert used_by([script], tmp_path) == ["data/x.cfg"]
