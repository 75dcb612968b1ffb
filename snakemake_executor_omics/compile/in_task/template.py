"""Render the template of a rule with `template_engine:`.

Its text goes into the task, after `values.py`, followed by a call of `render_template`. It needs
the engine itself: jinja2 or yte.
"""

import importlib

from .values import fail, job_values


def render_template(engine, job):
    """Make the output of the template, which is the input of that name or the only one."""
    values = job_values(job)
    given = values["input"]
    template = given[0] if len(given) == 1 else given["template"]
    variables = {name: values[name] for name in ("params", "wildcards", "input")}
    variables["config"] = job["config"]
    try:
        module = importlib.import_module(engine)
    except ImportError as error:
        fail("rule {}: its container cannot import {}: {}".format(job["rule"], engine, error))
    with open(template) as source, open(values["output"][0], "w") as output:
        if engine == "yte":
            module.process_yaml(source, outfile=output, variables=variables)
        else:
            output.write(module.Template(source.read()).render(**variables))
