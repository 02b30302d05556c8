"""Fresh processes: what they import, what they say, how they end and what they need."""

from __future__ import annotations

import ctypes
import os
import sys
import textwrap

import pytest

from roformer_edge.processes import peak_resident_bytes, python_environment, run_fresh


def program(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


def test_output_complaint_and_code_come_back():
    finished = run_fresh(program("import sys; print('好'); print('bad\\nworse', file=sys.stderr); sys.exit(7)"))
    assert (finished.code, finished.output.strip(), finished.complaint.strip()) == (7, "好", "bad\nworse")
    assert finished.reason == "worse"
    assert finished.marked_seconds is None
    assert run_fresh(program("import sys; sys.exit(4)")).reason == "exit code 4"


def test_the_line_that_is_waited_for_is_timed_apart_from_the_end():
    finished = run_fresh(
        program("import time; print('no'); print('ready', flush=True); time.sleep(0.3)"), marker="ready"
    )
    assert finished.marked_seconds is not None
    assert finished.seconds - finished.marked_seconds > 0.25
    assert finished.output.split() == ["no", "ready"]


def test_much_on_every_stream_blocks_nobody():
    size = 3 << 20
    code = """
        import sys
        print("x" * 3_000_000, file=sys.stderr)
        print("y" * 3_000_000)
        print(len(sys.stdin.buffer.read()))
    """
    finished = run_fresh(program(code), stdin=b"z" * size)
    assert finished.output.split()[1] == str(size)
    assert len(finished.complaint) > 3_000_000


def test_a_process_that_does_not_end_is_killed():
    with pytest.raises(TimeoutError, match=r"did not end within 0\.5 seconds"):
        run_fresh(program("import time; time.sleep(60)"), timeout=0.5)


def test_a_program_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        run_fresh([str(tmp_path / "absent")])


def test_a_child_imports_what_this_process_would_and_nothing_of_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "extra"))
    finished = run_fresh(program("import json, sys; print(json.dumps(sys.path))"))
    assert finished.code == 0, finished.complaint
    assert str(tmp_path / "extra") in finished.output
    assert python_environment()["PATH"] == os.environ["PATH"]
    assert run_fresh(program("import os; print(os.environ.get('PATH'))"), environment={}).output.strip() == "None"


def test_a_child_tells_its_own_peak():
    code = """
        from roformer_edge.processes import peak_resident_bytes
        block = b"x" * (200 << 20)
        print(peak_resident_bytes())
    """
    if peak_resident_bytes() is None:
        pytest.skip("this system does not tell a process its peak")
    finished = run_fresh(program(code))
    assert 200 << 20 < int(finished.output) < 300 << 20
    assert finished.peak_bytes is None or finished.peak_bytes > 200 << 20


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this allocator gives back by itself")
def test_memory_that_was_freed_is_given_back():
    code = """
        from roformer_edge.processes import give_back_memory
        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * 4096
        # a piece in use at the end keeps the allocator from giving back by itself
        blocks = [bytes(100_000) for _ in range(2000)] + [bytes(100_000)]
        del blocks[:-1]
        before = resident()
        give_back_memory()
        print(before - resident())
    """
    assert int(run_fresh(program(code)).output) > 100 << 20
