"""The files that Snakemake keeps in S3, by its storage plugin: which they are, and what lies there.

Snakemake names such a file by the local path that a copy of it would have. Commands hold that
path and tasks reproduce it, so a run works unchanged; only where a file comes from and goes to
differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..aws.objects import Found, look_at
from ..aws.session import Services
from ..aws.transfer import check_bucket, split_uri
from ..errors import AccessDenied, StagingError, UnsupportedRule
from ..files.archive import TIMESTAMP
from ..model import FileRef, Wave
from .internals import look_again

File = Any  # Snakemake's files carry no types
Job = Any

_PLUGIN = "snakemake_storage_plugin_s3"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_stored(file: File) -> bool:
    """Whether Snakemake has the file in some storage."""
    return bool(getattr(file, "is_storage", False))


def uri_of(file: File) -> str | None:
    """The S3 URI of a file; None where it is local, or in a storage of another kind."""
    if not is_stored(file) or not type(file.storage_object.provider).__module__.startswith(_PLUGIN):
        return None
    return f"s3://{file.storage_object.bucket}/{file.storage_object.key}"


@dataclass(frozen=True, slots=True)
class Storage:
    """The S3 that runs use, and what was found there; `endpoint` is None where nobody looked."""

    endpoint: str | None = None
    found: Mapping[str, Found] = field(default_factory=dict)

    def uri(self, file: File) -> str | None:
        """The URI by which a run can read or write `file`, None where it cannot."""
        uri = uri_of(file)
        if uri is None or self.endpoint is None:
            return uri
        client = file.storage_object.provider.s3c.meta.client
        return uri if _is_same(client.meta.endpoint_url, self.endpoint) else None

    def target(self, file: File, rule: str) -> str | None:
        """Where a result goes, None for the project's folder.

        Raises:
            UnsupportedRule: to a storage that HealthOmics does not reach, or by the job itself.
        """
        uri = self.uri(file)
        if uri is not None and not file.storage_object.retrieve:
            raise UnsupportedRule(
                rule,
                f"leaves {uri} in S3 itself (retrieve=False)",
                hint="leave `retrieve` out: results are copied inside S3, and go through no "
                "other machine",
            )
        if uri is None and is_stored(file):
            raise UnsupportedRule(
                rule,
                f"writes to {file.storage_object.print_query}, which is not in the S3 of its runs",
                hint="write to S3 in the region of the runs, and copy it on in a local rule; with "
                'the local service, call eval "$(snakemake-omics local env)" before Snakemake',
            )
        return uri

    def inputs(self, file: File, path: str, rule: str) -> list[FileRef]:
        """A raw input as the run gets it: an object, or the objects below a directory.

        Raises:
            StagingError: there is no such object, or no right to read it.
        """
        uri = self.uri(file)
        if uri is None:
            return []
        if uri not in self.found:
            return [FileRef(path, uri=uri)]
        found = self.found[uri]
        if isinstance(found, AccessDenied):
            raise StagingError(
                f"rule {rule}: no right to read its input {uri}: {found.message}",
                hint="the credentials of --omics-aws-profile and the run's role need s3:GetObject "
                "there",
            )
        if not found:
            raise StagingError(
                f"rule {rule}: its input {uri} does not exist",
                hint="look at the rule's `input:`, or put the file there",
            )
        # The mark that Snakemake puts into directories matters where there is nothing else.
        content = [item for item in found if not item.uri.endswith(f"/{TIMESTAMP}")] or found
        return [
            FileRef(path + item.uri.removeprefix(uri), uri=item.uri, etag=item.etag)
            for item in content
        ]


def survey(
    dag: Any,
    services: Services,
    is_made: Callable[[Job], bool],
    retrieve: Callable[[list[File]], None],
) -> Storage:
    """Look at every object that a run may read now; others (of the web, say) are fetched here."""
    storage = Storage(str(services.s3.meta.endpoint_url))
    files = {str(file): file for file in _raw(dag, is_made)}
    elsewhere = [file for file in files.values() if storage.uri(file) is None]
    if elsewhere:
        retrieve(elsewhere)
    uris = [uri for file in files.values() if (uri := storage.uri(file)) is not None]
    return Storage(storage.endpoint, look_at(services, uris))


def _raw(dag: Any, is_made: Callable[[Job], bool]) -> Iterator[File]:
    """The stored inputs of jobs to be run that no job is still to make."""
    for job in dag.needrun_jobs():
        if job.is_local or dag.finished(job):
            continue
        made = {
            file
            for parent, files in dag.dependencies[job].items()
            if dag.needrun(parent) and not dag.finished(parent) and not is_made(parent)
            for file in files
        }
        yield from (file for file in job.input if is_stored(file) and file not in made)


def forget_absent(dag: Any, job: Job) -> None:
    """Have the plugin look again at a job's directories, which were not there when it looked.

    It keeps its first answer to whether something is a directory, for the job's own file and for
    those of the jobs that read it.
    """
    made = {file for file in job.output if uri_of(file) is not None and file.is_directory}
    if not made:
        return  # a job below may read the results of all others
    readers = (file for other in dag.depending[job] for file in other.input if file in made)
    for file in (*made, *readers):
        look_again(file)


def check_buckets(services: Services, wave: Wave) -> None:
    """Refuse buckets that a run or the copies of its results could not use.

    Raises:
        StagingError: one is in another region, is not there, or gives no right.
    """
    users: dict[str, str] = {}
    for task in wave.tasks:
        uris = [*task.s3_targets.values(), *(ref.uri for ref in task.inputs if ref.uri is not None)]
        for uri in uris:
            users.setdefault(split_uri(uri)[0], task.key.rule)
    for bucket, rule in users.items():
        try:
            check_bucket(services, f"s3://{bucket}", services.region)
        except StagingError as error:
            raise StagingError(f"rule {rule}: {error.message}", hint=error.hint) from error


def _is_same(one: str, other: str) -> bool:
    """Whether two endpoints are one S3: AWS's is in all its regions."""
    return _place(one) == _place(other)


def _place(endpoint: str) -> tuple[str, int | None]:
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    for end in (".amazonaws.com", ".amazonaws.com.cn"):
        if host.endswith(end):
            return end, None
    return _LOOPBACK[0] if host in _LOOPBACK else host, parts.port
