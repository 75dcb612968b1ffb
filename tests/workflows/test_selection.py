"""Snakemake's graph becomes one wave: seen through `--omics-package`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import Done, forked

SNAKEFILE = """
container: "docker://python:3.11"
rule all:
    input: "all.txt"
rule up:
    input: "data/{s}.txt"
    output: "up/{s}.txt"
    log: "logs/{s}.log"
    shell: "python scripts/up.py {input} > {output} 2> {log}"
rule join:
    input: expand("up/{s}.txt", s=["a", "b"])
    output: "all.txt"
    shell: "cat {input} > {output}"
"""


def _project(folder: Path, snakefile: str = SNAKEFILE) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "scripts").mkdir()
    for sample in "ab":
        (folder / f"data/{sample}.txt").write_text(f"{sample}\n")
    (folder / "scripts/up.py").write_text("import sys\nprint(open(sys.argv[1]).read().upper())\n")
    (folder / "Snakefile").write_text(snakefile)
    return folder


def _package(folder: Path, *options: str) -> Done:
    wanted = ("--executor", "omics", "--omics-package", "out", "--jobs", "1", *options)
    return forked(folder, *wanted)


def test_snakemakes_default_resources_do_not_cut_the_graph(tmp_path: Path) -> None:
    folder = _project(tmp_path / "project")
    done = _package(folder, "--default-resources")
    assert done.returncode == 0, done.stderr
    wdl = (folder / "out/main.wdl").read_text()
    assert wdl.count("\ntask ") == 3
    assert 'size(inputs, "MiB")' in wdl


def test_a_script_that_only_a_command_names_is_an_input(tmp_path: Path) -> None:
    folder = _project(tmp_path / "project")
    _package(folder)
    parameters = json.loads((folder / "out/parameters.json").read_text())
    assert sorted(parameters.values()) == ["data/a.txt", "data/b.txt", "scripts/up.py"]


def test_another_folder_gives_the_same_zip(tmp_path: Path) -> None:
    zips = []
    for name in ("one", "two"):
        folder = _project(tmp_path / name)
        _package(folder)
        zips.append((folder / "out/definition.zip").read_bytes())
    assert zips[0] == zips[1]


@pytest.mark.parametrize(
    ("snakefile", "message"),
    [
        (
            SNAKEFILE.replace("container:", "#"),
            "rule up: has no container",
        ),
        (
            SNAKEFILE.replace(
                "    log:", "    envmodules: 'bio/samtools'\n    container: None\n    log:"
            ),
            "rule up: uses env_modules:",
        ),
        (
            SNAKEFILE.replace('    shell: "cat {input} > {output}"', '    cwl: "tool.cwl"'),
            "rule join: uses cwl:",
        ),
        (
            'envvars: "HOME"\n' + SNAKEFILE.replace("cat {input}", "echo $HOME; cat {input}"),
            "rule join: uses the environment variable HOME",
        ),
        (
            SNAKEFILE.replace("    log:", "    container: 'debian:11'\n    log:").replace(
                '"up/{s}.txt"\n    container', 'service("up/{s}.txt")\n    container'
            ),
            "is joined by service() to rules of other containers",
        ),
    ],
    ids=["no container", "env_modules", "cwl", "envvars", "joined"],
)
def test_what_cannot_run_is_refused_for_people(
    tmp_path: Path, snakefile: str, message: str
) -> None:
    done = _package(_project(tmp_path / "project", snakefile), "--container-image", "")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


REFUSED_AT_ONCE = """
localrules: all, here
envvars: "HOME"
rule all:
    input: "cwl.txt", "bare.txt", "secret.txt", "fine.txt"
rule here:
    output: "here.txt"
    shell: "echo > {output}"
checkpoint decide:
    output: "decided.txt"
    container: "docker://debian"
    shell: "echo > {output}"
rule cwl:
    input: "here.txt"
    output: "cwl.txt"
    container: "docker://debian"
    resources: mem_mb=lambda wildcards, input: input.size_mb
    cwl: "tool.cwl"
rule bare:
    input: "decided.txt"
    output: "bare.txt"
    container: None
    params: lambda wildcards, input: open(input[0]).read()
    shell: "echo {params} > {output}"
rule secret:
    output: "secret.txt"
    container: "docker://debian"
    shell: "echo $HOME > {output}"
rule fine:
    input: "here.txt"
    output: "fine.txt"
    container: "docker://debian"
    params: lambda wildcards, input: open(input[0]).read()
    shell: "echo {params.missing} > {output}"
"""


def test_everything_that_can_never_run_is_told_before_anything_starts(tmp_path: Path) -> None:
    folder = _project(tmp_path / "project", REFUSED_AT_ONCE)
    done = _package(folder, "--container-image", "", "--default-resources")
    assert done.returncode == 1
    told = done.stderr[done.stderr.index("3 things cannot run on HealthOmics:") :]
    assert "- rule cwl: uses cwl:, a workflow engine of its own (Snakefile, line 13)\n" in told
    assert "  hint: call the tool from `shell:`\n" in told
    assert "- rule bare: has no container" in told
    assert "- rule secret: uses the environment variable HOME of `envvars:` (Snakefile, " in told
    assert "rule fine" not in told
    assert not (folder / "here.txt").exists()


def test_a_secret_that_a_script_or_its_module_reads_is_noticed(tmp_path: Path) -> None:
    shell = 'shell: "python scripts/up.py {input} > {output} 2> {log}"'
    snakefile = 'envvars: "HOME"\n' + SNAKEFILE.replace(shell, 'script: "scripts/up.py"')
    folder = _project(tmp_path / "project", snakefile)
    (folder / "scripts/up.py").write_text("import words\nopen(snakemake.output[0], 'w')\n")
    (folder / "scripts/words.py").write_text("import os\nhome = os.environ['HOME']\n")
    done = _package(folder)
    assert done.returncode == 1
    assert "rule up: uses the environment variable HOME of `envvars:` in scripts/words.py" in (
        done.stderr
    )


def test_workdir_is_the_folder_whose_files_are_read(tmp_path: Path) -> None:
    folder = _project(tmp_path / "project", 'workdir: "below"\n' + SNAKEFILE)
    _project(folder / "below")
    (folder / "data/a.txt").unlink()
    done = _package(folder)
    assert done.returncode == 0, done.stderr
    parameters = json.loads((folder / "below/out/parameters.json").read_text())
    assert sorted(parameters.values()) == ["data/a.txt", "data/b.txt", "scripts/up.py"]


def test_jobs_of_a_group_share_a_task(tmp_path: Path) -> None:
    grouped = SNAKEFILE.replace("    output:", '    group: "g"\n    output:')
    folder = _project(tmp_path / "project", grouped)
    done = _package(folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "out/main.wdl").read_text().count("\ntask ") == 1


def test_jobs_of_a_group_with_several_containers_are_tasks_each(tmp_path: Path) -> None:
    grouped = SNAKEFILE.replace("    output:", '    group: "g"\n    output:').replace(
        "    log:", "    container: 'debian:11'\n    log:"
    )
    folder = _project(tmp_path / "project", grouped)
    done = _package(folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "out/main.wdl").read_text().count("\ntask ") == 3


def test_a_path_of_this_machine_is_not_in_the_definition(tmp_path: Path) -> None:
    folder = _project(
        tmp_path / "project", SNAKEFILE.replace('"all.txt"', 'os.path.abspath("all.txt")')
    )
    done = _package(folder)
    assert done.returncode == 0, done.stderr
    assert str(folder) not in (folder / "out/main.wdl").read_text()


LIMITED = """
container: "docker://python:3.11"
localrules: all, middle
rule all:
    input: expand("after/{n}.txt", n=range(3))
rule up:
    output: "up/{n}.txt"
    resources: lic=1
    conda: "environment.yaml"
    shell: "echo > {output}"
rule middle:
    input: "up/{n}.txt"
    output: "middle/{n}.txt"
    shell: "cp {input} {output}"
rule after:
    input: "middle/{n}.txt"
    output: "after/{n}.txt"
    shell: "cp {input} {output}"
"""


def _limited(tmp_path: Path, *options: str) -> str:
    folder = _project(tmp_path / "project", LIMITED)
    (folder / "environment.yaml").write_text("dependencies: [samtools]\n")
    done = _package(folder, *options)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_what_may_surprise_is_told_before_the_first_run(tmp_path: Path) -> None:
    said = _limited(tmp_path, "--resources", "lic=2", "--omics-environments", "off")
    assert "omics: 2 jobs go into one run, 8 later" in said
    assert "omics:   1 later: at most 2 of lic at once, by --resources" in said
    assert (
        "the conda environments of these rules are not used, their tasks have only what their "
        "image has: up (in python:3.11)." in said
    )
    assert "jobs wait for local rules, which run here between two runs: middle." in said


def test_local_rules_can_be_tasks(tmp_path: Path) -> None:
    said = _limited(tmp_path, "--omics-local-rules", "run")
    assert "omics: 9 jobs go into one run, 1 later" in said
    assert "between two runs" not in said


UNSENT = """
os.environ["SEARCH_PATHS"] = "defaults"
container: "docker://python:3.11"
rule all:
    input: "read.txt", "given.txt"
    shell: "echo done"
rule up:
    output: "up.txt"
    log: "logs/up.log"
    shell: "echo up > {output} 2> {log}"
rule read:
    input: "up.txt"
    output: "read.txt"
    shell: "cat {input} logs/up.log ../large/reads > {output}"
rule given:
    output: "given.txt"
    params: table="data/large", lines="data/a.txt"
    script: "scripts/given.py"
"""


def test_what_tasks_lack_and_what_is_large_is_told_before_anything_starts(tmp_path: Path) -> None:
    folder = _project(tmp_path / "project", UNSENT)
    (folder / "scripts/given.py").write_text(f"open('{folder}/data/b.txt')\n")
    (tmp_path / "large").mkdir()
    for file in (folder / "data/large", tmp_path / "large/reads"):
        with file.open("wb") as sparse:
            sparse.truncate(101 * 1024**2)
    done = _package(folder)
    assert done.returncode == 0, done.stderr
    for said in (
        "too large to send unasked: given (data/large).",
        "since they are not declared: read (logs/up.log).",
        f"which no task has: scripts/given.py ({folder}/data/b.txt).",
        "which are sent: read (101 MB: ../large/reads)",
        "what they write or remove in the project does not come here: all.",
        "sets environment variables, which tasks do not have: SEARCH_PATHS.",
    ):
        assert said in done.stderr, done.stderr
    assert "data/a.txt" in (folder / "out/parameters.json").read_text()
