"""What a shell exports so that every AWS client in it uses the local HealthOmics, and its undoing.

Clients prefix the endpoint's host (`workflows-127.0.0.1`), which only a proxy can make sense of:
the server is one, for plain HTTP. Whether botocore takes a proxy depends on the host before it has
its prefix, so NO_PROXY must not have it. HTTPS, and what is called `localhost`, goes on as before.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from .service import LocalService

BEFORE = "LOCAL_HEALTHOMICS_BEFORE"  # what the variables were, as JSON; null: not set
# They would lead a client to another account, or past the endpoint.
_REMOVED = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
# False rather than unset, as ~/.aws/config may say the contrary.
_OFF = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)


def enter(service: LocalService, environ: Mapping[str, str]) -> str:
    """Shell commands that make a shell with these variables use the service."""
    ours = variables(service, environ)
    before = {name: environ.get(name) for name in ours} | _before(environ)
    return _commands({**ours, BEFORE: json.dumps(before)}, environ)


def leave(environ: Mapping[str, str]) -> str:
    """Shell commands that give the variables back what they were; none if `enter` did nothing."""
    return _commands({**_before(environ), BEFORE: None}, environ)


def variables(service: LocalService, environ: Mapping[str, str]) -> dict[str, str | None]:
    """What each variable has to be; None is unset."""
    url = service.endpoint_url
    return {
        "AWS_ENDPOINT_URL": url,
        **service.environment,
        "OMICS_ROLE_ARN": service.role_arn,
        "OMICS_OUTPUT_URI": service.default_output_uri,
        **dict.fromkeys(("HTTP_PROXY", "http_proxy"), url),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), _direct(url, environ)),
        **dict.fromkeys(_OFF, "false"),
        **dict.fromkeys(_REMOVED),
        **dict.fromkeys(name for name in environ if name.startswith("AWS_ENDPOINT_URL_")),
    }


def _direct(url: str, environ: Mapping[str, str]) -> str:
    """The user's own exceptions from a proxy, but those that the service's address falls under."""
    address = urlsplit(url).netloc
    listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    kept = [
        name
        for name in filter(None, (part.strip() for part in listed.split(",")))
        if not any(
            proxy_bypass_environment(host, {"no": name})
            for host in (address, f"workflows-{address}")
        )
    ]
    return ",".join(dict.fromkeys([*kept, "localhost"]))


def _before(environ: Mapping[str, str]) -> dict[str, str | None]:
    found: dict[str, str | None] = json.loads(environ.get(BEFORE, "{}"))
    return found


def _commands(values: Mapping[str, str | None], environ: Mapping[str, str]) -> str:
    lines = [
        f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"
        for name, value in values.items()
        if value is not None or name in environ
    ]
    return "\n".join(lines)
