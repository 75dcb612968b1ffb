import sys

sys.stderr = open(snakemake.log[0], "w") if snakemake.log else sys.stderr
with open(snakemake.output.vcf, "w") as out:
    out.write(f"##ploidy={snakemake.params.ploidy} sample={snakemake.wildcards.sample}\n")
    for path in (snakemake.input.bam, snakemake.input.ref):
        with open(path) as file:
            out.write(f"##{path} {len(file.read())}\n")
    out.write(f"{snakemake.config['ref']['genome']}\t{snakemake.rule}\n")
