import hashlib
from pathlib import Path

with open(snakemake.output[0], "w") as out:
    for path in (snakemake.input.bam, snakemake.input["stats"]):
        content = Path(path).read_bytes()
        print(Path(path).name, len(content), hashlib.sha256(content).hexdigest()[:16], file=out)
    print(snakemake.wildcards.sample, snakemake.config["bucket"], file=out)
