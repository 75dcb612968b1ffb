"""What was checked, for people: a table of modest width, and a section for whatever there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, zip_longest

from ..cost.quotas import Quotas
from ..errors import OmicsError
from ..graph.durations import Source
from ..graph.planned import How, Planned
from ..limits import MAX_RUN_HOURS
from ..table import table
from .checked import Checked
from .estimate import Estimate
from .rows import Row, rows

_LISTED = 5  # names in one line
_LONGEST_RULE = 28  # characters


def page(checked: Checked) -> Iterator[str]:
    """The lines, without their ends."""
    yield _head(checked.place, checked.planned)
    for title, lines in (
        ("", _jobs(checked)),
        ("Later waves", _later(checked)),
        ("Images", _images(checked)),
        ("Used without being declared, and sent along", _undeclared(checked)),
        (_internet_title(checked), _internet(checked)),
        ("Environment variables of `envvars:`, which no task gets", [*checked.variables]),
        ("Notes", list(checked.planned.notes)),
        ("Estimate", list(_estimate(checked))),
        (f"Refused: {_count(len(checked.refused), 'thing')}", list(_refused(checked.refused))),
    ):
        if lines:
            yield ""
            if title:
                yield f"{title}:"
            yield from (f"  {line}" if title else line for line in lines)
    yield ""
    if checked.refused:
        yield f"{checked.place} would not run this as it is, see above"
    else:
        yield f"nothing found that {checked.place} would refuse"


def brief(
    place: str, planned: Planned, refused: Sequence[OmicsError], quotas: Quotas | None = None
) -> Iterator[str]:
    """A few lines, for who did not ask: how much goes where, and what is in the way."""
    yield _head(place, planned)
    if quotas is not None and max(map(len, planned.waves), default=0) > 1:
        yield f"so many runs since {quotas}"
    if refused:
        yield f"refused: {_count(len(refused), 'thing')}"
        yield from _refused(refused)
    yield "`snakemake-omics check` tells more, and what it costs"


def _head(place: str, planned: Planned) -> str:
    count = Counter(job.how for job in planned.jobs)
    runs = list(chain.from_iterable(planned.waves))
    jobs, tasks = count[How.TASK] + count[How.REFUSED], sum(len(run.calls) for run in runs)
    packed = "" if jobs == tasks else f"{_count(jobs, 'job')} in "
    parts = [f"{packed}{_count(tasks, 'task')} in {_count(len(runs), 'run')}"]
    if count[How.LOCAL]:
        parts.append(f"{_count(count[How.LOCAL], 'job')} of local rules, which run here")
    if count[How.CACHED]:
        parts.append(f"{_count(count[How.CACHED], 'job')} with results in Snakemake's cache")
    if here := sum(planned.here.values()):
        parts.append(f"{_count(here, 'job')} with results here")
    return f"{place}: {', '.join(parts)}"


def _jobs(checked: Checked) -> list[str]:
    shown = [row for row in rows(checked) if row.how is not How.TARGET]
    if not shown:
        return []
    head = ("RULE", "JOBS", "AS", "WAVE", "CPUS", "MEMORY", "INSTANCE", "EACH", "USD")
    return list(table([head, *map(_cells, shown)]))


def _cells(row: Row) -> Sequence[str]:
    rule = row.rule if len(row.rule) <= _LONGEST_RULE else f"{row.rule[: _LONGEST_RULE - 1]}…"
    if row.how in (How.LOCAL, How.CACHED):
        after = f"after {row.wave}" if row.wave else "first"
        when = after if row.how is How.LOCAL else ""
        return (rule, str(row.jobs), row.how.value, when, "", "", "", "", "")
    asked = row.resources
    return (
        rule,
        str(row.jobs),
        row.how.value,
        str(row.wave),
        "?" if asked is None else str(asked.cpus),
        _memory(row),
        _instance(row),
        "" if row.instance is None else _each(row),
        f"{row.dollars:,.2f}",
    )


def _memory(row: Row) -> str:
    memory = None if row.resources is None else row.resources.memory_mb
    if isinstance(memory, int):
        return f"{memory / 1000:,.1f} GB"
    return "?" if row.resources is None else "by its inputs"


def _instance(row: Row) -> str:
    """`?` where its inputs decide: the smallest is taken."""
    if row.instance is None or row.resources is None:
        return "?"
    return row.instance + _gpus(row) + (" ?" if row.is_open else "")


def _gpus(row: Row) -> str:
    gpus = 0 if row.resources is None else row.resources.gpus
    return f" ({gpus} GPU)" if gpus else ""


def _each(row: Row) -> str:
    """How long one of them takes; `?` where it is assumed, `<` where it is a bound."""
    text = duration(row.seconds / row.jobs)
    if row.assumed:
        return f"{text} ?"
    return f"< {text}" if Source.RUNTIME.value in row.sources else text


def duration(seconds: float) -> str:
    """As people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _later(checked: Checked) -> list[str]:
    reasons: dict[tuple[int, str], list[str]] = {}
    for job in checked.planned.jobs:
        if job.why is not None and job.wave > 1 and job.how in (How.TASK, How.REFUSED):
            reasons.setdefault((job.wave, job.why), []).append("+".join(job.rules))
    return [
        f"{wave}: {_names(rules)} ({len(rules)}): {why}"
        for (wave, why), rules in sorted(reasons.items(), key=lambda item: item[0][0])
    ]


def _images(checked: Checked) -> list[str]:
    return [f"{image}: {rules}" for image, rules in sorted(checked.planned.images.items())]


def _undeclared(checked: Checked) -> list[str]:
    places = checked.planned.places
    return [
        f"{rule}{f' ({places[rule]})' if rule in places else ''}: {_names(files)}"
        for rule, files in checked.undeclared.items()
    ]


def _internet_title(checked: Checked) -> str:
    if checked.reaches_internet:
        return "Look for the internet, which the configuration has to let them reach"
    return "Look for the internet, which tasks do not reach (--omics-networking-mode RESTRICTED)"


def _internet(checked: Checked) -> list[str]:
    return [
        f"{rule} ({where}): {', '.join(one.words for one in found)}"
        for (rule, where), found in groupby(checked.internet, key=lambda one: (one.rule, one.where))
    ]


def _estimate(checked: Checked) -> Iterator[str]:
    found = checked.estimate
    if not found.jobs:
        return
    yield from _costs(found)
    waves, runs = len(checked.planned.waves), sum(map(len, checked.planned.waves))
    yield (
        f"{_count(waves, 'wave')}, {_count(runs, 'run')}; prices of {found.prices.region}, noted "
        f"{found.prices.noted}"
    )
    if found.prices.stand_in:
        yield (
            f"prices of {found.prices.asked} are not known here and differ by some percent: "
            "--ask-prices asks AWS for them"
        )
    if checked.quotas is not None:
        yield str(checked.quotas)
    yield from _taken(checked)
    if found.longest_run_hours > MAX_RUN_HOURS:
        yield (
            f"a run would take {duration(3600 * found.longest_run_hours)}: HealthOmics ends one "
            f"after {MAX_RUN_HOURS} h, unless the account's quota is higher"
        )
    priced = {one.instance.name for one in found.jobs.values()}
    if guessed := sorted(priced & found.prices.estimated.keys()):
        yield f"prices of {_names(guessed)} are estimated: {found.prices.estimated_source}"


def _costs(found: Estimate) -> Iterator[str]:
    static = found.assumed.static_gib
    storage = (
        f"DYNAMIC, {found.assumed.storage_gib:,.1f} GiB"
        if static is None
        else f"STATIC, {static:,} GiB a run"
    )
    return table(
        [
            (
                "instances",
                f"{found.instance_hours:,.2f} h of {_count(found.tasks, 'task')}",
                f"{found.instance_dollars:,.2f} USD",
            ),
            (
                "storage",
                f"{storage}, {found.run_hours:,.2f} h of runs",
                f"{found.storage_dollars:,.2f} USD",
            ),
            (
                "together",
                f"done after {duration(3600 * found.makespan_hours)}",
                f"{found.dollars:,.2f} USD",
            ),
        ]
    )


def _taken(checked: Checked) -> Iterator[str]:
    """What is taken where nothing is known."""
    found, shown = checked.estimate, rows(checked)
    unknown = {
        "+".join(job.rules)
        for job in checked.planned.jobs
        if (one := found.jobs.get(job.key)) is not None and one.source is None
    }
    if unknown:
        yield (
            f"?: {found.assumed.minutes:g} min are assumed for a job of {_names(sorted(unknown))}: "
            "nothing tells how long it takes (--assume-minutes)"
        )
    if open_ones := sorted({row.rule for row in shown if row.is_open and row.how is How.TASK}):
        yield (
            f"?: what a job of {_names(open_ones)} asks for depends on its inputs: the least is "
            "taken"
        )
    if bounded := sorted({row.rule for row in shown if Source.RUNTIME.value in row.sources}):
        yield f"<: a job of {_names(bounded)} is taken to need all of its `runtime`"
    if found.assumed.static_gib is None:
        yield f"all files are taken to be {found.assumed.storage_gib:,.1f} GiB (--assume-storage)"
    yield "a run is taken to start within 5 minutes, a task to wait 3 minutes for its instance"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _refused(refused: Sequence[OmicsError]) -> Iterator[str]:
    for error, following in zip_longest(refused, refused[1:]):
        first, *rest = error.message.splitlines() or [""]
        yield f"- {first}"
        yield from (f"  {line}" for line in rest)
        if error.hint and (following is None or following.hint != error.hint):
            yield f"  hint: {error.hint}"  # once for those in a row


def _names(names: Iterable[str]) -> str:
    listed = list(dict.fromkeys(names))
    rest = len(listed) - _LISTED
    return ", ".join(listed[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
