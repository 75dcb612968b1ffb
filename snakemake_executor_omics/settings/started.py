"""The environment variables of this process as Snakemake was called, before it read a Snakefile.

`declared.py` imports this, which every `snakemake` command does before it knows its workflow.
"""

import os

AT_START = dict(os.environ)
