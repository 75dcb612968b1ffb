"""From Snakemake's graph to a wave of tasks: the only room that knows Snakemake's objects."""
