"""Run Snakemake workflows on AWS HealthOmics: one run for the whole job graph."""
