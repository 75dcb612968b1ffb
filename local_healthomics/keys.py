"""The owner's secret of a state folder, and what follows from it: the access keys of accounts.

Whoever can read the secret may use the server, nobody else: it runs commands as its owner. An
account's access key id is its number; its secret is made from the owner's, so that nothing has to
be kept of it. The server proves by the same secret that it is the one of its folder.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from .removing import remove

_FILE = "secret"
_BYTES = 32


@dataclass(frozen=True, slots=True)
class OwnerKey:
    """The secret of one state folder."""

    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, state: Path) -> Self:
        """The secret of this folder, made if there is none yet."""
        path = state / _FILE
        draft = state / f"{_FILE}.{os.getpid()}"
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as out:
                out.write(secrets.token_hex(_BYTES).encode())
            try:
                os.link(draft, path)  # the first of several wins
            except FileExistsError:
                pass
            finally:
                remove(draft, within=state)
        return cls(path.read_bytes())

    def secret_access_key(self, account: str) -> str:
        return self._made("account", account)

    def proof(self, challenge: str) -> str:
        """What only the server of this folder can answer."""
        return self._made("proof", challenge)

    def of_owner(self, body: bytes) -> str:
        """What only the owner can send with a request that is no client's of AWS."""
        return self._made("request", hashlib.sha256(body).hexdigest())

    def _made(self, purpose: str, text: str) -> str:
        message = f"{purpose} {text}".encode()
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()[:40]
