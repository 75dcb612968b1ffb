"""What becomes of a read set's files: they are taken in, tagged, archived, read and deleted.

No operation archives: the service does, when a read set has not been read for 30 days. Here that
is settled whenever somebody looks at a read set (`--archive-after DAYS` says after how long).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..arn import ALIAS
from ..clock import now, written
from ..context import Context
from ..errors import Fault
from ..formats import INDEX_SUFFIXES, Reference, etag_algorithm
from ..removing import remove
from ..store.documents import Store
from . import objects as store_objects

Document = dict[str, Any]
_ALIGNED = ("BAM", "CRAM")
_RESOLUTION = timedelta(minutes=1)  # of when a read set was read
_S3_PATH = re.compile(rf"/[^/]+{ALIAS}/\d+/sequenceStore/\d+/readSet/(\d+)/")
_FASTQ = re.compile(r"(\.(?:fastq|fq)(?:\.gz)?)?$")


def ingest(
    context: Context, store: Document, read_set: Document, sources: Sequence[tuple[str, Path]]
) -> Document:
    """Keep one or two source files, by name, and say what they are: `files`, `etag` and so on.

    ValidationException, and nothing is kept, if a file is not of the read set's type.
    """
    id, file_type, family = read_set["id"], read_set["fileType"], store["eTagAlgorithmFamily"]
    files: Document = {}
    try:
        for number, (name, path) in enumerate(_distinct(sources), 1):
            files[f"source{number}"] = store_objects.keep(context, store, id, name, path)
        paths = [store_objects.path(context, file) for file in files.values()]
        with TemporaryDirectory(dir=context.uploads) as folder:
            found, index = context.reader.survey(
                paths, file_type, family, Path(folder), _reference(context, read_set)
            )
            surveys = dict(zip(files, found, strict=True))
            if index is not None:
                name = sources[0][0] + INDEX_SUFFIXES[file_type]
                files["index"] = store_objects.keep(context, store, id, name, index)
    except Fault:
        store_objects.drop(context, *files.values())
        raise
    taken = {
        "files": files,
        "etag": {
            "algorithm": etag_algorithm(file_type, family),
            **{member: found.etag for member, found in surveys.items()},
        },
        "sequenceInformation": read_set.get("sequenceInformation", {})
        | {
            "totalReadCount": sum(found.reads for found in surveys.values()),
            "totalBaseCount": sum(found.bases for found in surveys.values()),
            "alignment": "ALIGNED" if file_type in _ALIGNED else "UNALIGNED",
        },
        "lastReadTime": now(),
    }
    tag_objects(context, store, read_set | taken)
    return taken


def _distinct(sources: Sequence[tuple[str, Path]]) -> Sequence[tuple[str, Path]]:
    """Names that are the same get `sourceX` inserted ("Amazon S3 URI structure")."""
    if len({name for name, _ in sources}) == len(sources):
        return sources
    return [
        (_FASTQ.sub(rf"_source{number}\1", name, count=1), path)
        for number, (name, path) in enumerate(sources, 1)
    ]


def _reference(context: Context, read_set: Document) -> Reference | None:
    """The files of the reference that a read set is linked to, if it is one of this service's."""
    arn = read_set.get("referenceArn", "")
    found = context.store.get("reference", arn.rpartition("/")[2])
    if found is None or found["arn"] != arn or found["status"] != "ACTIVE":
        return None
    files = found["files"]
    return Reference(*(store_objects.path(context, files[name]) for name in ("source", "index")))


def tag_objects(context: Context, store: Document, read_set: Document) -> None:
    """Give the S3 objects the tags by which access may be ruled.

    The subject's and sample's ids always, and what the store's `propagatedSetLevelTags` name of the
    read set's own ("Tagging resources in HealthOmics").
    """
    own = read_set.get("tags", {})
    tags = {
        "omics:subjectId": read_set["subjectId"],
        "omics:sampleId": read_set["sampleId"],
        **{key: own[key] for key in store.get("propagatedSetLevelTags", ()) if key in own},
    }
    for file in read_set.get("files", {}).values():
        store_objects.tag(context, file, tags)


def retag(context: Context, store: Document) -> None:
    """Give all objects of a store the tags that it propagates now."""
    for row in context.store.rows("readSet", parent=store["id"]):
        with context.store.transaction():
            current = context.store.get("readSet", row.body["id"])
            if current is not None:
                tag_objects(context, store, current)


def settled(context: Context, read_set: Document) -> Document:
    """The read set as it is now: archived, if nobody has read it for long."""
    if not _idle(context, read_set):
        return read_set
    with context.store.transaction():
        current = context.store.get("readSet", read_set["id"])
        if current is None or not _idle(context, current):
            return current or read_set
        for file in current["files"].values():
            store_objects.archive(context, file)
        return context.store.update("readSet", current["id"], {"status": "ARCHIVED"})


def settle_all(context: Context, store_id: str) -> None:
    """Archive every read set of a store that nobody has read for long."""
    idle = context.store.rows(
        "readSet", parent=store_id, statuses=["ACTIVE"], until={"lastReadTime": _limit(context)}
    )
    for row in idle:
        settled(context, row.body)


def _idle(context: Context, read_set: Document) -> bool:
    return read_set["status"] == "ACTIVE" and bool(read_set["lastReadTime"] <= _limit(context))


def _limit(context: Context) -> str:
    return written(datetime.now(UTC) - context.archive_after)


def activate(context: Context, id: str) -> None:
    """Make an archived read set one that can be read."""
    with context.store.transaction():
        read_set = context.store.update("readSet", id, {"status": "ACTIVATING"})
    for file in read_set["files"].values():
        store_objects.archive(context, file, archived=False)
    context.store.update("readSet", id, {"status": "ACTIVE", "lastReadTime": now()})


def note_reading(context: Context, id: str) -> None:
    """Somebody reads a read set, if it is still there."""
    found = context.store.get("readSet", id)
    lately = written(datetime.now(UTC) - _RESOLUTION)
    if found is None or found.get("lastReadTime", lately) > lately:
        return
    with context.store.transaction():
        if context.store.get("readSet", id) is not None:
            context.store.update("readSet", id, {"lastReadTime": now()})


def note_s3_reading(context: Context, path: str) -> None:
    """Somebody asks S3 for this path, which may be of a read set."""
    if (found := _S3_PATH.match(path)) is not None:
        note_reading(context, found.group(1))


def sweep(store: Store, uploads: Path) -> None:
    """Delete the folders of uploads that had ended when the server was killed."""
    for folder in uploads.iterdir():
        if not store.count("uploadPart", folder.name):
            remove(folder, within=uploads)


def drop(context: Context, read_sets: Sequence[Document]) -> None:
    """Delete read sets of one store, and their files."""
    for read_set in read_sets:
        context.store.delete("readSet", read_set["id"])
    files = (read_set.get("files", {}).values() for read_set in read_sets)
    store_objects.drop(context, *chain.from_iterable(files))
