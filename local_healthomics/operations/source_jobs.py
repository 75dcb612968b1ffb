"""Background of a store: a list of sources, each done on its own.

A job does its sources one after the other and writes down how each ended, so that a job that was
interrupted goes on with the first that has not. The messages are those of the user guide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..background import UNFINISHED, Job
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict, Fault
from ..store.documents import LONG_ID_DIGITS
from .common import asked_states, existing, given, in_store, times

QUEUED = {"status": "NOT_STARTED", "statusMessage": "The source is queued for the job."}
_MESSAGE = 127  # characters of a statusMessage of a job or a source
Document = dict[str, Any]


def start(context: Context, kind: str, store: str, params: Params, **members: Any) -> Document:
    """A new job of this kind in the store of kind `store`; `members` are its sources."""
    parent = existing(context, store, params[f"{store}Id"])["id"]
    job = context.add(
        kind,
        {
            **given(params, f"{store}Id", "roleArn", "destination"),
            "status": "SUBMITTED",
            "statusMessage": "The job is submitted and will start soon.",
            "creationTime": now(),
            **members,
        },
        parent=parent,
        digits=LONG_ID_DIGITS,
    )
    return {**job, "follow_up": [(kind, job["id"])]}


def allotted(context: Context, sources: Sequence[Params]) -> list[Document]:
    """The sources of an import, each with an id for what it becomes: files go where ids say."""
    return [
        {**source, **QUEUED, "allotted": context.store.new_id(LONG_ID_DIGITS)} for source in sources
    ]


def getter(kind: str, store: str) -> Handler:
    def get(context: Context, params: Params) -> Document:
        return in_store(context, kind, params[f"{store}Id"], params["id"], store)

    return get


def lister(kind: str, store: str, key: str) -> Handler:
    def list_jobs(context: Context, params: Params) -> Document:
        parent = existing(context, store, params[f"{store}Id"])["id"]
        asked = params.get("filter") or {}
        return context.page(
            kind,
            params,
            key=key,
            parent=parent,
            statuses=asked_states(asked),
            **times(asked),
        )

    return list_jobs


def job(kind: str, member: str, work: Callable[[Context, Document, Document], str]) -> Job[Context]:
    """A job that does `work` on each source under `member`; `work` answers what to say of it."""

    def run(context: Context, job: Document) -> None:
        sources: list[Document] = job[member]

        def note(source: Document, status: str, message: str) -> None:
            source |= {"status": status, "statusMessage": message[:_MESSAGE]}
            context.store.update(
                kind,
                job["id"],
                {
                    "status": "IN_PROGRESS",
                    "statusMessage": "The job is currently in progress.",
                    member: sources,
                },
            )

        for source in sources:
            if source["status"] in ("FINISHED", "FAILED"):
                continue
            if context.background.closing:
                return
            note(source, "IN_PROGRESS", "The source job is currently in progress.")
            try:
                note(source, "FINISHED", work(context, job, source))
            except Fault as fault:
                note(source, "FAILED", fault.message)
            except FileNotFoundError:  # the object was deleted
                note(source, "FAILED", "The source went away while it was read.")
        context.store.update(kind, job["id"], {**_outcome(sources), "completionTime": now()})

    return run


def _outcome(sources: Sequence[Document]) -> dict[str, str]:
    failed = sum(source["status"] == "FAILED" for source in sources)
    if not failed:
        return {"status": "COMPLETED", "statusMessage": "The job completed successfully."}
    status = "FAILED" if failed == len(sources) else "COMPLETED_WITH_FAILURES"
    return {"status": status, "statusMessage": f"{failed} of {len(sources)} sources failed."}


def forget(context: Context, kinds: Sequence[str], store_id: str) -> None:
    """Drop a store's jobs of these kinds; ConflictException if one is not done."""
    for kind in kinds:
        if context.store.rows(kind, parent=store_id, statuses=UNFINISHED, limit=1):
            raise Conflict(f"store {store_id} has a job that is not done")
    for kind in kinds:
        context.store.delete_children(kind, store_id)
