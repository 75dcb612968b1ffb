"""How long what the service does not answer is asked again, and what is said meanwhile.

Polling errors never fail a job. What goes by (throttling, lost connections, faults of the service,
expired credentials) is waited for, but not for ever: a run goes on without its head, and the next
call attaches to it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from ..errors import AccessDenied, NotFound, QuotaExceeded, ServiceError

# A run that was just started may not be seen yet.
UNSEEN_SECONDS = 300.0
_SAY_AGAIN_SECONDS = 60.0
_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "TokenRefreshRequired",
        "UnauthorizedSSOToken",
        # Keys that worked before and are known no more: they were changed.
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    }
)
# What a signature is refused with whose time is minutes off (a machine that has slept, say), or
# that was made with a secret that is no more.
_SIGNATURE = frozenset(
    {
        "InvalidSignatureException",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)


def is_expired(error: ServiceError) -> bool:
    """Whether signing in again helps: credentials that have expired, or none where there were."""
    return isinstance(error, AccessDenied) and (
        error.code is None or error.code in _EXPIRED or error.code in _SIGNATURE
    )


class Patience:
    """For one thing that is asked for again and again."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since: float | None = None  # the first failure of those in a row
        self._said: tuple[str, float] | None = None

    def worked(self) -> None:
        self._since = self._said = None

    def bears(
        self, error: ServiceError, *, may_be_unseen: bool = False, only_reads: bool = False
    ) -> bool:
        """Whether it is worth asking again after this error.

        Reads may be answered with a quota as well, says the model, which is one of requests then.
        """
        passes = error.transient or is_expired(error)
        passes = passes or (only_reads and isinstance(error, QuotaExceeded))
        passes = passes or (may_be_unseen and isinstance(error, NotFound))
        return passes and self.goes_on()

    def goes_on(self) -> bool:
        """Whether there is time left, counted from the first failure in a row."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        return now - self._since < self._seconds

    def given_up(self, error: ServiceError) -> ServiceError:
        """The error to end with, after `bears` said no."""
        if self._since is None:
            return error
        seconds = self._clock() - self._since
        lasted = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
        return ServiceError(
            f"{error.message}; it has been so for {lasted}",
            hint="--omics-give-up-after allows for a longer time",
            code=error.code,
        )

    def says(self, error: ServiceError) -> str | None:
        """What to tell of an error that is borne; the same is not told at every try."""
        if error.code in _SIGNATURE:
            line = (
                f"{error.message}; trying again: look at this machine's clock, or sign in again in "
                "another shell"
            )
        elif is_expired(error):
            line = (
                f"{error.message}; waiting for credentials: sign in again in another shell "
                "(aws sso login)"
            )
        elif isinstance(error, QuotaExceeded):
            line = f"{error.message}; waiting: {error.hint}"
        else:
            line = f"{error.message}; trying again"
        now = self._clock()
        before, at = self._said or ("", now)
        if before == line and now - at < _SAY_AGAIN_SECONDS:
            return None
        self._said = (line, now)
        return line
