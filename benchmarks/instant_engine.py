"""An engine for the local service that runs nothing: each job is done at once, with small outputs.

python instant_engine.py RUN_DIR

It speaks the engine's protocol to the server (`local_healthomics/engine/events.py`), and exports
what the definition's jobs.json declares, where a real engine would.
"""

from __future__ import annotations

import json
import posixpath
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_healthomics.arn import object_of
from local_healthomics.engine.events import EventStream, timestamp
from local_healthomics.engine.request import RunRequest
from local_healthomics.engine.transfer import WORKERS, connect
from snakemake_executor_omics.compile.jobs import JOBS_FILE, named_jobs


def main() -> None:
    if sys.argv[1] == "--publish":
        return
    request = RunRequest.load(Path(sys.argv[1]))
    events = EventStream(sys.stdout)
    s3 = connect(request.endpoint_url, request.region)

    def put(uri: str, text: str) -> None:
        bucket, key = object_of(uri)
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())

    definition = request.definition_dir
    jobs = named_jobs((definition / JOBS_FILE).read_text(), (definition / request.main).read_text)
    summary: dict[str, list[str]] = {}
    events.emit("run", status="RUNNING", at=timestamp())
    for key, (task, job) in enumerate(jobs.items(), 1):
        of_it = {"key": key, "name": task, "cpus": 1, "memory_gib": 1, "gpus": 0}
        for status in ("PENDING", "RUNNING", "COMPLETED"):
            events.emit("task", at=timestamp(), status=status, **of_it)
        for what in ("files", "logs"):
            summary[f"snakemake.{task}_{what}"] = [
                f"{request.output_uri}/out/{task}_{what}/{index}/{posixpath.basename(path)}"
                for index, path in enumerate(job[what])
            ]
    with ThreadPoolExecutor(WORKERS) as pool:
        uris = [uri for found in summary.values() for uri in found]
        # Every run of the same jobs leaves the same.
        list(pool.map(lambda uri: put(uri, posixpath.basename(uri)), uris))
    put(f"{request.output_uri}/logs/outputs.json", json.dumps(summary))
    events.emit("end", status="COMPLETED", at=timestamp(), outputs=summary)


if __name__ == "__main__":
    main()
