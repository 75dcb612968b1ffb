import csv


with open(config["samples"], newline="") as sheet:
    SAMPLES = {row["sample"]: row for row in csv.DictReader(sheet, delimiter="\t")}


wildcard_constraints:
    sample="|".join(SAMPLES),


def reads(mate):
    """The file of a sample's reads, as the sample sheet names it."""
    return lambda wildcards: SAMPLES[wildcards.sample][mate]
