import pandas as pd
from snakemake.utils import validate

container: "docker://python:3.11"

validate(config, schema="../schemas/config.schema.yaml")
samples = pd.read_csv(config["samples"], sep="\t", dtype=str).set_index("sample", drop=False)
validate(samples, schema="../schemas/samples.schema.yaml")
units = pd.read_csv(config["units"], sep="\t", dtype=str).set_index(["sample", "unit"], drop=False)
units = units.sort_index()

wildcard_constraints:
    sample="|".join(samples.index),
    unit="|".join(units["unit"].unique()),

def is_single_end(sample, unit):
    return pd.isnull(units.loc[(sample, unit), "fq2"])

def get_fastq(wildcards):
    fastqs = units.loc[(wildcards.sample, wildcards.unit), ["fq1", "fq2"]].dropna()
    return {name: path for name, path in fastqs.items()}

def get_units(wildcards):
    return expand(
        "results/mapped/{sample}-{unit}.bam",
        sample=wildcards.sample,
        unit=units.loc[wildcards.sample].unit,
    )

def get_read_group(wildcards):
    return r"-R '@RG\tID:{sample}\tSM:{sample}\tPL:{platform}'".format(
        sample=wildcards.sample, platform=samples.loc[wildcards.sample, "platform"]
    )
