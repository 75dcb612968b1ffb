"""Have Seqera's Wave build an image of an environment: public, for anyone, and kept by Seqera.

By its API, `POST /v1alpha2/container` with `freeze` (docs of seqeralabs/wave): the address comes
before the image is there, so its build is asked after.
"""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from ..errors import ImageError
from ..model import Environment
from .assemble import check_assemblable
from .recipe import Recipe

_ENDPOINT = "https://wave.seqera.io"
_VARIABLE = "WAVE_API_ENDPOINT"
_TEMPLATE = "conda/micromamba:v2"  # the one whose images have no ENTRYPOINT
_PAUSE = 5.0  # seconds
_PATIENCE = 3600.0  # seconds
_SECONDS = 60


def build_public(environment: Environment, say: Callable[[str], None]) -> str:
    """The address of the image, once it is there.

    Raises:
        ImageError: Wave cannot make it, or has not within an hour.
    """
    recipe: Recipe = check_assemblable(environment, pip=True)
    if recipe.pins:
        raise ImageError(
            f"{environment.file} has a pin file, which Wave does not take",
            hint="`--with assemble` and `--with codebuild` do",
        )
    endpoint = os.environ.get(_VARIABLE, _ENDPOINT).rstrip("/")
    request = {
        "packages": {
            "type": "CONDA",
            "environment": base64.b64encode(environment.content).decode(),
            "channels": list(recipe.channels),
        },
        "containerPlatform": "linux/amd64",
        "freeze": True,
        "nameStrategy": "imageSuffix",
        "buildTemplate": _TEMPLATE,
    }
    if token := os.environ.get("TOWER_ACCESS_TOKEN"):
        request["towerAccessToken"] = token
    answer = _asked(f"{endpoint}/v1alpha2/container", request)
    image, build = answer.get("containerImage") or answer.get("targetImage"), answer.get("buildId")
    if not image:
        raise ImageError(f"Wave answers without an image: {json.dumps(answer)[:300]}")
    say(f"omics: Wave makes {image} from {environment.file}, for anyone to pull")
    deadline = time.monotonic() + _PATIENCE
    while build and not (answer.get("succeeded") or answer.get("cached")):
        if time.monotonic() > deadline:
            raise ImageError(
                f"Wave has not made {image} within an hour (build {build})",
                hint="it goes on there: the same command asks after it again",
            )
        answer = _asked(f"{endpoint}/v1alpha1/builds/{build}/status")
        if answer.get("status") == "COMPLETED":
            if not answer.get("succeeded"):
                raise ImageError(f"Wave cannot make {image}: build {build} has failed")
            break
        time.sleep(_PAUSE)
    return str(image)


def _asked(url: str, body: object = None) -> dict[str, Any]:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read(2000).decode(errors="replace")
        raise ImageError(f"Wave answers {error.code}: {said}") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"there is no way to Wave: {error}") from error
    return found
