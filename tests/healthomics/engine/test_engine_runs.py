"""Whole runs of the engine process, driven as the server drives it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import pytest
from waiting import until

if TYPE_CHECKING:
    from conftest import Bench, Engine

COUNT_AND_REPORT = """
version 1.1
workflow wf {
  input { File reads  Array[File] more = [] }
  call count { input: reads }
  call report { input: n = count.n, table = count.table, more }
  output {
    File table = count.table
    Array[File?] parts = report.parts
    Int n = count.n
    String seen = report.seen
  }
}
task count {
  input { File reads }
  command <<<
    basename ~{reads} >&2
    env | sort
    wc -l < ~{reads} | tr -d ' ' > n.txt
    sort ~{reads} > table.txt
  >>>
  output { File table = "table.txt"  Int n = read_int("n.txt") }
  runtime { docker: "image:1"  cpu: 1.5  memory: "3 GB" }
}
task report {
  input { Int n  File table  Array[File] more }
  command <<<
    cat ~{table} ~{sep(" ", more)} > a.txt
    echo "~{n} lines"
  >>>
  output { Array[File?] parts = ["a.txt", "missing.txt"]  String seen = read_string(stdout()) }
  runtime { docker: "image:1" }
}
"""

FAIL = """
version 1.1
workflow wf {
  call good
  call slow { input: after = good.x }
  call bad { input: after = good.x }
  output { String x = good.x }
}
task good {
  command <<< echo kept > x >>>
  output { String x = read_string("x")  File f = "x" }
  runtime { docker: "image:1" }
}
task slow {
  input { String after }
  command <<< echo started; sleep 300 >>>
  output { String x = read_string(stdout()) }
}
task bad {
  input { String after }
  command <<< echo problem >&2; exit 3 >>>
  output { String x = read_string(stdout()) }
}
"""

SLOW = """
version 1.1
workflow wf { call slow  call later { input: x = slow.x } }
task slow { command <<< echo started; (sleep 300 & echo $!; wait) >>>
  output { String x = read_string(stdout()) } }
task later { input { String x } command <<< echo ~{x} >>> output { String y = "y" } }
"""


def started(event: dict[str, object]) -> bool:
    return event["event"] == "log" and event["stream"] == "task" and "started" in str(event)


def group_is_gone(engine: Engine) -> bool:
    """Nothing of the tasks' process groups is alive (an unreaped zombie is not)."""
    groups = {e["pgid"] for e in engine.events if e["event"] == "task" and "pgid" in e}

    def alive() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) in groups:
                    found.append(process)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
        return found

    until(lambda: not alive())
    return bool(groups)


def test_two_dependent_tasks_run_and_their_outputs_are_exported(bench: Bench) -> None:
    reads = bench.put("in/reads.txt", "b\na\n")
    more = bench.put("other/reads.txt", "c\n")
    engine = bench.start(COUNT_AND_REPORT, {"reads": reads, "more": [more, more]})
    end = engine.end()
    assert end["status"] == "COMPLETED", end
    base = f"s3://data/results/{engine.run_dir.name}"
    assert end["outputs"] == {
        "wf.table": f"{base}/out/table/table.txt",
        "wf.parts": [f"{base}/out/parts/0/a.txt", None],
        "wf.n": 2,
        "wf.seen": "2 lines",
    }
    assert bench.read(f"{base}/out/parts/0/a.txt") == "a\nb\nc\nc\n"
    assert '"wf.n": 2' in bench.read(f"{base}/logs/outputs.json")
    assert "workflow start" in bench.read(f"{base}/logs/engine.log")
    assert set(end["resource_digests"]) == {reads, more}
    assert engine.events[0]["event"] in {"log", "run"}
    assert engine.states("count") == ["PENDING", "STARTING", "RUNNING", "STOPPING", "COMPLETED"]


def test_task_reports_what_it_asked_for_and_what_it_printed(bench: Bench) -> None:
    reads = bench.put("in/reads.txt", "b\na\n")
    engine = bench.start(COUNT_AND_REPORT, {"reads": reads})
    engine.end()
    final = engine.tasks()["count"][-1]
    assert (final["cpus"], final["memory_gib"], final["image"]) == (2, 3, "image:1")
    assert final["exit_code"] == 0
    assert final["metrics"]["memoryMaximumGiB"] > 0
    lines = engine.lines("task", final["key"])
    assert "reads.txt" in lines
    assert f"AWS_WORKFLOW_RUN_ID={engine.run_dir.name}" in lines
    assert not [line for line in lines if "SECRET" in line or "ACCESS_KEY" in line]


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_a_failing_task_fails_the_run_and_ends_its_siblings(bench: Bench, status: str) -> None:
    engine = bench.start(FAIL, grants=False, stopped_tasks=status)
    waiting: dict[str, int] = {}
    seen: set[str] = set()

    def both_ready(event: dict[str, object]) -> bool:
        """`slow` is running and `bad` waits for its grant."""
        if event["event"] == "acquire":
            name = next(e["name"] for e in engine.events if e.get("key") == event["key"])
            waiting[str(name)] = int(str(event["key"]))
            if name != "bad":
                engine.send(grant=event["key"])
        if started(event):
            seen.add("slow")
        return "slow" in seen and "bad" in waiting

    engine.until(both_ready)
    engine.send(grant=waiting["bad"])
    end = engine.end()
    assert end["status"] == "FAILED"
    assert end["failure_reason"] == "RUN_TASK_FAILED"
    assert "bad" in end["status_message"]
    assert "status 3" in end["status_message"]
    assert engine.tasks()["bad"][-1]["failure_reason"] == "RUN_TASK_FAILED"
    assert engine.tasks()["bad"][-1]["exit_code"] == 3
    assert engine.states("slow")[-1] == status
    assert engine.states("good")[-1] == "COMPLETED"
    assert group_is_gone(engine)
    assert [key.rsplit("/", 2)[1:] for key in bench.keys("results/")] == [["logs", "engine.log"]]


def test_cancel_ends_the_tasks_and_the_run(bench: Bench) -> None:
    engine = bench.start(SLOW)
    engine.until(started)
    engine.send(cancel=True)
    end = engine.end()
    assert end["status"] == "CANCELLED"
    assert engine.states("slow")[-2:] == ["STOPPING", "CANCELLED"]
    assert "later" not in engine.tasks()
    assert group_is_gone(engine)


TRAP = """
version 1.1
workflow wf { call slow }
task slow { command <<< trap 'echo bye > bye.txt; exit 0' TERM; echo started; sleep 300 & wait >>>
  output { File f = "bye.txt" } runtime { docker: "image:1" } }
"""


@pytest.mark.parametrize("isolated", [False, True])
def test_a_task_that_is_ended_can_say_goodbye(bench: Bench, isolated: bool) -> None:
    engine = bench.start(TRAP, isolated=isolated)
    engine.until(lambda e: e["event"] == "log" and "started" in str(e))
    engine.send(cancel=True)
    assert engine.end()["status"] == "CANCELLED"
    [said] = engine.run_dir.rglob("bye.txt")
    assert said.read_text() == "bye\n"


@pytest.mark.parametrize("isolated", [False, True])
def test_nothing_that_a_task_starts_outlives_it(bench: Bench, isolated: bool) -> None:
    seconds = str(1_000_000 + 2 * os.getpid() + isolated)  # no other test's
    leaving = f"setsid sleep {seconds} > /dev/null 2>&1 & sleep 0.2; echo out > f"
    wdl = SLOW.replace("echo started; (sleep 300 & echo $!; wait)", leaving)
    assert bench.start(wdl, isolated=isolated).end()["status"] == "COMPLETED"

    def left() -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline"])
        return [p for p in found if seconds in (p.info["cmdline"] or ())]

    tick = threading.Event()
    for _ in range(600):  # one that was killed may be there for a moment
        if not left():
            return
        tick.wait(0.05)
    raise AssertionError(left())


def test_cancel_while_waiting_for_a_grant(bench: Bench) -> None:
    engine = bench.start(SLOW, grants=False)
    engine.until(lambda e: e["event"] == "acquire")
    engine.send(cancel=True)
    assert engine.end()["status"] == "CANCELLED"
    assert engine.states("slow") == ["PENDING", "CANCELLED"]


def test_end_of_input_kills_the_tasks(bench: Bench) -> None:
    engine = bench.start(SLOW)
    engine.until(started)
    assert engine.process.stdin is not None
    engine.process.stdin.close()
    assert engine.process.wait() == 3
    assert group_is_gone(engine)


def test_missing_input_fails_the_run_and_names_it(bench: Bench) -> None:
    engine = bench.start(COUNT_AND_REPORT, {"reads": "s3://data/in/none.txt"})
    end = engine.end()
    assert (end["status"], end["failure_reason"]) == ("FAILED", "INPUT_URI_NOT_FOUND")
    assert "s3://data/in/none.txt" in end["status_message"]
    assert not engine.tasks()


@pytest.mark.parametrize(
    ("wdl", "parameters", "reason"),
    [
        (COUNT_AND_REPORT, {"reads": "/etc/passwd"}, "INVALID_URI_INPUT"),
        (COUNT_AND_REPORT, {"reads": 3, "extra": 1}, "WORKFLOW_RUN_FAILED"),
        ("version 1.1\nworkflow w { call x }", {}, "WORKFLOW_VER_VALIDATION_FAILED"),
        ('version 1.1\nimport "/etc/passwd" as p\nworkflow w {}', {}, "WORKFLOW_VER_VALID"),
    ],
)
def test_what_cannot_start_fails_with_its_reason(
    bench: Bench, wdl: str, parameters: dict[str, object], reason: str
) -> None:
    end = bench.start(wdl, parameters).end()
    assert end["status"] == "FAILED"
    assert end["failure_reason"].startswith(reason), end


def test_out_of_memory_is_retried_with_twice_the_memory(bench: Bench) -> None:
    wdl = """
    version 1.1
    workflow wf { call hungry  output { File f = hungry.f } }
    task hungry {
      command <<<
        n=../attempts; echo x >> $n; pwd > f.txt
        if [ $(wc -l < $n) = 1 ]; then kill -9 $$; fi
      >>>
      output { File f = "f.txt" }
      runtime { memory: "1 GiB"  maxRetries: 2 }
    }
    """
    engine = bench.start(wdl)
    end = engine.end()
    assert end["status"] == "COMPLETED", end
    finals = [e for e in engine.tasks()["hungry"] if e["status"] in {"FAILED", "COMPLETED"}]
    assert [(e["status"], e.get("failure_reason"), e["memory_gib"]) for e in finals] == [
        ("FAILED", "OUT_OF_MEMORY_ERROR", 1),
        ("COMPLETED", None, 2),
    ]
    assert finals[0]["key"] != finals[1]["key"]


def test_accepted_return_codes_and_literal_uris(bench: Bench) -> None:
    uri = bench.put("ref/genome.fa", ">x\nACGT\n")
    wdl = f"""
    version 1.1
    workflow wf {{
      input {{ File genome = "{uri}" }}
      call odd {{ input: a = "{uri}", b = genome }}
      output {{ String s = odd.s  File same = genome }}
    }}
    task odd {{
      input {{ File a  File b }}
      command <<< cat ~{{a}} ~{{b}} | grep -c ACGT; exit 4 >>>
      output {{ String s = read_string(stdout()) }}
      runtime {{ returnCodes: [0, 4] }}
    }}
    """
    end = bench.start(wdl).end()
    assert end["status"] == "COMPLETED", end
    assert end["outputs"]["wf.s"] == "2"
    assert bench.read(end["outputs"]["wf.same"]) == ">x\nACGT\n"


def test_fifty_tasks(bench: Bench) -> None:
    calls = "\n".join(f"call t{i} {{ input: x = {i} }}" for i in range(50))
    tasks = "\n".join(
        f"task t{i} {{ input {{ Int x }} command <<< echo ~{{x}} > o >>> "
        f'output {{ File o = "o" }} runtime {{ docker: "i" }} }}'
        for i in range(50)
    )
    outputs = "\n".join(f"File o{i} = t{i}.o" for i in range(50))
    engine = bench.start(
        f"version 1.1\nworkflow wf {{\n{calls}\noutput {{\n{outputs}\n}}\n}}\n{tasks}\n"
    )
    end = engine.end()
    assert end["status"] == "COMPLETED", end
    assert bench.read(end["outputs"]["wf.o49"]) == "49\n"
    assert len(engine.tasks()) == 50
    assert all(events[-1]["status"] == "COMPLETED" for events in engine.tasks().values())


def test_directories_come_in_and_go_out(bench: Bench) -> None:
    bench.put("panel/a.txt", "1")
    bench.put("panel/deep/b.txt", "2")
    wdl = """
    version development
    workflow wf {
      input { Directory panel }
      call copy { input: panel }
      output { Directory made = copy.made }
    }
    task copy {
      input { Directory panel }
      command <<< cp -r ~{panel} made >>>
      output { Directory made = "made" }
    }
    """
    end = bench.start(wdl, {"panel": "s3://data/panel/"}).end()
    assert end["status"] == "COMPLETED", end
    assert bench.read(f"{end['outputs']['wf.made'].rstrip('/')}/deep/b.txt") == "2"


def test_inputs_cannot_be_fetched_from_outside_s3_by_the_definition(bench: Bench) -> None:
    wdl = """
    version 1.1
    workflow wf { input { File f = "http://127.0.0.1:9/x" }  call t { input: f } }
    task t { input { File f } command <<< cat ~{f} >>> }
    """
    engine = bench.start(wdl)
    assert engine.end()["status"] == "FAILED"
    assert not [e for e in engine.events if e.get("status") == "RUNNING" and e["event"] == "task"]


def test_a_missing_output_fails_the_task_that_should_have_made_it(bench: Bench) -> None:
    wdl = """
    version 1.1
    workflow wf { call t }
    task t { command <<< echo done >>> output { File f = "absent.txt" } }
    """
    engine = bench.start(wdl)
    end = engine.end()
    assert (end["status"], end["failure_reason"]) == ("FAILED", "RUN_TASK_FAILED")
    assert "absent.txt" in engine.tasks()["t"][-1]["status_message"]


@pytest.mark.slow
def test_a_task_that_times_out_leaves_what_the_finished_ones_made(bench: Bench) -> None:
    wdl = """
    version 1.1
    workflow wf {
      call good
      call late { input: after = good.f }
      call other { input: after = good.f }
      output { File kept = good.f  Array[File] both = [good.f, late.f]  String said = good.s }
    }
    task good { command <<< echo 1 | tee f >>>
      output { File f = "f"  String s = read_string(stdout()) } }
    task late { input { File after } command <<< sleep 300 >>>
      output { File f = "f" } runtime { omicsTimeout: 1 } }
    task other { input { File after } command <<< sleep 300 >>> output { Int n = 1 } }
    """
    engine = bench.start(wdl)
    engine.until(
        lambda e: e["event"] == "task" and e["status"] == "RUNNING" and e["name"] == "late"
    )
    end = engine.end(seconds=120)  # 60 is the shortest limit there is
    assert (end["status"], end["failure_reason"]) == ("FAILED", "TASK_TIMED_OUT")
    assert engine.tasks()["late"][-1]["failure_reason"] == "TASK_TIMED_OUT"
    assert engine.states("other")[-1] == "CANCELLED"
    base = f"results/{engine.run_dir.name}"
    assert bench.read(f"s3://data/{base}/out/kept/f") == "1\n"
    assert set(bench.keys(base)) == {
        f"{base}/out/kept/f",
        f"{base}/logs/outputs.json",
        f"{base}/logs/engine.log",
    }
