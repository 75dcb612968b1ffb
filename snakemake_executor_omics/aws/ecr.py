"""ECR: images looked at, pushed layer by layer without Docker, repositories as HealthOmics wants
them.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from ..errors import AccessDenied, ImageError, ServiceError
from ..images.manifest import MEDIA_TYPES, Blob, Manifest
from .session import Services
from .translate import translated

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient

HOST = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?")
PRINCIPAL = "omics.amazonaws.com"
# User guide, "Container images", "Amazon ECR repository permissions".
ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_SID = "HealthOmics"
_BLOCK = 1024 * 1024
_SECONDS = 60  # without a byte


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What ECR tells of an image; `size` is in bytes and compressed."""

    digest: str
    size: int
    architectures: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    moves: bool = True  # its tag may be another image's tomorrow


class Ecr:
    """The registry of an account in a region."""

    def __init__(self, services: Services, host: str) -> None:
        found = HOST.fullmatch(host)
        if found is None:
            raise ImageError(f"{host} is not a registry of ECR")
        self._account, self.region = found["account"], found["region"]
        self._client: ECRClient = services.client("ecr", self.region)

    # --- as `images.manifest.Registry` ---------------------------------------------------------

    def manifest(self, repository: str, wanted: str) -> Manifest | None:
        key = "imageDigest" if wanted.startswith("sha256:") else "imageTag"
        try:
            with translated(f"read the image {repository}:{wanted}"):
                answer = self._client.batch_get_image(
                    registryId=self._account,
                    repositoryName=repository,
                    imageIds=[{key: wanted}],  # type: ignore[misc]
                    acceptedMediaTypes=list(MEDIA_TYPES),
                )
        except ServiceError as error:
            if _code(error) == "RepositoryNotFoundException":
                return None
            raise
        if not answer["images"]:
            return None
        image = answer["images"][0]
        content = image["imageManifest"].encode()
        kind = image.get("imageManifestMediaType") or json.loads(content)["mediaType"]
        return Manifest(content, kind)

    def blob(self, repository: str, digest: str) -> Iterator[bytes]:
        with translated(f"read a layer of {repository}"):
            link = self._client.get_download_url_for_layer(
                registryId=self._account, repositoryName=repository, layerDigest=digest
            )["downloadUrl"]
        try:
            with urllib.request.urlopen(link, timeout=_SECONDS) as answer:
                while block := answer.read(_BLOCK):
                    yield block
        except OSError as error:
            raise ImageError(f"cannot read the layer {digest} of {repository}: {error}") from error

    def has_blob(self, repository: str, digest: str) -> bool:
        with translated(f"look for layers of {repository}"):
            answer = self._client.batch_check_layer_availability(
                registryId=self._account, repositoryName=repository, layerDigests=[digest]
            )
        return any(layer["layerAvailability"] == "AVAILABLE" for layer in answer["layers"])

    def put_blob(self, repository: str, blob: Blob, open_it: Callable[[], BinaryIO]) -> None:
        place: dict[str, str] = {"registryId": self._account, "repositoryName": repository}
        with translated(f"push a layer to {repository}"), open_it() as content:
            begun = self._client.initiate_layer_upload(**place)
            upload, first = begun["uploadId"], 0
            while part := content.read(begun["partSize"]):
                self._client.upload_layer_part(
                    **place,
                    uploadId=upload,
                    partFirstByte=first,
                    partLastByte=first + len(part) - 1,
                    layerPartBlob=part,
                )
                first += len(part)
            try:
                self._client.complete_layer_upload(
                    **place,
                    uploadId=upload,
                    layerDigests=[blob.digest],
                )
            except ClientError as error:  # another build was faster
                if _code(error) != "LayerAlreadyExistsException":
                    raise

    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None:
        with translated(f"push the image {repository}:{tag}"):
            try:
                self._client.put_image(
                    registryId=self._account,
                    repositoryName=repository,
                    imageManifest=manifest.content.decode(),
                    imageManifestMediaType=manifest.media_type,
                    imageTag=tag,
                    imageDigest=manifest.digest,
                )
            except ClientError as error:
                if _code(error) != "ImageAlreadyExistsException":
                    raise

    # --- repositories --------------------------------------------------------------------------

    def ensure_repository(self, name: str, tags: Mapping[str, str]) -> None:
        """A repository that HealthOmics may pull from; a policy that is there is added to."""
        with translated(f"make the repository {name} of ECR"):
            try:
                self._client.create_repository(
                    repositoryName=name,
                    imageTagMutability="IMMUTABLE",
                    tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                )
            except ClientError as error:
                if _code(error) != "RepositoryAlreadyExistsException":
                    raise
        self.grant(name)

    def grant(self, name: str) -> bool:
        """Let HealthOmics pull from a repository; False if it may already, or there is none."""
        try:
            policy = self.policy(name)
        except ServiceError as error:
            if _code(error) == "RepositoryNotFoundException":
                return False  # one of pull-through, which has its template
            raise
        if allows_service(policy):
            return False
        statement = {
            "Sid": _SID,
            "Effect": "Allow",
            "Principal": {"Service": PRINCIPAL},
            "Action": list(ACTIONS),
        }
        found = dict(policy or {"Version": "2012-10-17"})
        others = [one for one in _statements(found) if one.get("Sid") != _SID]
        found["Statement"] = [*others, statement]
        with translated(f"let HealthOmics pull from {name}"):
            self._client.set_repository_policy(
                registryId=self._account, repositoryName=name, policyText=json.dumps(found)
            )
        return True

    def policy(self, name: str) -> dict[str, Any] | None:
        """The policy of a repository, if it has one."""
        with translated(f"read the policy of {name}"):
            try:
                text = self._client.get_repository_policy(
                    registryId=self._account, repositoryName=name
                )["policyText"]
            except ClientError as error:
                if _code(error) == "RepositoryPolicyNotFoundException":
                    return None
                raise
        found: dict[str, Any] = json.loads(text)
        return found

    # --- what there is -------------------------------------------------------------------------

    def facts(self, repository: str, wanted: str) -> ImageFacts | None:
        """What is known of an image; None if there is none of that name.

        Nothing is pulled through: that would make a repository, and keep the image.
        """
        manifest = self._if_there(repository, wanted)
        if manifest is None:
            return None
        digest = manifest.digest
        architectures: tuple[str, ...] = ()
        entrypoint: tuple[str, ...] = ()
        if manifest.is_index:
            platforms = manifest.platforms
            architectures = tuple(sorted(platforms))
            below = platforms.get("amd64")
            inner = below and self._if_there(repository, below)
            if not inner:
                return ImageFacts(digest, 0, architectures)
            manifest = inner
        config = json.loads(b"".join(self.blob(repository, manifest.config.digest)))
        entrypoint = tuple((config.get("config") or {}).get("Entrypoint") or ())
        architectures = architectures or (str(config.get("architecture")),)
        size = sum(layer.size for layer in manifest.layers)
        moves = not wanted.startswith("sha256:") and self._moves(repository)
        return ImageFacts(digest, size, architectures, entrypoint, moves)

    def _if_there(self, repository: str, wanted: str) -> Manifest | None:
        """BatchGetImage itself asks upstream for what is not there; DescribeImages does not."""
        key = "imageDigest" if wanted.startswith("sha256:") else "imageTag"
        try:
            with translated(f"look for the image {repository}:{wanted}"):
                self._client.describe_images(
                    registryId=self._account,
                    repositoryName=repository,
                    imageIds=[{key: wanted}],  # type: ignore[misc]
                )
        except ServiceError as error:
            if _code(error) in ("RepositoryNotFoundException", "ImageNotFoundException"):
                return None
            raise
        return self.manifest(repository, wanted)

    def _moves(self, repository: str) -> bool:
        try:
            with translated(f"look at the repository {repository}"):
                answer = self._client.describe_repositories(
                    registryId=self._account, repositoryNames=[repository]
                )
        except AccessDenied:
            return True
        return answer["repositories"][0].get("imageTagMutability") != "IMMUTABLE"

    def password(self) -> tuple[str, str]:
        """Name and password with which a container program signs in, for twelve hours."""
        with translated("get a password of ECR"):
            answer = self._client.get_authorization_token()
        token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        name, _, password = token.partition(":")
        return name, password


def allows_service(policy: Mapping[str, Any] | None) -> bool:
    """Whether HealthOmics may pull by this policy; conditions are taken as met."""
    allowed: set[str] = set()
    for statement in _statements(policy or {}):
        principal = statement.get("Principal")
        services = principal.get("Service", ()) if isinstance(principal, dict) else ()
        known = [services] if isinstance(services, str) else list(services)
        if statement.get("Effect") == "Allow" and (principal == "*" or PRINCIPAL in known):
            actions = statement.get("Action", ())
            allowed.update([actions] if isinstance(actions, str) else actions)
    patterns = [
        re.compile(re.escape(action).replace(r"\*", ".*"), re.IGNORECASE) for action in allowed
    ]
    return all(any(pattern.fullmatch(action) for pattern in patterns) for action in ACTIONS)


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = policy.get("Statement") or []
    return [found] if isinstance(found, dict) else list(found)


def _code(error: BaseException) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return str(getattr(error, "code", "") or "")
