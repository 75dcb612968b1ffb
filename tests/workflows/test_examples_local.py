"""The examples by plain Snakemake and on the local HealthOmics, and the shipped profiles."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pysam
import pytest
import yaml
from running import STARTED, files, forked

import local_healthomics as local
from snakemake_executor_omics.aws.registry_map import read_registry_map
from snakemake_executor_omics.cli import main
from snakemake_executor_omics.settings.checking import resolve
from snakemake_executor_omics.settings.declared import ExecutorSettings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
QUICKSTART = EXAMPLES / "quickstart"
COHORT = EXAMPLES / "cohort"
SAMPLES = ("ash", "birch", "cedar", "elm")
LARGEST_EXAMPLE = 1_000_000


def _copy(source: Path, destination: Path) -> Path:
    """The example as it is in git, without what a run in place left behind."""
    left_behind = shutil.ignore_patterns(".snakemake", "results", "logs", "benchmarks")
    shutil.copytree(source, destination, ignore=left_behind)
    return destination


def _snakemake(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--executor", "local", "--cores", "2"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        # That of an activated virtual environment: jobs call `cutadapt` and `python`.
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart, run once."""
    folder = _copy(QUICKSTART, tmp_path_factory.mktemp("local") / "quickstart")
    done = _snakemake(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_quickstart_leaves_its_results_and_nothing_temporary(finished: Path) -> None:
    expected = {
        "SHA256SUMS",
        "report.html",
        "variants.tsv",
        "plots/coverage.svg",
        "plots/variants.svg",
        "reference/genome.fa",
        "reference/genome.fa.fai",
    }
    for sample in SAMPLES:
        expected |= {f"aligned/{sample}.bam", f"aligned/{sample}.bam.bai"}
        expected |= {f"calls/{sample}.vcf.gz", f"calls/{sample}.vcf.gz.tbi"}
        expected.add(f"coverage/{sample}.tsv")
    results = finished / "results"
    found = {p.relative_to(results).as_posix() for p in results.rglob("*") if p.is_file()}
    assert found == expected


@pytest.fixture(scope="module")
def as_one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart as the README calls it."""
    folder = _copy(QUICKSTART, tmp_path_factory.mktemp("omics") / "quickstart")
    done = forked(folder, "--executor", "omics", "--omics-endpoint", "local", "--jobs", "100")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(STARTED) == 1
    return folder


def test_one_run_gives_the_files_of_the_local_executor(finished: Path, as_one_run: Path) -> None:
    skipped = (".snakemake", "benchmarks", "results/benchmarks", "logs", "results/logs")
    assert files(as_one_run, without=skipped) == files(finished, without=skipped)


def test_the_run_has_a_report_though_its_service_has_ended(as_one_run: Path) -> None:
    where = as_one_run / ".snakemake/omics"
    assert local.status(where / "local") is None
    told = where / "report.json"
    assert main(["report", "--directory", str(as_one_run), "--json", str(told)]) == 0
    assert local.status(where / "local") is None
    report = json.loads(told.read_text())
    assert report["gaps"] == []
    assert report["totals"]["states"] == {"done": 25}
    assert all(task["use"]["memory_maximum_gib"] > 0 for task in report["tasks"])
    assert {task["rule"]: len(task["parents"]) for task in report["tasks"]}["merge"] == 4
    assert report["prices"]["assumed"].startswith("nothing was billed")


def test_the_logs_and_benchmarks_are_written(finished: Path) -> None:
    for sample in SAMPLES:
        for rule in ("trim", "align", "sort", "call", "coverage"):
            assert (finished / f"logs/{rule}/{sample}.log").stat().st_size > 0
        for rule in ("trim", "align", "call"):
            benchmark = (finished / f"benchmarks/{rule}/{sample}.tsv").read_text()
            assert benchmark.startswith("s\th:m:s\t")


@pytest.mark.parametrize("sample", SAMPLES)
def test_alignments_are_sorted_indexed_and_nearly_complete(finished: Path, sample: str) -> None:
    with pysam.AlignmentFile(str(finished / f"results/aligned/{sample}.bam")) as bam:
        assert bam.has_index()
        header = bam.header.to_dict()
        assert header["HD"]["SO"] == "coordinate"
        assert header["RG"][0]["SM"] == sample
        # A @PG line would hold a command line, and two machines would differ.
        assert "PG" not in header
        assert bam.mapped > 50 * bam.unmapped
        reads = list(bam.fetch("chr1", 5_000, 5_100))
    assert reads
    assert sum(read.is_proper_pair for read in reads) > 0.9 * len(reads)


def test_the_calls_are_the_variants_of_the_simulated_genomes(finished: Path) -> None:
    header, *rows = [
        line.split("\t") for line in (finished / "data/truth.tsv").read_text().splitlines()
    ]
    for sample in SAMPLES:
        column = header.index(sample)
        truth = {
            (row[0], int(row[1]), row[2], row[3]): row[column]
            for row in rows
            if row[column] != "./."
        }
        with pysam.VariantFile(str(finished / f"results/calls/{sample}.vcf.gz")) as vcf:
            called = {
                (record.chrom, record.pos, record.ref, (record.alts or ("",))[0]): "/".join(
                    map(str, record.samples[sample]["GT"])
                )
                for record in vcf.fetch("chr1")
            }
        assert called == truth
    merged = (finished / "results/variants.tsv").read_text()
    assert merged == (finished / "data/truth.tsv").read_text()


def test_the_report_holds_the_plots_and_every_site(finished: Path) -> None:
    page = (finished / "results/report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 2
    for line in (finished / "results/variants.tsv").read_text().splitlines()[1:]:
        assert f"<td>{line.split()[1]}</td>" in page


def test_a_second_call_has_nothing_to_do(finished: Path) -> None:
    again = _snakemake(finished)
    assert again.returncode == 0, again.stderr
    assert "Nothing to be done" in again.stderr


@pytest.mark.slow
def test_another_folder_gives_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    folder = _copy(QUICKSTART, tmp_path / "a folder of another name")
    done = _snakemake(folder)
    assert done.returncode == 0, done.stderr
    sums = [path / "results/SHA256SUMS" for path in (finished, folder)]
    assert sums[0].read_text() == sums[1].read_text()


@pytest.mark.slow
def test_stand_ins_find_the_genes_that_change_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = []
    for where, options in (
        ("local", ("--executor", "local", "--cores", "2", "--wrapper-prefix")),
        ("omics", ("--workflow-profile", "profiles/offline", "--wrapper-prefix")),
    ):
        folder = _copy(EXAMPLES / "rnaseq", tmp_path / where / "rnaseq")
        # What the profile makes of PWD, which is not that of this process.
        prefix = f"file://{folder}/workflow/wrappers/"
        monkeypatch.setenv("PATH", f"{folder / 'stand-ins'}:{os.environ['PATH']}")
        done = forked(folder, *options, prefix, PWD=str(folder))
        assert done.returncode == 0, done.stderr
        tables.append(files(folder, without=(".snakemake", "benchmarks", "logs")))
    assert tables[0] == tables[1]
    rows = tables[0]["results/differential.tsv"].decode().splitlines()[1:]
    changes = {name: float(change) for name, _, change, _ in (row.split("\t") for row in rows)}
    by_change = sorted(changes, key=lambda name: changes[name])
    assert set(by_change[:3]) == {"GENE04", "GENE05", "GENE06"}
    assert set(by_change[-3:]) == {"GENE01", "GENE02", "GENE03"}


@pytest.mark.slow
def test_what_is_behind_the_checkpoint_is_a_run_of_its_own(tmp_path: Path) -> None:
    sides = []
    for where, options in (
        ("local", ("--executor", "local", "--cores", "2")),
        ("omics", ("--workflow-profile", "profiles/local")),
    ):
        folder = _copy(EXAMPLES / "checkpoint", tmp_path / where / "checkpoint")
        done = forked(folder, *options)
        assert done.returncode == 0, done.stderr
        sides.append(files(folder))
    assert done.stderr.count(STARTED) == 2
    assert sides[0] == sides[1]


@pytest.mark.parametrize("example", ["quickstart", "rnaseq"])
def test_the_data_is_what_its_generator_makes(example: str, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / example / "make_data.py", tmp_path)
    subprocess.run([sys.executable, "make_data.py"], cwd=tmp_path, check=True)
    made, kept = (
        {path.name: path for path in (folder / "data").iterdir()}
        for folder in (tmp_path, EXAMPLES / example)
    )
    assert made.keys() == kept.keys()
    for name, path in kept.items():
        # Unpacked: another zlib packs the same text into other bytes.
        unpack = gzip.decompress if name.endswith(".gz") else bytes
        assert unpack(made[name].read_bytes()) == unpack(path.read_bytes()), name


def test_the_examples_stay_small(tmp_path: Path) -> None:
    copy = _copy(EXAMPLES, tmp_path / "examples")
    sizes = {path: path.stat().st_size for path in copy.rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= LARGEST_EXAMPLE


OPTION = re.compile(r"^# (?=omics-[a-z-]+: )", re.MULTILINE)


def _settings(profile: Path, *, uncommented: bool) -> ExecutorSettings:
    text = profile.read_text()
    values: dict[str, Any] = yaml.safe_load(OPTION.sub("", text) if uncommented else text)
    assert values.pop("executor") == "omics"
    assert values.pop("jobs") > 0
    given = {
        name.removeprefix("omics-").replace("-", "_"): value
        for name, value in values.items()
        if name.startswith("omics-")
    }
    return ExecutorSettings(**given)


@pytest.mark.parametrize(
    "profile",
    sorted(EXAMPLES.glob("*/profiles/*/config.yaml")),
    ids=lambda profile: profile.parent.relative_to(EXAMPLES).as_posix(),
)
@pytest.mark.parametrize("uncommented", [False, True])
def test_the_profiles_are_accepted(profile: Path, uncommented: bool) -> None:
    options = resolve(_settings(profile, uncommented=uncommented), project="example")
    assert options.local == (profile.parent.name != "aws")
    if options.container_registry_map is not None:
        # The path is one from where Snakemake is called.
        read_registry_map(profile.parents[2] / options.container_registry_map)


def test_the_profiles_name_every_option_once() -> None:
    named = [
        name
        for profile in ("aws", "local")
        for name in re.findall(
            r"^(?:# )?omics-([a-z-]+): ",
            (COHORT / "profiles" / profile / "config.yaml").read_text(),
            re.MULTILINE,
        )
    ]
    # A token in a profile would make every later run the first one again; `images` and `check` are
    # for the commands of that name.
    known = {field.name.replace("_", "-") for field in fields(ExecutorSettings)}
    known -= {"request-id", "images", "check"}
    assert set(named) == known
    assert sorted(named) == sorted([*known, "endpoint"])
