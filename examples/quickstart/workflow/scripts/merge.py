"""Gather the calls of all samples into one table: a row per site, a column per sample."""

import csv

import pysam

samples = snakemake.params.samples
sites = {}
for sample, path in zip(samples, snakemake.input, strict=True):
    with pysam.VariantFile(path) as vcf:
        for record in vcf:
            site = (record.chrom, record.pos, record.ref, record.alts[0])
            sites.setdefault(site, set()).add(sample)

with open(snakemake.output[0], "w", newline="") as table:
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerow(["chrom", "pos", "ref", "alt", *samples])
    for site in sorted(sites):
        writer.writerow([*site, *(int(sample in sites[site]) for sample in samples)])
