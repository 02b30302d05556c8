"""``roformer-edge``: finds the command, runs it, and turns errors into one line and an exit code.

Exit codes: 0 done; 1 something is wrong with the input or the surroundings; 2 wrong usage; 3 the accuracy budget is
broken; 130 interrupted; 141 the reader of the output went away.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from roformer_edge._version import __version__
from roformer_edge.errors import RoformerEdgeError

# command -> (module, what it does)
COMMANDS = {
    "deploy": ("roformer_edge.cli.deploy", "checkpoint in, validated bundle out: the whole journey"),
    "export": ("roformer_edge.cli.export", "checkpoint in, float32 bundle out"),
    "quantize": ("roformer_edge.cli.quantize", "checkpoint or float32 bundle in, quantised bundle out"),
    "run": ("roformer_edge.cli.run", "answer texts with a bundle"),
    "validate": ("roformer_edge.cli.validate", "compare a bundle with its reference on labelled data"),
    "bench": ("roformer_edge.cli.bench", "latency, throughput and memory of a bundle"),
    "bundle": ("roformer_edge.cli.bundle", "show, verify, pack or unpack a bundle"),
    "tokenize": ("roformer_edge.cli.tokenize", "show the tokens of texts"),
    "demo": ("roformer_edge.cli.demo", "see it work on the embedded checkpoint"),
}

WRONG_USAGE = 2
INTERRUPTED = 130
OUTPUT_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _prepare_streams()
    _clean_up_when_stopped()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(arguments).parse_args(arguments)
        code: int = args.run(args)
        sys.stdout.flush()
    except RoformerEdgeError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was left half-written", INTERRUPTED)
    except BrokenPipeError:
        # the reader is gone: a flush at exit would fail once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OUTPUT_CLOSED
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{place}", 1)
    except MemoryError:
        return _fail("out of memory; use a smaller batch or a smaller model", 1)
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error; ``--help`` has the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USAGE, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command that is asked for; the other commands' modules are not imported."""
    parser = _Parser(prog="roformer-edge", description="RoFormer on edge devices.")
    parser.add_argument("--version", action="version", version=f"roformer-edge {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == asked:
            implementation = importlib.import_module(module)
            implementation.add_arguments(command)
            command.set_defaults(run=implementation.run)
    return parser


def _fail(message: str, code: int) -> int:
    print(f"roformer-edge: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _prepare_streams() -> None:
    """JSON Lines are UTF-8 whatever the locale says, and a stream that the parent closed is one that nobody reads."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def _clean_up_when_stopped() -> None:
    """A polite request to stop, or a terminal that goes away, unwinds as Ctrl-C does; ``nohup`` stays in force."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # there is no SIGHUP on Windows
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
