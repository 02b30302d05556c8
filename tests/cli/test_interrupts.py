"""Requests to stop end a command with one line, also those that come in the midst of an import."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from roformer_edge.cli.interrupts import Interrupts

WORDS = "roformer-edge: error: interrupted; nothing was left half-written\n"

# the command line, interrupted when a module is about to be imported
AT_AN_IMPORT = """
import os, signal, sys
wanted = sys.argv.pop(1)
class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
from roformer_edge.cli.main import main
sys.exit(main())
"""


def in_a_process(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize(
    "module", ["roformer_edge.deploy.journey", "numpy", "onnx", "onnx.onnx_cpp2py_export", "onnxruntime", "torch._C"]
)
def test_an_interrupt_during_an_import(checkpoint: Path, tmp_path: Path, module: str) -> None:
    process = in_a_process("-c", AT_AN_IMPORT, module, "deploy", checkpoint, "--out", tmp_path / "out" / "bundle")
    assert (process.returncode, process.stderr, process.stdout) == (130, WORDS, "")
    assert list(tmp_path.iterdir()) == []


# what dataclasses and named tuples do; Python ends by the signal when an interrupt passes such a call
BUSY = """
exec("import signal; signal.raise_signal(signal.SIGINT)")
finished = True
"""
IMPORTS_BUSY = """
import sys, time
from roformer_edge.cli import main
def run(args):
    try:
        import busy
        time.sleep(60)
    finally:
        print("finished:", sys.modules["busy"].finished)
main._parse = lambda arguments: type("Arguments", (), {"run": run, "quiet": False, "verbose": False})
sys.exit(main.main())
"""


def test_an_import_is_finished_and_what_waits_after_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    process = in_a_process("-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{IMPORTS_BUSY}")
    assert (process.returncode, process.stderr, process.stdout) == (130, WORDS, "finished: True\n")


def test_an_interrupt_that_a_library_made_another_error_of(cli, monkeypatch) -> None:
    def interrupted(_):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("a callback failed") from None

    monkeypatch.setattr("roformer_edge.cli.demo.run", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is off
    try:
        outcome = cli("demo")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (outcome.code, outcome.err) == (130, WORDS)


def test_signals_are_as_before_at_the_end_and_an_ignored_one_stays_ignored() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with Interrupts() as interrupts:
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) == interrupts._stop
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert not interrupts.came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


SLOW_TO_CLEAN = """
import shutil, sys, time
from roformer_edge import temporary
from roformer_edge.cli import main
rmtree = shutil.rmtree
def slowly(*args, **more):
    print("cleaning", flush=True)
    time.sleep(1)
    rmtree(*args, **more)
temporary.shutil.rmtree = slowly
def run(args):
    with temporary.TemporaryPath(sys.argv[1]) as place:
        place.path.mkdir()
        (place.path / "half").write_text("half")
        print("writing", flush=True)
        time.sleep(60)
main._parse = lambda arguments: type("Arguments", (), {"run": run, "quiet": False, "verbose": False})
sys.exit(main.main())
"""


@pytest.mark.parametrize("numbers", [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGTERM"), ("SIGTERM", "SIGHUP", "SIGINT")])
def test_a_second_request_does_not_stop_the_removal(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", SLOW_TO_CLEAN, str(tmp_path / "out")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(getattr(signal, numbers[0]))
        assert process.stdout.readline() == "cleaning\n"
        for number in numbers[1:]:
            process.send_signal(getattr(signal, number))
        _, complaint = process.communicate()
    assert (process.returncode, complaint) == (130, WORDS)
    assert list(tmp_path.iterdir()) == []


THREADS_AT_WORK = """
import sys, threading, time
from roformer_edge.cli import main
def run(args):
    threading.Thread(target=time.sleep, args=(60,)).start()
    print("working", flush=True)
    time.sleep(60)
main._parse = lambda arguments: type("Arguments", (), {"run": run, "quiet": False, "verbose": False})
sys.exit(main.main())
"""


def test_an_interrupt_does_not_wait_for_threads() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", THREADS_AT_WORK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=30)
    assert (process.returncode, complaint) == (130, WORDS)
