"""Any registry but ECR, by the protocol of the OCI's distribution specification.

Public ones give everybody a token to read with. For others the passwords that `docker login` or
`podman login` wrote down are used, where they are written down as such. A registry on this
machine's loopback is spoken to without TLS.
"""

from __future__ import annotations

import base64
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import ImageError
from .manifest import DOCKER_HUB, MEDIA_TYPES, Blob, Manifest, sha256

_SECONDS = 60  # without a byte
_BLOCK = 1024 * 1024
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RegistryApi:
    """One registry."""

    def __init__(self, host: str) -> None:
        self._host = host
        near = host.partition(":")[0] in ("localhost", "127.0.0.1")
        self._url = f"{'http' if near else 'https'}://{host}/v2"
        self._authorization: dict[str, str] = {}  # by scope

    def manifest(self, repository: str, wanted: str) -> Manifest | None:
        headers = {"Accept": ", ".join(MEDIA_TYPES)}
        answer = self._ask("GET", repository, f"manifests/{wanted}", headers, missing=True)
        if answer is None:
            return None
        with answer:
            found = Manifest(answer.read(), answer.headers.get_content_type())
        if wanted.startswith("sha256:") and found.digest != wanted:
            raise ImageError(f"{self._host}/{repository}@{wanted} is not what the registry sends")
        return found

    def blob(self, repository: str, digest: str) -> Iterator[bytes]:
        answer = self._ask("GET", repository, f"blobs/{digest}")
        assert answer is not None
        with answer:
            while block := answer.read(_BLOCK):
                yield block

    def has_blob(self, repository: str, digest: str) -> bool:
        answer = self._ask("HEAD", repository, f"blobs/{digest}", missing=True)
        if answer is not None:
            answer.close()
        return answer is not None

    def put_blob(self, repository: str, blob: Blob, open_it: Callable[[], BinaryIO]) -> None:
        begun = self._ask("POST", repository, "blobs/uploads/", push=True, body=b"")
        assert begun is not None
        with begun:
            place = urllib.parse.urljoin(begun.url, begun.headers["Location"])
        joined = "&" if urllib.parse.urlsplit(place).query else "?"
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(blob.size),
        }
        with open_it() as content:
            answer = self._ask(
                "PUT",
                repository,
                f"{place}{joined}digest={urllib.parse.quote(blob.digest)}",
                headers,
                push=True,
                body=content,
            )
        assert answer is not None
        answer.close()

    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None:
        headers = {"Content-Type": manifest.media_type}
        answer = self._ask(
            "PUT", repository, f"manifests/{tag}", headers, push=True, body=manifest.content
        )
        assert answer is not None
        answer.close()

    def _ask(
        self,
        method: str,
        repository: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        push: bool = False,
        missing: bool = False,
        body: bytes | BinaryIO | None = None,
    ) -> Any:
        """The answer; None where `missing` says that the thing need not be there."""
        url = path if "://" in path else f"{self._url}/{repository}/{path}"
        scope = f"repository:{repository}:{'pull,push' if push else 'pull'}"
        for first in (True, False):
            known = self._authorization.get(scope)
            sent = {**(headers or {}), **({"Authorization": known} if known else {})}
            request = urllib.request.Request(url, body, sent, method=method)
            try:
                return _opener.open(request, timeout=_SECONDS)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 401 and first:
                    said = error.headers.get("WWW-Authenticate", "")
                    self._authorization[scope] = self._authorized(said, scope)
                    continue
                if error.code == 404 and missing:
                    return None
                raise ImageError(
                    f"{self._host} answers {error.code} {error.reason} to {method} of {repository}",
                    hint="see whether the image's name is right, and sign in (docker login) if "
                    "the registry is not public",
                ) from error
            except OSError as error:
                raise ImageError(
                    f"there is no way to the registry {self._host}: {error}"
                ) from error
        raise AssertionError

    def _authorized(self, challenge: str, scope: str) -> str:
        kind, _, rest = challenge.partition(" ")
        password = _password(self._host)
        if kind.lower() != "bearer":
            return f"Basic {password}" if password else ""
        asked = dict(_PARAMETER.findall(rest))
        query = urllib.parse.urlencode({"service": asked.get("service", ""), "scope": scope})
        request = urllib.request.Request(f"{asked.get('realm', '')}?{query}")
        if password:
            request.add_header("Authorization", f"Basic {password}")
        try:
            with _opener.open(request, timeout=_SECONDS) as answer:
                given = json.load(answer)
        except (OSError, ValueError) as error:
            raise ImageError(f"{self._host} gives no token to {scope}: {error}") from error
        return f"Bearer {given.get('token') or given.get('access_token', '')}"


class _Redirected(urllib.request.HTTPRedirectHandler):
    """Layers lie on other hosts, to which the registry's credentials are none."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:  # fmt: skip
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None:
            new.remove_header("Authorization")
        return new


_opener = urllib.request.build_opener(_Redirected)


def _password(host: str) -> str | None:
    """Name and password in base64, as these programs keep them."""
    names = {host, *(("https://index.docker.io/v1/", "docker.io") if host == DOCKER_HUB else ())}
    places = [
        Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")) / "config.json",
        Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "containers/auth.json",
    ]
    for path in places:
        try:
            known = json.loads(path.read_text()).get("auths", {})
        except (OSError, ValueError):
            continue
        for name in names:
            if found := known.get(name, {}).get("auth"):
                base64.b64decode(found)
                return str(found)
    return None


def verified(blocks: Iterator[bytes], digest: str, what: str) -> bytes:
    """A small blob, whose digest is looked at."""
    content = b"".join(blocks)
    if sha256(content) != digest:
        raise ImageError(f"{what}: the registry sends something else than {digest}")
    return content
