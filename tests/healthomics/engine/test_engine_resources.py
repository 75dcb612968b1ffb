"""What tasks ask for, what they are given, and what they are seen to use."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import WDL
from waiting import until
from WDL import Type, Value

from local_healthomics.engine import usage
from local_healthomics.engine.hook import explain
from local_healthomics.engine.images import RegistryMap
from local_healthomics.engine.resources import InvalidResource, asked, parse_disks, scratch_gib
from local_healthomics.engine.storage import StorageMeter, folder_size
from local_healthomics.engine.usage import _kept_bytes

if TYPE_CHECKING:
    from conftest import Bench


def one(runtime: str, command: str = "true") -> str:
    return f"""
    version 1.1
    workflow wf {{ call t }}
    task t {{
      command <<< {command} >>>
      output {{ Int n = 1 }}
      runtime {{ {runtime} }}
    }}
    """


@pytest.mark.parametrize(
    ("runtime", "reason", "said"),
    [
        ("cpu: 500", "INVALID_TASK_RESOURCE_VALUE", "no instance has 500 vCPU"),
        ('memory: "2000 GiB"', "INVALID_TASK_RESOURCE_VALUE", "2000 GiB"),
        ('memory: "much"', "INVALID_TASK_RESOURCE_VALUE", "runtime.memory, much"),
        ('omicsTimeout: "soon"', "INVALID_TASK_RESOURCE_VALUE", "omicsTimeout, soon"),
        ("acceleratorCount: 1", "INVALID_TASK_RESOURCE_VALUE", "given together"),
        ('acceleratorCount: 1  acceleratorType: "tpu"', "UNSUPPORTED_GPU_INSTANCE_TYPE", "tpu"),
    ],
)
def test_what_no_instance_has_fails_the_task_and_the_run(
    bench: Bench, runtime: str, reason: str, said: str
) -> None:
    engine = bench.start(one(runtime))
    end = engine.end()
    assert (end["status"], end["failure_reason"]) == ("FAILED", reason)
    assert said in end["status_message"]
    assert engine.tasks()["t"][-1]["failure_reason"] == reason
    assert not [event for event in engine.events if event["event"] == "acquire"]


def test_gpus_are_asked_for_with_their_type(bench: Bench) -> None:
    engine = bench.start(one('gpuCount: 1  gpuType: "nvidia-l4"  cpu: 5'))
    assert engine.end()["status"] == "COMPLETED"
    final = engine.tasks()["t"][-1]
    assert (final["cpus"], final["gpus"], final["accelerator"]) == (5, 1, "nvidia-l4")


@pytest.mark.parametrize(
    ("value", "gib"),
    [
        (Value.Int(700), 700),
        (Value.String("700"), 700),
        (Value.String("700 GiB"), 700),
        (Value.String("local-disk 700 SSD"), 700),
        (Value.String("local-disk 20 SSD, /mnt/x1 30 HDD"), 50),
        (Value.Array(Type.String(), [Value.String("local-disk 1 TB"), Value.String("9")]), 941),
        (None, 0),
    ],
)
def test_disks_are_sizes_summed_up(value: Value.Base | None, gib: int) -> None:
    assert parse_disks(value) == gib


def test_a_disk_without_a_size_is_refused() -> None:
    with pytest.raises(InvalidResource, match=r"runtime\.disks, local-disk SSD"):
        parse_disks(Value.String("local-disk SSD"))


@pytest.mark.parametrize(("asked", "given"), [(0, 16), (16, 16), (17, 32), (3072, 3072)])
def test_a_tasks_own_disk_comes_in_steps(asked: int, given: int) -> None:
    assert scratch_gib(asked) == given


def test_a_tasks_own_disk_has_a_largest_size() -> None:
    with pytest.raises(InvalidResource, match="more than 3072"):
        scratch_gib(3073)


def test_a_retry_beyond_the_largest_instance_is_none(bench: Bench) -> None:
    engine = bench.start(one('memory: "1000 GiB"  maxRetries: 3', "kill -9 $$"))
    end = engine.end()
    assert (end["status"], end["failure_reason"]) == ("FAILED", "OUT_OF_MEMORY_ERROR")
    assert [e["memory_gib"] for e in engine.tasks()["t"] if e["status"] == "FAILED"] == [1000]


def test_every_attempt_reports_what_it_used(bench: Bench) -> None:
    engine = bench.start(
        one("maxRetries: 0", "head -c 20000000 /dev/zero | tail -c 20000000 | wc; exit 3")
    )
    engine.end()
    metrics = engine.tasks()["t"][-1]["metrics"]
    assert metrics["cpusAverage"] <= metrics["cpusMaximum"]
    assert 0 < metrics["memoryAverageGiB"] <= metrics["memoryMaximumGiB"]
    assert metrics["runningSeconds"] > 0


def test_a_run_reports_the_storage_it_used(bench: Bench) -> None:
    end = bench.start(one("", "head -c 30000000 /dev/zero > big")).end()
    assert 0 < end["metrics"]["storageAverageGiB"] <= end["metrics"]["storageMaximumGiB"]
    assert end["metrics"]["storageMaximumGiB"] > 30_000_000 / 1024**3


def test_storage_is_what_files_hold_and_links_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x" * 1000)
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    size = folder_size(tmp_path)
    assert 1000 <= size < 1500  # a link's own text counts
    meter = StorageMeter(tmp_path)
    meter.start()
    assert meter.metrics()["storageMaximumGiB"] == pytest.approx(size / 1024**3, abs=1e-6)
    assert not meter.is_alive()


def test_a_full_disk_is_named_as_the_service_names_it() -> None:
    error = OSError(errno.ENOSPC, "No space left on device")
    assert explain(error)[0] == "FILE_SYSTEM_OUT_OF_SPACE"


def test_lines_that_tell_of_failure_have_a_level(bench: Bench) -> None:
    engine = bench.start(one("", "exit 3"))
    engine.end()

    def levels(stream: str, text: str) -> set[str]:
        return {
            event.get("level", "")
            for event in engine.events
            if event["event"] == "log" and event["stream"] == stream
            for _, line in event["lines"]
            if text in line
        }

    assert levels("engine", "run failed: RUN_TASK_FAILED") == {"FATAL"}
    assert levels("engine", "workflow start") == {""}


HUNGRY = (
    "import sys, time; kept = bytearray(1400 * 2**20);"
    " kept[::4096] = bytes(len(kept[::4096])); time.sleep(float(sys.argv[1]))"
)


@pytest.mark.slow  # needs 1.4 GB of memory
@pytest.mark.parametrize(("limit", "status"), [(True, "FAILED"), (False, "COMPLETED")])
def test_a_task_that_uses_more_than_its_memory_is_killed(
    bench: Bench, limit: bool, status: str
) -> None:
    """It names none, so it has 1 GiB (user guide, "Compute and memory requirements")."""
    seconds = 60 if limit else 2
    engine = bench.start(one("", f"{sys.executable} -c '{HUNGRY}' {seconds}"), memory_limit=limit)
    end = engine.end()
    assert end["status"] == status
    [last] = [events[-1] for events in engine.tasks().values()]
    if limit:
        assert end["failure_reason"] == "OUT_OF_MEMORY_ERROR"
        assert (last["exit_code"], last["failure_reason"]) == (137, "OUT_OF_MEMORY_ERROR")


CHILD = f"{sys.executable} -c 'import time; kept = b\"x\" * (100 * 2**20); time.sleep(60)'"


@pytest.mark.slow  # needs 1.2 GB of memory
@pytest.mark.parametrize(
    "script",
    [
        "head -c 1200M /dev/zero > /dev/shm/file; sleep 60",
        f"for i in $(seq 12); do {CHILD} & done; wait",
        f"for i in $(seq 12); do setsid {CHILD} & done; sleep 60",
    ],
    ids=["files in memory", "many children", "children of their own sessions"],
)
def test_whatever_uses_the_memory_of_a_task_counts(bench: Bench, script: str) -> None:
    engine = bench.start(one("", script), isolated=True)
    assert engine.end()["failure_reason"] == "OUT_OF_MEMORY_ERROR"


@pytest.mark.parametrize("known", sorted({False, usage._KNOWS_CHILDREN}))
def test_the_processes_of_a_task_are_found_in_sessions_of_their_own_too(
    known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the kernel's lists of children, and where it has none by psutil's."""
    monkeypatch.setattr(usage, "_KNOWS_CHILDREN", known)
    script = "setsid sh -c 'sleep 300; :' & sleep 300; :"
    with subprocess.Popen(["bash", "-c", script], start_new_session=True) as process:
        try:
            until(lambda: len(set(usage._family(process.pid))) == 4)
        finally:
            for pid in list(usage._family(process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_memory_that_files_fill_is_none_of_the_task(tmp_path: Path) -> None:
    """Pages of a file that is read through memory can be dropped at any time."""
    (tmp_path / "file").write_bytes(b"x" * (64 * 2**20))
    code = (
        "import mmap, sys; f = open(sys.argv[1], 'rb');"
        "m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ);"
        "sum(m[::4096]); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "file")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert _kept_bytes(process.pid) < 32 * 2**20


def _runtime(**texts: str) -> dict[str, Value.Base]:
    environment: WDL.Env.Bindings[Any] = WDL.Env.Bindings()
    stdlib = WDL.StdLib.Base("1.1")
    return {
        name: WDL.parse_expr(text, version="1.1")
        .infer_type(environment, stdlib)
        .eval(environment, stdlib)
        for name, text in texts.items()
    }


_NO_MAP = RegistryMap(account="123456789012", region="us-east-1")
_PROFILE = '{"acceleratorType": "nvidia-l4", "acceleratorCount": 1, "cpu": 8, "memory": "32 GiB"}'


def test_of_several_profiles_the_first_is_taken() -> None:
    other = '{"cpu": 16, "memory": "64 GiB", "omicsResourceWaitTimeoutInMin": 5}'
    runtime = _runtime(omicsResourceFallbackOrder=f"[{_PROFILE}, {other}]")
    found = asked(runtime, _NO_MAP, None)
    assert (found.gpus, found.accelerator, found.cpus, found.memory_gib) == (1, "nvidia-l4", 8, 32)


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ({"omicsResourceFallbackOrder": f"[{_PROFILE}]", "cpu": "1"}, "takes the place of cpu"),
        ({"omicsResourceFallbackOrder": '[{"cpu": 2}, {"cpu": 4}]'}, "one profile without GPU"),
        ({"omicsResourceFallbackOrder": f"[{', '.join([_PROFILE] * 11)}]"}, "1 to 10 profiles"),
    ],
)
def test_profiles_that_the_service_does_not_take(runtime: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidResource, match=said):
        asked(_runtime(**runtime), _NO_MAP, None)
