"""Lines for people, and what they carry for a display."""

from __future__ import annotations

import logging

import pytest

from snakemake_executor_omics.log import FACT, Later, RunProgress, WithoutProgress


def test_who_wants_no_progress_hears_all_but_that(caplog: pytest.LogCaptureFixture) -> None:
    log = WithoutProgress(logging.getLogger("test"))
    with caplog.at_level(logging.INFO):
        log.info("how far", extra={FACT: RunProgress("7", "RUNNING", {})})
        log.info("what goes", extra={FACT: Later({})})
        log.info("sent")
        log.warning("careful")
        log.error("failed")
    assert caplog.messages == ["what goes", "sent", "careful", "failed"]
