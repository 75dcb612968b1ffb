import hashlib
from pathlib import Path

from columns import HEAD

with open(snakemake.output[0], "w") as out:
    print(*HEAD, snakemake.rule, snakemake.config["quality"], sep="\t", file=out)
    for path in map(Path, snakemake.input):
        print(path, hashlib.sha256(path.read_bytes()).hexdigest()[:16], sep="\t", file=out)
