import html
import os
import sys
import tempfile

sys.path.append(os.path.join(snakemake.scriptdir, "lib"))
from table import rows

with tempfile.NamedTemporaryFile("w+", suffix=".html") as work:
    work.write(f"<h1>{html.escape(snakemake.params.title)}</h1>\n")
    work.writelines(rows(snakemake.input))
    work.flush()
    work.seek(0)
    with open(snakemake.output[0], "w") as out:
        out.write(work.read())
        out.write(
            f"{snakemake.config['peaks']} {snakemake.threads} {sorted(snakemake.wildcards)}\n"
        )
