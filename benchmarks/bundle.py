"""How large a definition is per job, and how long it takes to compile, at 10 to 10,000 jobs.

python benchmarks/bundle.py [--jobs N ...]
"""

import measure

from snakemake_executor_omics.compile import compile_wave
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Resources, Step, Task, Wave


def wave(jobs: int) -> Wave:
    """`jobs` jobs of a chain of two rules per sample, with commands of a usual length."""
    tasks = []
    for number in range(jobs // 2):
        sample = f"sample{number:05d}"
        align = JobKey("align", (("sample", sample),), (f"results/{sample}.bam",))
        sort = JobKey("sort", (("sample", sample),), (f"results/{sample}.sorted.bam",))
        tasks += [
            Task(
                key=align,
                layers=(
                    (
                        Step(
                            key=align,
                            command=f"set -euo pipefail; bwa mem -t 4 -R '@RG\\tID:{sample}' "
                            f"data/genome.fa data/{sample}.fastq.gz | samtools view -b - "
                            f"> results/{sample}.bam",
                            interpreter="bash -c",
                            threads=4,
                            outputs=(OutputFile(f"results/{sample}.bam"),),
                            logs=(f"logs/align/{sample}.log",),
                        ),
                    ),
                ),
                inputs=(FileRef("data/genome.fa"),),
                container="quay.io/biocontainers/bwa:0.7.18",
                resources=Resources(cpus=4, memory_mb=8000),
            ),
            Task(
                key=sort,
                layers=(
                    (
                        Step(
                            key=sort,
                            command="set -euo pipefail; samtools sort "
                            f"-o results/{sample}.sorted.bam results/{sample}.bam",
                            interpreter="bash -c",
                            threads=2,
                            outputs=(OutputFile(f"results/{sample}.sorted.bam"),),
                        ),
                    ),
                ),
                inputs=(FileRef(f"results/{sample}.bam", align),),
                container="quay.io/biocontainers/samtools:1.20",
                resources=Resources(cpus=2, memory_mb=4000),
            ),
        ]
    return Wave(tuple(tasks))


def row(jobs: int, repeats: int) -> measure.Row:
    tasks, sizes = wave(jobs), []
    usages = [
        measure.here(lambda: sizes.append(len(compile_wave(tasks).zip))) for _ in range(repeats)
    ]
    return {
        "jobs": jobs,
        "zip bytes": sizes[0],
        "bytes a job": sizes[0] / jobs,
        "CPU ms a job": 1000 * measure.median(usages) / jobs,
    }


def main() -> None:
    options = measure.parser(__doc__)
    options.add_argument("--jobs", type=int, nargs="+", default=[10, 100, 1_000, 10_000])
    given = options.parse_args()
    measure.report([row(jobs, given.repeats) for jobs in given.jobs], given.json)


if __name__ == "__main__":
    main()
