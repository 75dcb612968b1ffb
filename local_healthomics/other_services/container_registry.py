"""ECR, as far as images go: layers, manifests and their digests.

moto keeps repositories (policies, tags, mutability, lifecycle). Its digest of an image is not that
of the manifest, and it takes images whose layers are missing: both are here. Layers are
objects of a bucket that clients may only read, as ECR's download links lead to S3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import ValidationFault
from ..protocol.models import service_model
from ..protocol.validation import validate
from ..removing import remove
from ..store.database import opened
from .registry_answers import Operation, Params, Refused, paged
from .registry_settings import RegistrySettings

BUCKET = "container-layers-s3alias"
PART_SIZE = 10 * 1024 * 1024  # what clients are told; AWS's example says 20 MiB
_SMALLEST_PART = 5 * 1024 * 1024  # of an upload's parts but the last one
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS layer (account TEXT, repository TEXT, digest TEXT, size INTEGER,
    PRIMARY KEY (account, repository, digest));
CREATE TABLE IF NOT EXISTS image (account TEXT, repository TEXT, digest TEXT, manifest TEXT,
    type TEXT, pushed REAL, PRIMARY KEY (account, repository, digest));
CREATE TABLE IF NOT EXISTS tag (account TEXT, repository TEXT, tag TEXT, digest TEXT,
    PRIMARY KEY (account, repository, tag));
"""


class Layers(Protocol):
    """Where layers are kept."""

    def make_bucket(self, name: str) -> None: ...
    def link(self, bucket: str, key: str, path: Path, etag: str | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What the registry asks of others."""

    layers: Layers
    mutability: Callable[
        [str, str], str | None
    ]  # of an account's repository, None if there is none
    link: Callable[[str, str, str], str]  # for a host, bucket and key


class ContainerRegistry:
    """The registries of all accounts of one state folder."""

    def __init__(self, state: Path, ports: Ports) -> None:
        self._ports = ports
        self._uploads = state / "layer-uploads"
        self._db = opened(state / "container_registry.sqlite")
        self._db.executescript(_SCHEMA)
        self._settings = RegistrySettings(self._db)
        self._lock = threading.RLock()
        self._operations: dict[str, Operation] = {
            "BatchCheckLayerAvailability": self._check_layers,
            "InitiateLayerUpload": self._begin,
            "UploadLayerPart": self._part,
            "CompleteLayerUpload": self._complete,
            "PutImage": self._put_image,
            "BatchGetImage": self._get_images,
            "BatchDeleteImage": self._delete_images,
            "DescribeImages": self._describe_images,
            "ListImages": self._list_images,
            **self._settings.operations,
        }

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def has(self, operation: str) -> bool:
        return operation in self._operations or operation == "GetDownloadUrlForLayer"

    def answer(self, operation: str, account: str, body: bytes, host: str) -> dict[str, Any]:
        """What an operation answers.

        Raises:
            Refused: the service's error.
        """
        try:
            params = json.loads(body or b"{}")
            if operation == "UploadLayerPart" and isinstance(params.get("layerPartBlob"), str):
                params["layerPartBlob"] = base64.b64decode(params["layerPartBlob"])
            validate(service_model("ecr").operation_model(operation).input_shape, params)
        except (ValidationFault, ValueError) as error:
            raise Refused("InvalidParameterException", str(error)) from error
        account = params.get("registryId") or account
        with self._lock:
            if operation == "GetDownloadUrlForLayer":
                return self._download(account, params, host)
            with self._transaction():
                return self._operations[operation](account, params)

    def refuse_removal(self, account: str, body: bytes) -> None:
        """Of a repository with images, unless it is forced; moto does not know of them.

        Raises:
            Refused
        """
        params = json.loads(body or b"{}")
        name = params.get("repositoryName", "")
        if not params.get("force") and self._rows("image", account, name):
            raise Refused(
                "RepositoryNotEmptyException",
                f"The repository with name '{name}' in registry with id '{account}' cannot be "
                "deleted because it still contains images",
            )

    def forget(self, account: str, body: bytes) -> None:
        """The repository that `body` names is gone."""
        name = json.loads(body or b"{}").get("repositoryName", "")
        with self._lock, self._transaction():
            for table in ("layer", "image", "tag"):
                self._db.execute(
                    f"DELETE FROM {table} WHERE account = ? AND repository = ?", (account, name)
                )

    def pull_through(self, account: str) -> tuple[str | None, dict[str, str], dict[str, str]]:
        """See `RegistrySettings.pull_through`."""
        with self._lock:
            return self._settings.pull_through(account)

    # --- layers ------------------------------------------------------------------------------

    def _check_layers(self, account: str, params: Params) -> dict[str, Any]:
        name = self._repository(account, params)
        sizes = {row[0]: row[1] for row in self._rows("layer", account, name, "digest, size")}
        layers, failures = [], []
        for digest in params["layerDigests"]:
            if digest.startswith("sha256:"):
                found = {"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}
                if digest in sizes:
                    found |= {"layerAvailability": "AVAILABLE", "layerSize": sizes[digest]}
                layers.append(found)
            else:
                failures.append({"layerDigest": digest, "failureCode": "InvalidLayerDigest"})
        return {"layers": layers, "failures": failures}

    def _begin(self, account: str, params: Params) -> dict[str, Any]:
        self._repository(account, params)
        self._uploads.mkdir(parents=True, exist_ok=True)
        upload = str(uuid.uuid4())
        (self._uploads / upload).touch()
        return {"uploadId": upload, "partSize": PART_SIZE}

    def _part(self, account: str, params: Params) -> dict[str, Any]:
        name, path = self._repository(account, params), self._upload(params)
        first, last, part = params["partFirstByte"], params["partLastByte"], params["layerPartBlob"]
        size = path.stat().st_size
        if first != size or last - first + 1 != len(part):
            raise Refused(
                "InvalidLayerPartException",
                f"The layer part size is not valid, or the first byte specified is not consecutive "
                f"to the last byte of a previous layer part upload (last byte {size - 1})",
            )
        short = path.with_suffix(".short")
        if short.exists():
            raise Refused(
                "LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size"
            )
        with path.open("ab") as file:
            file.write(part)
        if len(part) < _SMALLEST_PART:
            short.touch()  # the last one, then
        return {
            "registryId": account,
            "repositoryName": name,
            "uploadId": params["uploadId"],
            "lastByteReceived": last,
        }

    def _complete(self, account: str, params: Params) -> dict[str, Any]:
        name, path = self._repository(account, params), self._upload(params)
        size = path.stat().st_size
        if not size:
            raise Refused("EmptyUploadException", "The layer upload does not contain layer parts")
        with path.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if digest not in params["layerDigests"]:
            raise Refused(
                "InvalidLayerException",
                f"The layer digest calculation performed by Amazon ECR ({digest}) does not match "
                "the image layer digest specified",
            )
        if self._rows("layer", account, name, where=("digest", digest)):
            raise Refused(
                "LayerAlreadyExistsException",
                f"The image layer '{digest}' already exists in the repository '{name}'",
            )
        self._ports.layers.make_bucket(BUCKET)
        self._ports.layers.link(BUCKET, f"{account}/{name}/{digest}", path)
        self._db.execute("INSERT INTO layer VALUES (?,?,?,?)", (account, name, digest, size))
        for used in (path, path.with_suffix(".short")):
            remove(used, within=self._uploads)
        return {
            "registryId": account,
            "repositoryName": name,
            "uploadId": params["uploadId"],
            "layerDigest": digest,
        }

    def _download(self, account: str, params: Params, host: str) -> dict[str, Any]:
        name, digest = self._repository(account, params), params["layerDigest"]
        if not self._rows("layer", account, name, where=("digest", digest)):
            raise Refused(
                "LayersNotFoundException",
                f"The layer with digest '{digest}' does not exist in the repository '{name}'",
            )
        key = f"{account}/{name}/{digest}"
        return {"downloadUrl": self._ports.link(host, BUCKET, key), "layerDigest": digest}

    def _upload(self, params: Params) -> Path:
        upload = str(params["uploadId"])
        path = self._uploads / upload
        if os.sep in upload or "." in upload or not path.is_file():
            raise Refused("UploadNotFoundException", f"The upload '{upload}' could not be found")
        return path

    # --- images ------------------------------------------------------------------------------

    def _put_image(self, account: str, params: Params) -> dict[str, Any]:
        name, text = self._repository(account, params), params["imageManifest"]
        try:
            manifest = json.loads(text)
            kind = params.get("imageManifestMediaType") or manifest["mediaType"]
            parts = manifest["manifests" if kind in _INDEXES else "layers"]
            digests = [part["digest"] for part in parts]
            digests += [] if kind in _INDEXES else [manifest["config"]["digest"]]
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(
                "InvalidParameterException",
                f"Invalid parameter at 'imageManifest' failed to satisfy constraint: {error!r}",
            ) from error
        digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        if params.get("imageDigest") not in (None, digest):
            raise Refused(
                "ImageDigestDoesNotMatchException",
                f"The digest of the manifest is {digest}, not {params['imageDigest']}",
            )
        table = "image" if kind in _INDEXES else "layer"
        there = {row[0] for row in self._rows(table, account, name)}
        if missing := [part for part in digests if part not in there]:
            listed = "[" + ", ".join(f"'{part}'" for part in missing) + "]"
            if kind in _INDEXES:
                raise Refused(
                    "ReferencedImagesNotFoundException",
                    f"Images {listed} referenced by the manifest list do not exist",
                )
            raise Refused(
                "LayersNotFoundException",
                f"Layers with digests {listed} required for pushing image into repository with "
                f"name '{name}' in the registry with id '{account}' do not exist",
            )
        tag = params.get("imageTag")
        tags = dict(self._rows("tag", account, name, "tag, digest"))
        known = bool(self._rows("image", account, name, where=("digest", digest)))
        if known and (tag is None or tags.get(tag) == digest):
            raise Refused(
                "ImageAlreadyExistsException",
                f"Image with digest '{digest}' and tag '{tag}' already exists in the repository",
            )
        if tag in tags and self._ports.mutability(account, name) == "IMMUTABLE":
            raise Refused(
                "ImageTagAlreadyExistsException",
                f"The image tag '{tag}' already exists in the '{name}' repository and cannot be "
                "overwritten because the repository is immutable.",
            )
        row = (account, name, digest, text, kind, time.time())
        self._db.execute("INSERT OR IGNORE INTO image VALUES (?,?,?,?,?,?)", row)
        if tag is not None:
            self._db.execute("INSERT OR REPLACE INTO tag VALUES (?,?,?,?)",
                             (account, name, tag, digest))  # fmt: skip
        return {"image": self._image(account, name, digest, tag)}

    def _get_images(self, account: str, params: Params) -> dict[str, Any]:
        name = self._repository(account, params)
        images, failures = [], []
        for wanted in params["imageIds"]:
            digest = self._digest(account, name, wanted)
            if digest is None:
                failures.append(
                    {
                        "imageId": wanted,
                        "failureCode": "ImageNotFound",
                        "failureReason": "Requested image not found",
                    }
                )
            else:
                images.append(self._image(account, name, digest, wanted.get("imageTag")))
        return {"images": images, "failures": failures}

    def _delete_images(self, account: str, params: Params) -> dict[str, Any]:
        name = self._repository(account, params)
        gone, failures = [], []
        for wanted in params["imageIds"]:
            digest = self._digest(account, name, wanted)
            if digest is None:
                failures.append({"imageId": wanted, "failureCode": "ImageNotFound"})
                continue
            place, tag = (account, name, digest), wanted.get("imageTag")
            self._db.execute(
                "DELETE FROM tag WHERE account = ? AND repository = ? AND digest = ?"
                + ("" if tag is None else " AND tag = ?"),
                place if tag is None else (*place, tag),
            )
            if not self._rows("tag", account, name, where=("digest", digest)):
                self._db.execute(
                    "DELETE FROM image WHERE account = ? AND repository = ? AND digest = ?", place
                )
            gone.append({"imageDigest": digest, **wanted})
        return {"imageIds": gone, "failures": failures}

    def _describe_images(self, account: str, params: Params) -> dict[str, Any]:
        name = self._repository(account, params)
        rows = self._rows("image", account, name, "digest, manifest, type, pushed")
        if "imageIds" in params:
            wanted = set()
            for item in params["imageIds"]:
                digest = self._digest(account, name, item)
                if digest is None:
                    raise Refused(
                        "ImageNotFoundException",
                        f"The image with imageId {json.dumps(item)} does not exist within the "
                        f"repository with name '{name}' in the registry with id '{account}'",
                    )
                wanted.add(digest)
            rows = [row for row in rows if row[0] in wanted]
        tags: dict[str, list[str]] = {}
        for tag, digest in self._rows("tag", account, name, "tag, digest"):
            tags.setdefault(digest, []).append(tag)
        details = []
        for digest, text, kind, pushed in rows:
            manifest = json.loads(text)
            detail = {
                "registryId": account,
                "repositoryName": name,
                "imageDigest": digest,
                "imageSizeInBytes": sum(part["size"] for part in manifest.get("layers", ())),
                "imagePushedAt": pushed,
                "imageManifestMediaType": kind,
            }
            if digest in tags:
                detail["imageTags"] = sorted(tags[digest])
            if "config" in manifest:
                detail["artifactMediaType"] = manifest["config"].get("mediaType", "")
            details.append(detail)
        return paged(params, "imageDetails", details)

    def _list_images(self, account: str, params: Params) -> dict[str, Any]:
        name = self._repository(account, params)
        tags = self._rows("tag", account, name, "tag, digest")
        status = params.get("filter", {}).get("tagStatus", "ANY")
        found = [{"imageDigest": d, "imageTag": tag} for tag, d in tags if status != "UNTAGGED"]
        if status != "TAGGED":
            tagged = {digest for _, digest in tags}
            rows = self._rows("image", account, name)
            found += [{"imageDigest": row[0]} for row in rows if row[0] not in tagged]
        return paged(params, "imageIds", found)

    def _image(self, account: str, name: str, digest: str, tag: str | None) -> dict[str, Any]:
        ((text, kind),) = self._rows(
            "image", account, name, "manifest, type", where=("digest", digest)
        )
        return {
            "registryId": account,
            "repositoryName": name,
            "imageId": {"imageDigest": digest, **({} if tag is None else {"imageTag": tag})},
            "imageManifest": text,
            "imageManifestMediaType": kind,
        }

    def _digest(self, account: str, name: str, wanted: Mapping[str, str]) -> str | None:
        """The digest of an image that is named by one, or by a tag."""
        digest = wanted.get("imageDigest")
        if "imageTag" in wanted:
            rows = self._rows("tag", account, name, where=("tag", wanted["imageTag"]))
            found = rows[0][0] if rows else None
            return found if digest in (None, found) else None
        rows = self._rows("image", account, name, where=("digest", str(digest)))
        return rows[0][0] if rows else None

    # --- what is kept ------------------------------------------------------------------------

    def _repository(self, account: str, params: Params) -> str:
        name: str = params["repositoryName"]
        if self._ports.mutability(account, name) is None:
            raise Refused(
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry with id "
                f"'{account}'",
            )
        return name

    def _rows(
        self,
        table: str,
        account: str,
        name: str,
        columns: str = "digest",
        where: tuple[str, str] | None = None,
    ) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM {table} WHERE account = ? AND repository = ?"
        values: tuple[str, ...] = (account, name)
        if where is not None:
            query, values = f"{query} AND {where[0]} = ?", (*values, where[1])
        return self._db.execute(f"{query} ORDER BY 1", values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
