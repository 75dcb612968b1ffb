"""The report as one page that needs no network: tables always, plots with the extra `report`.

What rules, files and logs say is foreign: the template escapes it, and the page lets no script run
but its own, which it names by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ..model import JobState
from . import texts
from .advice import MOST_PROPOSALS, Advice
from .charts import charts
from .model import ReportedTask
from .summaries import Summary

EXTRA_MISSING = (
    "without plots: they need the extra `report`, in a clone of the plugin's repository "
    "pip install '.[report]'"
)
_MOST_TASKS = 30  # in the table; the CSV has all
_MOST_WAITS = 30
# In a checkout the templates stand beside the package, in a wheel inside it.
_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = [_PACKAGE / "templates", _PACKAGE.parent / "templates"]
_URL = re.compile(r"https://\S+")


@dataclass(frozen=True, slots=True)
class Script:
    """A script of the page, and the hash by which it may run."""

    text: Markup

    @property
    def hash(self) -> str:
        digest = hashlib.sha256(self.text.encode()).digest()
        return f"sha256-{base64.b64encode(digest).decode()}"


def plotting_library() -> str | None:
    """Vega, Vega-Lite and Vega-Embed as one script; None without the extra `report`."""
    try:
        import vl_convert
    except ImportError:
        return None
    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub is wrong


def to_html(summary: Summary, advice: Advice, library: str | None) -> str:
    """The page; without a `library` that draws them it has no plots, and says so."""
    report = summary.report
    plots = charts(summary) if library is not None else {}
    scripts = [_script(library), _script(_source("report.js"))] if library and plots else []
    dearest = sorted(report.tasks, key=lambda task: (-(task.dollars or 0), task.age))[:_MOST_TASKS]
    columns, *rows = texts.rule_table(summary)
    template = _environment().get_template("report.html.j2")
    return template.render(
        title=", ".join(f"{run.name or 'run'} {run.id}" for run in report.runs),
        runs=list(texts.runs_of(report)),
        links=[run.link for run in report.runs if run.link],
        command=report.command,
        partial=report.is_partial,
        made=f"{report.made:%Y-%m-%d %H:%M} UTC",
        cards=_cards(summary),
        gaps=report.gaps,
        failures=report.failures,
        advice=advice,
        most_proposals=MOST_PROPOSALS,
        kind=columns[0],
        columns=columns,
        rows=rows,
        left_out=texts.left_out(summary),
        plots=plots,
        no_plots=EXTRA_MISSING if library is None else "",
        costs=_costs(summary),
        prices=report.prices,
        waits=[
            (wait.what, texts.duration(wait.seconds), texts.note_of(wait))
            for wait in summary.waits[:_MOST_WAITS]
        ],
        tasks=[_cells(task) for task in dearest],
        tasks_title="Tasks"
        if len(report.tasks) <= _MOST_TASKS
        else f"The {_MOST_TASKS} dearest of {len(report.tasks):,} tasks",
        ids=" ".join(run.id for run in report.runs),
        scripts=scripts,
    )


def _cards(summary: Summary) -> list[dict[str, str]]:
    total = summary.totals
    done = total.states.get(JobState.DONE, 0) + total.states.get(JobState.CACHED, 0)
    found = {
        "tasks that ended well": f"{done:,} of {total.tasks:,}",
        "failed": f"{total.states.get(JobState.FAILED, 0):,}",
        "from the run cache": f"{total.states.get(JobState.CACHED, 0):,}",
        "from start to end": texts.duration(total.seconds),
        "work of all tasks": texts.duration(total.task_seconds),
        "cost": texts.dollars(total.dollars),
        "saved by the run cache": texts.dollars(total.saved) if total.saved else "",
        "of the vCPUs in use": texts.share(total.cpu_share) or "?",
        "of the memory in use": texts.share(total.memory_share) or "?",
    }
    return [{"name": name, "value": value} for name, value in found.items() if value]


def _costs(summary: Summary) -> list[tuple[str, str, str]]:
    total = summary.totals
    rows = [
        ("instances", texts.dollars(total.instance_dollars), "a task pays a minute at least"),
        (
            "storage",
            texts.dollars(total.storage_dollars),
            ", ".join(
                f"run {run.id}: {run.storage_type or 'storage'}"
                + (f" of {texts.number(run.storage.average_gib)} GiB on the average"
                   if run.storage and run.storage.average_gib is not None else "")
                for run in summary.report.runs
            ),
        ),
        ("together", texts.dollars(total.dollars), ""),
    ]  # fmt: skip
    if summary.estimated is not None:
        estimated = summary.estimated
        rows.append(
            ("estimated", texts.dollars(estimated.dollars), texts.against(estimated, total))
        )
    if total.saved or total.unknown_savings:
        note = (
            f"of {total.unknown_savings:,} more cached tasks it is not known"
            if total.unknown_savings
            else "what the cached tasks were billed when they ran"
        )
        rows.append(("saved by the run cache", texts.dollars(total.saved), note))
    if total.unpriced:
        rows.append(("not in it", f"{total.unpriced:,}", "tasks or file systems of unknown cost"))
    return rows


def _cells(task: ReportedTask) -> tuple[str, ...]:
    use = task.use
    return (
        task.job + (" (an earlier attempt)" if task.superseded else ""),
        task.state.value,
        texts.duration(task.seconds),
        texts.duration(task.queued),
        texts.of(use.cpus_maximum if use else None, task.cpus),
        texts.of(use.memory_maximum_gib if use else None, task.memory_gib),
        (task.instance or "").removeprefix("omics."),
        texts.dollars(task.dollars),
    )


def _script(text: str) -> Script:
    """Text that cannot end the element that it stands in."""
    return Script(Markup(re.sub(r"<(?=/script|!--)", r"\\x3c", text, flags=re.IGNORECASE)))


def _source(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDERS),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Any] = {
        "dollars": texts.dollars,
        "address": _with_link,
    }
    environment.filters |= filters
    return environment


def _with_link(text: str) -> Markup:
    """Text in which the address of the service's console is a link."""
    return Markup(_URL.sub(r'<a href="\g<0>">\g<0></a>', str(escape(text))))
