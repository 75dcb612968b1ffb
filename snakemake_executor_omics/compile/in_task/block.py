"""Run the `run:` block of a rule, from its source and the values that it refers to.

Its text goes into the task, after `values.py`, followed by statements that make the values and
by a call of `run_block`.
"""

import inspect
import sys
import traceback

from .values import job_values


def run_block(block, job):
    """Call the function of a `run:` block with the job's values."""
    values = job_values(job)
    parameters = inspect.signature(block).parameters
    values["__is_snakemake_rule_func"] = True  # how `shell()` knows who calls it
    try:
        block(**{name: values.get(name) for name in parameters})
    except Exception as error:
        # Not left to the interpreter, which shows no lines of what is no file; from the block on.
        traceback.print_exception(type(error), error, error.__traceback__.tb_next)
        sys.exit(1)
