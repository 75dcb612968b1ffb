"""The page of a report: its text, nothing foreign in it, and what a browser makes of it."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from reports import PRICES, made_report
from waiting import SECONDS

from snakemake_executor_omics.model import JobState
from snakemake_executor_omics.report.advice import advise
from snakemake_executor_omics.report.charts import charts
from snakemake_executor_omics.report.model import Report
from snakemake_executor_omics.report.page import EXTRA_MISSING, plotting_library, to_html
from snakemake_executor_omics.report.rule_graph import rule_graph
from snakemake_executor_omics.report.summaries import summarize
from snakemake_executor_omics.report.timeline import OTHERS, at_once, timeline

REPORT = made_report(27)
LIBRARY = "window.vegaEmbed = '</script><!-- stands for the library';"
HOSTILE = (
    "</script><script>document.documentElement.dataset.owned=1</script>"
    '<img src=x onerror="document.documentElement.dataset.owned=1">\'"{{7*7}}${7*7}'
)


def page(report: Report, library: str | None = LIBRARY) -> str:
    summary = summarize(report)
    return to_html(summary, advise(summary, PRICES), library)


def hostile(beside: str = "") -> Report:
    """Whatever people and tools write may be markup."""
    bad = f"{HOSTILE}{beside}"
    tasks = tuple(
        replace(task, job=f"{task.job}{bad}", rule=f"{task.rule}{bad}", name=f"{task.name}{bad}",
                parents=tuple(f"{name}{bad}" for name in task.parents))
        for task in REPORT.tasks
    )  # fmt: skip
    failures = tuple(
        replace(
            failure,
            task=replace(failure.task, job=bad),
            reason=bad,
            message=bad,
            hints=(bad,),
            lines=(bad,),
            logs={bad: bad},
            places=(f"run: https://a.b/{bad}", bad),
        )
        for failure in REPORT.failures
    )
    run = replace(REPORT.runs[0], name=bad, why=bad, storage_type=bad, link=bad)
    return replace(
        REPORT, runs=(run,), tasks=tasks, failures=failures, command=bad, gaps=(bad,), where=bad
    )


def test_the_page_tells_runs_rules_costs_failures_waits_and_advice() -> None:
    text = page(replace(REPORT, gaps=("the moon",)))
    for part in (
        "<title>cohort 1234567</title>",
        "run 1234567 (cohort) FAILED",
        "<code>snakemake --executor omics --jobs 1000</code>",
        "call (sample=S0005)",
        "cannot call",
        "<li>the moon</li>",
        "set-threads:",
        "omics.c.2xlarge is enough in place of omics.m.4xlarge",
        f"as of {PRICES.noted}",
        "run 1234567 until it was running",
        "m.4xlarge",
    ):
        assert part in text, part


def test_the_page_asks_no_network_for_anything() -> None:
    text = page(REPORT)
    assert "default-src 'none'" in text
    assert re.findall(r"\b(?:src|srcset|action|data)=[\"']?[^\s>]+", text) == []
    assert re.findall(r"<(?:link|iframe|object|embed|base)\b", text) == []
    assert "url(" not in text


def test_a_script_runs_by_its_hash_and_cannot_end_its_element() -> None:
    text = page(REPORT)
    policy = unescape(re.search(r'Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    assert len(re.findall(r"'sha256-[\w+/]{43}='", policy)) == 2
    assert "unsafe-inline'; img-src data:; script-src 'sha256" in policy
    assert text.count("<script") == text.count("</script>") == 3  # with the data of the plots
    assert r"\x3c/script>\x3c!--" in text


def test_nothing_foreign_is_markup() -> None:
    text = page(hostile())
    assert text.count("<script") == page(REPORT).count("<script")
    assert "<img" not in text
    assert "{{7*7}}" in unescape(text)
    (data,) = re.findall(r'id="specs">(.*?)</script>', text, re.DOTALL)
    jobs = {row["job"] for row in json.loads(data)["timeline"]["data"]["values"]}
    assert any(job.endswith(HOSTILE) for job in jobs)
    links = re.findall(r'href="([^"]*)"', text)
    assert len(links) == len(REPORT.failures)
    assert {unescape(link) for link in links} == {f"https://a.b/{HOSTILE.split()[0]}"}


def test_without_the_extra_the_page_has_its_tables_and_says_what_is_missing() -> None:
    text = page(REPORT, None)
    assert unescape(text).count(EXTRA_MISSING) == 1
    assert "script-src 'none'" in text
    assert "<script" not in text
    assert 'class="plot"' not in text
    assert "m.4xlarge" in text


def test_a_run_that_goes_on_and_one_without_tasks_have_a_page() -> None:
    run = replace(REPORT.runs[0], status=type(REPORT.runs[0].status).RUNNING, stopped=None, why="")
    text = page(replace(REPORT, runs=(run,), tasks=(), failures=()))
    assert 'id="partial"' in text
    assert "timeline" not in charts(summarize(replace(REPORT, runs=(run,), tasks=())))


def test_tasks_of_a_rule_that_are_there_at_once_stand_below_each_other() -> None:
    found = timeline(REPORT, summarize(REPORT).rules)
    assert found is not None
    bars = sorted(found.bars, key=lambda bar: (bar.task.rule, bar.top, bar.created))
    for bar, following in pairwise(bars):
        assert bar.created <= bar.started <= bar.stopped <= found.end
        if (bar.task.rule, bar.top) == (following.task.rule, following.top):
            assert bar.stopped <= following.created
    rules = [rule for rule, _ in found.labels]
    assert rules == [rule.rule for rule in summarize(REPORT).rules]
    tops = {rule: [bar.top for bar in bars if bar.task.rule == rule] for rule in rules}
    for rule, following in pairwise(rules):
        assert max(tops[rule]) < min(tops[following])


def test_of_very_many_names_the_page_has_the_dearest_and_a_plot_that_fits() -> None:
    """Tasks of others may all have names of their own."""
    named = tuple(replace(task, rule=task.name) for task in made_report(2000).tasks)
    summary = summarize(replace(REPORT, tasks=named, failures=(), by_rule=False))
    found = timeline(summary.report, summary.rules)
    assert found is not None
    assert found.height < 8_000
    assert found.labels[-1][0] == OTHERS
    assert len(found.bars) == sum(task.created is not None for task in named)
    text = to_html(summary, advise(summary, PRICES), LIBRARY)
    assert f"and {len(named) - 300:,} more, which cost less" in text
    assert "more proposals, which save less" in text
    assert len(text) < 1_000_000


def test_how_many_work_at_once_comes_to_the_work_of_all() -> None:
    found = timeline(REPORT, summarize(REPORT).rules)
    assert found is not None
    rows = at_once(found, ["align"])
    parts = sorted({part for part, _, _ in rows})
    width = parts[1] - parts[0]
    for kind, own in (("align", True), (OTHERS, False)):
        work = sum(n * width for _, of, n in rows if of == kind)
        worked = sum(
            bar.stopped - bar.started for bar in found.bars if (bar.task.rule == "align") is own
        )
        assert work == pytest.approx(worked, rel=0.02)


def test_the_rule_graph_has_parents_above_and_ends_on_a_circle() -> None:
    graph = rule_graph(REPORT.tasks)
    assert graph is not None
    assert set(graph.edges) == {
        *(("trim", "align"), ("index", "align"), ("align", "sort")),
        *(("sort", "call"), ("call", "merge")),
    }
    layer = {rule: place[0] for rule, place in graph.places.items()}
    assert [layer[rule] for rule in ("index", "trim", "align", "sort", "call", "merge")] == [
        *(0, 0, 1, 2, 3, 4)
    ]
    first, *_ = REPORT.tasks
    round_ = [
        replace(first, name="a", rule="a", parents=("b",)),
        replace(first, name="b", rule="b", parents=("a",)),
        replace(first, name="c", rule="c", parents=("c", "gone")),
    ]
    circle = rule_graph(round_)
    assert circle is not None
    assert sorted(circle.edges) == [("a", "b"), ("b", "a")]
    assert circle.places.keys() == {"a", "b", "c"}
    assert rule_graph([replace(task, parents=()) for task in REPORT.tasks]) is None


def test_every_state_has_a_colour() -> None:
    tasks = [
        replace(task, state=state)
        for state, task in zip(
            [JobState.FAILED, JobState.CANCELLED, JobState.RUNNING, JobState.QUEUED, JobState.DONE],
            REPORT.tasks,
            strict=False,
        )
    ]
    spec = charts(summarize(replace(REPORT, tasks=tuple(tasks))))["timeline"]
    scale = spec["layer"][1]["encoding"]["color"]["scale"]
    assert len(scale["domain"]) == len(scale["range"]) == 5


# --- in a browser -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    found = found or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium is here: Debian's package is chromium")
    return found


@pytest.fixture(scope="module")
def library() -> str:
    pytest.importorskip("vl_convert", reason="the extra `report` is not installed")
    found = plotting_library()
    assert found
    return found


@pytest.fixture
def visits() -> Iterator[tuple[str, list[str]]]:
    """A web server that nobody is to ask, and who did."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def loaded(browser: str, folder: Path, text: str, *options: str) -> str:
    """What a browser makes of the page, once its scripts have nothing more to do."""
    path = folder / "report.html"
    path.write_text(text)
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *(f"--user-data-dir={folder / 'profile'}", "--disable-background-networking"),
            *("--disable-dev-shm-usage", "--virtual-time-budget=240000", *options),
            *("--dump-dom", path.as_uri()),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=SECONDS,
    )
    return done.stdout.decode()


def plots_of(dom: str) -> str:
    root = re.search(r"<html[^>]*>", dom)
    assert root is not None
    drawn = re.search(r'data-plots="([^"]*)"', root[0])
    return drawn[1] if drawn else f"none: {root[0]}"


def test_a_browser_draws_the_plots_and_runs_nothing_foreign(
    browser: str, library: str, tmp_path: Path, visits: tuple[str, list[str]]
) -> None:
    url, asked = visits
    beside = f"<img src='{url}/img'><script src='{url}/script'></script><style>@import '{url}'"
    dom = loaded(browser, tmp_path, page(hostile(beside), library))
    assert plots_of(dom) == "7"
    assert dom.count("<canvas") == 7
    assert "data-owned" not in dom
    assert asked == []


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [27, 500, 5000])
@pytest.mark.parametrize(
    "look", [(), ("--window-size=390,844",), ("--blink-settings=preferredColorScheme=0",)],
    ids=["plain", "phone", "dark"],
)  # fmt: skip
def test_a_browser_draws_reports_of_any_size(
    browser: str, library: str, tmp_path: Path, tasks: int, look: tuple[str, ...]
) -> None:
    text = page(made_report(tasks, failed=3, cached=tasks // 50), library)
    assert len(text) < 2_000_000
    assert plots_of(loaded(browser, tmp_path, text, *look)) == "7"
