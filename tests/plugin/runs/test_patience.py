"""What is waited for, for how long, and what is said meanwhile."""

from __future__ import annotations

import pytest

from snakemake_executor_omics.errors import AccessDenied, NotFound, QuotaExceeded, ServiceError
from snakemake_executor_omics.runs.patience import Patience

LOST = ServiceError("cannot read run 1: connection lost", transient=True)
DENIED = AccessDenied("no", code="AccessDeniedException")
EXPIRED = AccessDenied("token has expired", code="ExpiredTokenException")
GONE = NotFound("no run 1", code="ResourceNotFoundException")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("error", "new", "borne"),
    [
        (LOST, False, True),
        (EXPIRED, False, True),
        (AccessDenied("nobody is signed in"), False, True),
        (DENIED, False, False),
        (AccessDenied("keys were changed", code="UnrecognizedClientException"), False, True),
        (AccessDenied("the clock is off", code="RequestTimeTooSkewed"), False, True),
        (GONE, True, True),  # just started, and not seen yet
        (GONE, False, False),
        (ServiceError("no such parameter", code="ValidationException"), False, False),
    ],
)
def test_what_goes_by_is_borne_and_what_does_not_is_an_end(
    error: ServiceError, new: bool, borne: bool
) -> None:
    assert Patience(60, Clock()).bears(error, may_be_unseen=new) is borne


def test_patience_ends_and_counts_from_the_first_failure_in_a_row() -> None:
    clock = Clock()
    patience = Patience(60, clock)
    assert patience.bears(LOST)
    clock.now = 59
    assert patience.bears(LOST)
    patience.worked()
    clock.now = 100
    assert patience.bears(LOST)
    clock.now = 161
    assert not patience.bears(LOST)
    told = patience.given_up(LOST)
    assert "connection lost; it has been so for 61 seconds" in str(told)
    assert "--omics-give-up-after" in str(told)


def test_the_same_is_said_once_a_minute() -> None:
    clock = Clock()
    patience = Patience(3600, clock)
    assert patience.says(LOST) == "cannot read run 1: connection lost; trying again"
    assert patience.says(LOST) is None
    assert patience.says(EXPIRED) is not None
    clock.now = 61
    assert patience.says(EXPIRED) is not None


def test_what_to_do_is_said_with_what_is_waited_for() -> None:
    patience = Patience(60, Clock())
    assert "aws sso login" in (patience.says(EXPIRED) or "")
    quota = QuotaExceeded("no more runs", hint="--omics-retention REMOVE")
    assert "--omics-retention REMOVE" in (patience.says(quota) or "")
