"""What a call of Snakemake shows while it goes on: the logger plugin `omics`."""
