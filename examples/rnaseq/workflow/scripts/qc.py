"""How many reads each sample had before and after trimming, from fastp's own reports."""

import json
import sys

sys.stderr = open(snakemake.log[0], "w")

with open(snakemake.output[0], "w") as out:
    print("sample", "reads", "kept", "percent", sep="\t", file=out)
    for sample, path in zip(snakemake.params.samples, snakemake.input, strict=True):
        with open(path) as report:
            summary = json.load(report)["summary"]
        reads, kept = (
            summary[when]["total_reads"] for when in ("before_filtering", "after_filtering")
        )
        print(sample, reads, kept, f"{100 * kept / reads:.1f}", sep="\t", file=out)
        print(f"{sample}: {kept} of {reads}", file=sys.stderr)
