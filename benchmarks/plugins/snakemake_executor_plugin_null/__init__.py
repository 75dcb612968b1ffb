"""A Snakemake executor that does nothing: each job is done at once, with empty outputs.

What a workflow takes with it is Snakemake's own bookkeeping, and the price of files.
"""

from pathlib import Path
from typing import Any

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    init_seconds_before_status_checks=0,
)


class Executor(RemoteExecutor):
    def run_job(self, job: Any) -> None:
        info = SubmittedJobInfo(job=job)
        self.report_job_submission(info)
        for output in job.output:
            Path(output).parent.mkdir(parents=True, exist_ok=True)
            Path(output).write_text("")
        self.report_job_success(info)

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> Any:
        for info in ():
            yield info

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        pass
