"""`snakemake --executor omics` on the local HealthOmics, as a user runs it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from running import STARTED, as_local, environment, files, forked, snakemake

from snakemake_executor_omics.settings.declared import ExecutorSettings

REPOSITORY = Path(__file__).resolve().parents[2]
COHORT = REPOSITORY / "examples" / "cohort"

SNAKEFILE = """
container: "docker://python:3.11"
configfile: "config.yaml"
localrules: all, note
rule all:
    input: "all.txt", "note.txt"
rule up:
    input: "data/{s}.txt"
    output: temp("up/{s}.txt")
    log: "logs/{s}.log"
    benchmark: "bench/{s}.tsv"
    threads: 2
    shell: "python scripts/up.py {input} > {output} 2> {log}; echo '~{{x}} >>> $HOME' >> {log}"
rule join:
    input: expand("up/{s}.txt", s=config["samples"])
    output: "join.txt"
    params: tail="end"
    script: "scripts/join.py"
rule finish:
    input: "join.txt"
    output: "all.txt", touch("done.flag")
    shell: '''
        cat {input} > {output[0]}
        printf 'a\\tb "quoted"\\n' >> {output[0]}
        '''
rule note:
    input: "all.txt"
    output: "note.txt"
    shell: "wc -l < {input} > {output}"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "scripts").mkdir()
    for sample in "ab":
        (folder / f"data/{sample}.txt").write_text(f"{sample}\n")
    (folder / "config.yaml").write_text("samples: [a, b]\n")
    (folder / "scripts/up.py").write_text("import sys\nprint(open(sys.argv[1]).read().upper())\n")
    (folder / "scripts/join.py").write_text(
        "with open(snakemake.output[0], 'w') as out:\n"
        "    for path in snakemake.input:\n"
        "        out.write(open(path).read())\n"
        "    out.write(snakemake.params.tail + '\\n')\n"
    )
    (folder / "Snakefile").write_text(SNAKEFILE)
    return folder


def _omics(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return forked(
        folder, "--executor", "omics", "--omics-endpoint", "local", "--jobs", "50", *options
    )


@contextmanager
def _head(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`_omics`, still going; it ends with the block."""
    command = [sys.executable, "-m", "snakemake", "--executor", "omics", "--jobs", "9"]
    head = subprocess.Popen(
        [*command, "--omics-endpoint", "local"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        yield head
    finally:
        head.kill()
        head.communicate()


def test_a_workflow_is_one_run_with_the_files_of_the_local_executor(
    project: Path, tmp_path: Path
) -> None:
    expected = as_local(project, tmp_path / "local")
    done = _omics(project)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(STARTED) == 1
    skipped = (".snakemake", "bench")
    assert files(project, without=skipped) == files(expected, without=skipped)
    header = (expected / "bench/a.tsv").read_text().splitlines()[0]
    head, row = (project / "bench/a.tsv").read_text().splitlines()
    assert head == header
    assert float(dict(zip(head.split("\t"), row.split("\t"), strict=True))["max_rss"]) > 0
    again = _omics(project)
    assert "Nothing to be done" in again.stderr, again.stderr


def test_a_failing_job_is_told_with_its_log_and_finished_jobs_are_kept(project: Path) -> None:
    (project / "scripts/join.py").write_text("raise SystemExit('the tail is missing')\n")
    done = _omics(project, "--notemp")
    assert done.returncode != 0
    assert "Error in rule join" in done.stderr
    assert "the tail is missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project / "up/a.txt").exists()
    (project / "scripts/join.py").write_text("open(snakemake.output[0], 'w').write('mended\\n')\n")
    again = _omics(project, "--notemp", "--rerun-triggers", "mtime")
    assert again.returncode == 0, again.stderr
    assert "rule up:" not in again.stderr
    assert (project / "all.txt").read_text().startswith("mended\n")


def test_a_failure_is_told_and_what_it_made_nothing_of_runs_again_once(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(
        'container: "docker://debian:12"\n'
        "rule b:\n    input: 'a.txt'\n    output: 'b.txt'\n    shell: 'exit 3'\n"
        "rule a:\n    output: 'a.txt'\n    shell: 'echo a > {output}'\n"
    )
    done = _omics(tmp_path, "--omics-run-cache", "none")
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("Error in rule b") == 1
    assert done.stderr.count(STARTED) == 2, done.stderr
    assert (tmp_path / "a.txt").read_text() == "a\n"


def test_results_that_were_lost_come_from_the_run_cache(project: Path) -> None:
    always = ("--omics-cache-behavior", "CACHE_ALWAYS", "--set-resources", "finish:omics_cache=0")
    first = _omics(project, *always)
    assert first.returncode == 0, first.stderr
    for name in ("all.txt", "join.txt", "note.txt", "done.flag"):
        (project / name).unlink()
    again = _omics(project, *always)
    assert again.returncode == 0, again.stderr
    assert "3 cached" in again.stderr, again.stderr


def test_a_mistake_is_told_without_a_traceback(project: Path) -> None:
    done = _omics(project, "--omics-priority", "-1")
    assert done.returncode != 0
    assert "--omics-priority" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_commands_of_the_ci_smoke_workflow_work(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    shutil.copytree(COHORT, folder, ignore=shutil.ignore_patterns(".snakemake", "results"))
    smoke = yaml.safe_load((folder / ".github/workflows/smoke.yml").read_text())
    commands = [step["run"] for step in smoke["jobs"]["smoke"]["steps"] if "run" in step]
    install, *rest = commands
    assert install == 'pip install "snakemake-executor-plugin-omics[local,report] @ $PLUGIN"'
    for command in rest:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
        assert done.returncode == 0, done.stderr
    assert (folder / "results/cohort.tsv").read_text() == "first\t2\nsecond\t1\n"
    assert "<html" in (folder / "report.html").read_text()


def test_the_aws_profile_names_options_that_exist() -> None:
    text = (COHORT / "profiles/aws/config.yaml").read_text()
    known = {f"omics-{field.name.replace('_', '-')}" for field in fields(ExecutorSettings)}
    # Also the commented ones: people uncomment them.
    named = set(re.findall(r"^(?:# )?(omics-[a-z-]+):", text, re.MULTILINE))
    assert named
    assert named <= known


@pytest.mark.service
def test_a_head_that_died_finds_its_run_again(project: Path) -> None:
    local = [sys.executable, "-m", "snakemake_executor_omics.cli", "local"]
    subprocess.run([*local, "up"], cwd=project, check=True, capture_output=True)
    try:
        with _head(project) as head:
            assert head.stderr is not None
            run = next(line.split()[3] for line in head.stderr if line.startswith(STARTED))
            head.kill()
        snakemake(project, "--unlock")
        again = _omics(project)
        assert again.returncode == 0, again.stderr
        assert f"omics: attached to run {run}" in again.stderr
        assert STARTED not in again.stderr
        assert (project / "all.txt").exists()
    finally:
        subprocess.run([*local, "down"], cwd=project, check=True)


def test_ctrl_c_cancels_the_run(project: Path) -> None:
    (project / "scripts/up.py").write_text("import time\ntime.sleep(600)\n")
    with _head(project) as head:
        assert head.stderr is not None
        for line in head.stderr:
            if "; running: " in line:
                head.send_signal(signal.SIGINT)
                break
        rest = head.stderr.read()
        assert head.wait(timeout=120) != 0
    assert "omics: cancelling run" in rest


def test_retries_run_again_what_is_left(project: Path) -> None:
    snakefile = (project / "Snakefile").read_text()
    (project / "Snakefile").write_text(
        snakefile.replace(
            "    threads: 2\n",
            "    threads: 2\n    retries: 1\n    resources: tries=lambda w, attempt: attempt\n",
        ).replace("python scripts/up.py", "test {resources.tries} = 2 && python scripts/up.py")
    )
    done = _omics(project)
    assert done.returncode == 0, done.stderr
    assert "Trying to restart job" in done.stderr
    assert done.stderr.count("omics: started run") == 2
    assert (project / "all.txt").exists()


def test_keep_going_finishes_what_does_not_depend_on_the_failure_in_one_run(project: Path) -> None:
    (project / "scripts/up.py").write_text(
        "import sys\nif 'b' in sys.argv[1]:\n    raise SystemExit('b is broken')\nprint('ok')\n"
    )
    for _ in range(2):  # the second time the cache has the failure, which the journal knows
        done = _omics(project, "--keep-going", "--notemp")
        assert done.returncode != 0
        assert "b is broken" in (project / "logs/b.log").read_text()
        assert "the job ended with exit code 1" in done.stderr
        assert (project / "up/a.txt").read_text() == "ok\n"
        assert done.stderr.count(STARTED) == 1
    (project / "scripts/up.py").write_text("print('mended')\n")
    done = _omics(project, "--keep-going", "--notemp", "--rerun-triggers", "mtime")
    assert done.returncode == 0, done.stderr
    assert (project / "up/b.txt").read_text() == "mended\n"


def test_what_failed_for_good_is_not_run_again_with_the_retries_of_others(project: Path) -> None:
    snakefile = (project / "Snakefile").read_text()
    (project / "Snakefile").write_text(
        snakefile
        + """
rule lost:
    output: "lost.txt"
    shell: "echo it is lost; exit 3"
rule below:
    input: "lost.txt"
    output: "below.txt"
    shell: "cp {input} {output}"
rule shaky:
    output: "shaky.txt"
    retries: 1
    resources: tries=lambda w, attempt: attempt
    shell: "test {resources.tries} = 2; echo steady > {output}"
"""
    )
    done = _omics(project, "--keep-going", "below.txt", "shaky.txt")
    assert done.returncode != 0
    assert done.stderr.count("Error in rule lost") == 1
    assert done.stderr.count("the job ended with exit code 3") == 1
    assert done.stderr.count("omics: started run") == 2
    assert (project / "shaky.txt").read_text() == "steady\n"


def test_more_inputs_than_parameters_can_hold_still_go_into_one_run(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(400):
        (tmp_path / f"data/{number:03}.txt").write_text(f"{number}\n")
    (tmp_path / "Snakefile").write_text(
        'container: "docker://debian:12"\n'
        "rule all:\n"
        "    input: [f'data/{n:03}.txt' for n in range(400)]\n"
        "    output: 'all.txt'\n"
        "    shell: 'cat {input} > {output}'\n"
    )
    done = _omics(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(STARTED) == 1
    assert (tmp_path / "all.txt").read_text().split() == [str(number) for number in range(400)]


def test_the_temporary_folder_is_that_of_the_task(project: Path) -> None:
    (project / "scripts/join.py").write_text(
        "import os\n"
        "assert os.path.isdir(snakemake.resources.tmpdir)\n"
        "open(snakemake.output[0], 'w').write('joined\\n')\n"
    )
    snakefile = (project / "Snakefile").read_text()
    (project / "Snakefile").write_text(
        snakefile.replace("cat {input} > {output[0]}", "ls -d {resources.tmpdir} > {output[0]}")
    )
    done = _omics(project)
    assert done.returncode == 0, done.stderr
    assert (project / "all.txt").read_text().startswith("/")
