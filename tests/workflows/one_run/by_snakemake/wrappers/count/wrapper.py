import subprocess

with open(snakemake.output[0], "wb") as out:
    command = ["wc", snakemake.params.option, snakemake.input[0]]
    subprocess.run(command, stdout=out, check=True)
