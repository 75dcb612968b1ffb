"""Execute a Jupyter notebook, with a first cell that holds the job's values.

Its text goes into the task, after `values.py`, followed by a call of `run_notebook`. It needs
papermill, or jupyter-nbconvert, as Snakemake does.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from .values import fail

TAG = "snakemake-job-properties"


def run_notebook(name, source, first, module, log):
    """Execute the notebook `source`; what is left of it goes to `log`, if that is a path.

    `first` is the code of the first cell, which may import `module` as `omics_job`.
    """
    here = os.getcwd()
    notebook = json.loads(source)
    cells = [
        cell for cell in notebook["cells"] if TAG not in cell.get("metadata", {}).get("tags", [])
    ]
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": [TAG]},
        "outputs": [],
        "source": first.replace("OMICS_FOLDER", json.dumps(here)),
    }
    if notebook.get("nbformat_minor", 0) >= 5 or notebook.get("nbformat", 4) > 4:
        cell["id"] = TAG
    notebook["cells"] = [cell] + cells
    with open(os.path.join(".omics", "omics_job.py"), "w", encoding="utf-8") as file:
        file.write(module)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(notebook, file)
        left = os.path.abspath(log) if log else os.path.join(folder, "notebook.ipynb")
        if shutil.which("papermill"):
            command = ["papermill", "--log-level", "ERROR", path, left]
        elif shutil.which("jupyter-nbconvert"):
            command = ["jupyter-nbconvert", "--log-level", "ERROR", "--execute", "--output", left]
            command += ["--to", "notebook", "--ExecutePreprocessor.timeout=-1", path]
        else:
            fail("a notebook needs papermill or jupyter-nbconvert in its container")
        done = subprocess.run(command, env=dict(os.environ, IPYTHONDIR=folder))
    if done.returncode:
        sys.exit(done.returncode)
