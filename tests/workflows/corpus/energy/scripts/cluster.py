"""Scripts of this workflow can be run by hand: then there is no `snakemake` yet."""

import csv
import logging
import os

from _helpers import configured

logger = logging.getLogger(__name__)

if __name__ == "__main__":
    if "snakemake" not in globals():
        raise SystemExit("by Snakemake only")
    logging.basicConfig(filename=snakemake.log[0], level="INFO", format="%(message)s")
    settings = configured(snakemake)
    with open(snakemake.input[0]) as file, open(snakemake.output[0], "w") as out:
        for number, row in enumerate(csv.DictReader(file)):
            load = float(row["load"]) * (1 + settings["rate"])
            print(number % int(snakemake.wildcards.clusters), f"{load:.3f}", sep=",", file=out)
    logger.info("%s %s", settings, os.path.basename(__file__).split(".")[-1])
