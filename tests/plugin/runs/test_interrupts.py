"""Signals, in a process of their own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys, threading
from snakemake_executor_omics.runs.interrupts import as_ctrl_c, leave_at_the_next
as_ctrl_c()
try:
    print("ready", flush=True)
    threading.Semaphore(0).acquire()
except KeyboardInterrupt:
    leave_at_the_next(lambda: print("left", flush=True))
    print("interrupted", flush=True)
    threading.Semaphore(0).acquire()
"""


def _program(before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_ctrl_c_and_the_second_leaves_at_once(number: signal.Signals) -> None:
    heard = f"import signal; signal.signal({int(number)}, signal.default_int_handler)\n"
    with _program(heard) as process:  # a suite that `nohup` or `&` started ignores some
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "interrupted\n"
        process.send_signal(number)
        assert process.stdout.readline() == "left\n"
        assert process.wait() == 130


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    with _program(ignoring) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "interrupted\n"
        process.kill()


def test_a_process_that_goes_on_has_its_signals_back() -> None:
    code = (
        "import signal\n"
        "from snakemake_executor_omics.runs import interrupts\n"
        "signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)\n"
        "before = list(map(signal.getsignal, signals))\n"
        "interrupts.as_ctrl_c()\n"
        "interrupts.leave_at_the_next(print)\n"
        "changed = list(map(signal.getsignal, signals)) != before\n"
        "interrupts.as_before()\n"
        "print(changed, list(map(signal.getsignal, signals)) == before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"
