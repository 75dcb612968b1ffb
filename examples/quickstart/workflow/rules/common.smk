# The sample sheet, and what other rules ask of it.
import csv


with open(config["samples"], newline="") as sheet:
    READS = {row["sample"]: row for row in csv.DictReader(sheet, delimiter="\t")}

SAMPLES = list(READS)


wildcard_constraints:
    sample="|".join(SAMPLES),


def reads_of(wildcards):
    """Both FASTQ files of a sample."""
    row = READS[wildcards.sample]
    return {"r1": row["r1"], "r2": row["r2"]}
