"""Who may ask: the owner of the state folder, and whoever the owner's IAM and STS gave keys.

Every request but the server's own question for its health is signed, or refused. With `--insecure`
nothing is checked, and the account is what the request says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .arn import ACCOUNT
from .keys import OwnerKey
from .protocol.signatures import SignatureRefused, check, claims, read

_DIGITS = 12  # of the number of an account


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is, and for which service it was signed."""

    account: str
    service: str


@dataclass(frozen=True, slots=True)
class Key:
    """Of the owner, of a user of IAM, or of a session of STS, which may be over."""

    account: str
    secret: str
    is_over: bool = False


class Access:
    """`given` knows the keys that IAM and STS gave, by key id and token."""

    def __init__(
        self,
        owner: OwnerKey,
        given: Callable[[str, str | None], Key | None],
        *,
        insecure: bool = False,
    ) -> None:
        self._owner, self._given, self._insecure = owner, given, insecure

    def admit(self, environ: Mapping[str, Any], body_digest: Callable[[], str]) -> Caller | None:
        """Whose request this is; None if it is not signed.

        Raises:
            SignatureRefused: it is not signed by whom it says.
        """
        if self._insecure:
            return self._believed(environ)
        signed = read(environ)
        if signed is None:
            return None
        found = self._known(signed.key, signed.token)
        if found is None:
            raise SignatureRefused(
                "InvalidAccessKeyId",
                "The access key id you provided does not exist in the local HealthOmics: "
                "`local-healthomics env` says the one of its owner.",
            )
        if found.is_over:
            raise SignatureRefused("ExpiredToken", "The provided token has expired.")
        check(signed, environ, found.secret, body_digest, datetime.now(UTC))
        return Caller(found.account, signed.service)

    @property
    def takes_unsigned(self) -> bool:
        return self._insecure

    def _believed(self, environ: Mapping[str, Any]) -> Caller | None:
        """What a request says of itself, with a signature or half of one."""
        claimed = claims(environ)
        if claimed is None:
            return None
        found = self._known(claimed[0], environ.get("HTTP_X_AMZ_SECURITY_TOKEN"))
        return Caller(found.account if found else ACCOUNT, claimed[1])

    def _known(self, key: str, token: str | None) -> Key | None:
        if key.isdecimal() and len(key) == _DIGITS:
            return Key(key, self._owner.secret_access_key(key))
        return self._given(key, token)
