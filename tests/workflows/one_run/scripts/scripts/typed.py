from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.script import snakemake

with open(snakemake.output[0], "w") as out:
    out.write(f"{snakemake.input.a} {snakemake.rule}\n")
