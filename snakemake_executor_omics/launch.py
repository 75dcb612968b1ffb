"""Start what can be decided now: from jobs that are ready to runs of the wave that has them."""

from __future__ import annotations

from typing import Any

from .check.expected import expected
from .doctor.examine import refuse_a_bad_start
from .graph import internals
from .graph.output_cache import OutputCache
from .graph.waves import LookedAt, next_waves
from .images.folders import EnvironmentFolders
from .log import Log
from .runs.invocation import Invocation
from .settings.options import Options


class Launcher:
    """Starts the runs of one call of Snakemake, wave after wave."""

    def __init__(
        self, workflow: Any, options: Options, runs: Invocation, cache: OutputCache, log: Log
    ) -> None:
        self._workflow = workflow
        self._options = options
        self._runs = runs
        self._cache = cache
        self._log = log
        self._environments = EnvironmentFolders(runs.state, log)
        self._is_examined = False
        self._looked_at = LookedAt()

    def launch(self, ready: list[Any]) -> None:
        """Start a wave that has the jobs that are `ready`, in one run or several.

        Raises:
            OmicsError: a job cannot be a task, or no run can be started.
        """
        internals.without_job_rate(self._workflow)
        services = self._runs.services  # the ledger has the failures of earlier calls from then on
        ledger, options = self._runs.ledger, self._options
        self._examine()
        earlier = self._runs.durations
        is_started = False
        while not is_started:  # another folder's run may have some of the jobs, cut otherwise
            waves, durations = next_waves(
                self._workflow,
                ready,
                services,
                options,
                self._runs.workdir,
                self._log,
                cache_busters=ledger.cache_busters,
                in_flight=ledger.holds,
                is_here=lambda key: self._cache.has(key) or ledger.is_done(key),
                left=self._runs.left,
                earlier=earlier,
                quotas=self._runs.quotas,
                looked_at=self._looked_at,
            )
            if options.makes_environments:
                self._environments.make(waves)
            elif (url := options.endpoint_url) is not None:
                self._environments.leave_to(url, waves)
            told = expected(waves, durations, options, self._runs.workdir, services.region)
            is_started = self._runs.start(*waves, expected=told)

    def _examine(self) -> None:
        """Look, once, at what the first run would fail by; runs in flight have been let pass."""
        if self._options.is_aws and not self._is_examined and not self._runs.left:
            refuse_a_bad_start(self._options)
        self._is_examined = True
