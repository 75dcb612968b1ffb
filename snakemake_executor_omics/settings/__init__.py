"""The executor's options: declared for Snakemake, checked, and as the rest of the code has them."""
