"""Gather the calls of all samples into one table: a row per site, a genotype per sample."""

import csv

import pysam

samples = snakemake.params.samples
sites = {}
for sample, path in zip(samples, snakemake.input.vcfs, strict=True):
    with pysam.VariantFile(path) as vcf:
        for record in vcf:
            site = (record.chrom, record.pos, record.ref, record.alts[0])
            genotype = "/".join(map(str, record.samples[sample]["GT"]))
            sites.setdefault(site, {})[sample] = genotype

with open(snakemake.output[0], "w", newline="") as table:
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerow(["chrom", "pos", "ref", "alt", *samples])
    for site, genotypes in sorted(sites.items()):
        writer.writerow([*site, *(genotypes.get(sample, "./.") for sample in samples)])

with open(snakemake.log[0], "w") as log:
    print(f"{len(sites)} sites in {len(samples)} samples", file=log)
