"""What goes into a wave, and what waits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from snakemake_executor_omics.graph.selection import _waits_for
from snakemake_executor_omics.graph.tasks import job_key


@pytest.mark.parametrize("checkpoint", [True, False])
def test_what_follows_a_checkpoint_waits_until_snakemake_knows_its_results(
    checkpoint: bool,
) -> None:
    """They may be here before: what follows has the checkpoint's own output as input until then."""
    rule = SimpleNamespace(name="split", output=["parts.txt"])
    parent = SimpleNamespace(
        rule=rule,
        is_checkpoint=checkpoint,
        is_group=lambda: False,
        wildcards_dict={},
        output=["parts.txt"],
    )
    landed = _waits_for([parent], deferred={})
    assert landed == ("checkpoint split decides what follows" if checkpoint else None)
    in_flight = _waits_for([parent], deferred={job_key(parent): "in flight"})
    assert in_flight == "in flight"
