import glob

import pandas as pd
from snakemake.utils import validate

container: "docker://continuumio/miniconda3"

validate(config, schema="../schemas/config.schema.yaml")
samples = (
    pd.read_csv(config["samples"], sep="\t", dtype={"sample_name": str})
    .assign(alias=lambda table: table["sample_name"].str.replace(" ", "_"))
    .set_index("alias", drop=False)
    .sort_index()
)
validate(samples, schema="../schemas/samples.schema.yaml")

def get_final_output():
    final = [f"results/mapped/{name}.stats" for name in samples.index]
    if len(samples["condition"].unique()) > 1:
        final.append("results/plots/conditions.svg")
    return final

def get_fqs(wildcards):
    row = samples.loc[wildcards.sample]
    return list(row[["fq1", "fq2"]].dropna())

def get_model(wildcards, input):
    return samples.loc[wildcards.sample, ["condition", "lane"]].to_dict() | {"n": len(input.fqs)}
