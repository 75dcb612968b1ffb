import hashlib
from pathlib import Path

with open(snakemake.output[0], "w") as out:
    print("file", "digest", sep="\t", file=out)
    for path in map(Path, snakemake.input):
        print(path, hashlib.sha256(path.read_bytes()).hexdigest()[:16], sep="\t", file=out)
