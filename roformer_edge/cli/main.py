"""``roformer-edge``: finds the command, runs it, and turns errors into one line and an exit code.

Exit codes: 0 done; 1 something is wrong with the input or the environment; 2 wrong usage; 3 the accuracy budget or
a gate is broken; 130 interrupted; 141 the reader of the output went away.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from roformer_edge._version import __version__
from roformer_edge.cli.interrupts import Interrupts
from roformer_edge.cli.output import quietly, tell
from roformer_edge.errors import OptionError, RoFormerEdgeError, UnknownNameError, command_line_words, nearest, shown
from roformer_edge.log import ROOT

# command -> (module, what it does)
COMMANDS = {
    "deploy": ("roformer_edge.cli.deploy", "checkpoint in, validated bundle out: the whole journey"),
    "export": ("roformer_edge.cli.export", "checkpoint in, float32 bundle out"),
    "quantize": ("roformer_edge.cli.quantize", "checkpoint or float32 bundle in, quantised bundle out"),
    "sensitivity": ("roformer_edge.cli.sensitivity", "what every part of a model loses when it is quantised"),
    "run": ("roformer_edge.cli.run", "answer texts with a bundle"),
    "validate": ("roformer_edge.cli.validate", "compare a bundle with its reference on labelled data"),
    "bench": ("roformer_edge.cli.bench", "latency, throughput and memory of a bundle"),
    "bundle": ("roformer_edge.cli.bundle", "show, verify, pack or unpack a bundle"),
    "tokenize": ("roformer_edge.cli.tokenize", "show the tokens of texts"),
    "demo": ("roformer_edge.cli.demo", "see it work on the embedded checkpoint"),
    "completion": ("roformer_edge.cli.completion", "a script that completes commands and options in a shell"),
}

WRONG_USAGE = 2
INTERRUPTED = 130
OUTPUT_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _prepare_streams()
    with Interrupts() as interrupts:
        try:
            with command_line_words():
                args = _parse(list(sys.argv[1:] if argv is None else argv))
                with quietly(args.quiet), _verbosely(args.verbose):
                    code: int = args.run(args)
            sys.stdout.flush()
        except BrokenPipeError:
            # the reader is gone: a flush at exit would fail once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OUTPUT_CLOSED
        except (KeyboardInterrupt, Exception) as error:
            if interrupts.came or isinstance(error, KeyboardInterrupt):  # a library may have made another error of it
                code = _fail("interrupted; nothing was left half-written", INTERRUPTED)
                if argv is None:
                    _end_at_once(code)
                return code
            if isinstance(error, (RoFormerEdgeError, OSError, MemoryError)):
                return _fail(_message_of(error), getattr(error, "exit_code", 1))
            raise
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error; ``--help`` has the usage."""

    def error(self, message: str) -> NoReturn:
        tell(f"{self.prog}: error: {shown(message, 400)}{self._meant(message)} (see {self.prog} --help)")
        self.exit(WRONG_USAGE)

    def _meant(self, message: str) -> str:
        """Name the option or the value that was probably meant."""
        unknown = re.match(r"unrecognized arguments: .*?(--?[^\s=]+)", message)
        value = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        found = None
        if unknown is not None:
            found = nearest(unknown[1], self._option_string_actions)
        elif value is not None:
            found = nearest(value[1], re.findall(r"[\w-]+", value[2]))
        return "" if found is None else f" (did you mean {found}?)"


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command that is asked for; the other commands' modules are not imported."""
    parser = _Parser(
        prog="roformer-edge",
        description="RoFormer on edge devices.",
        epilog="commands:\n" + "\n".join(f"  {name:<11} {summary}" for name, (_, summary) in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="roformer-edge COMMAND ... (roformer-edge COMMAND --help tells more)",
    )
    parser.add_argument("--version", action="version", version=f"roformer-edge {__version__}")
    parser.add_argument("command", metavar="COMMAND", help="one of those below")
    first = "".join(arguments[:1])
    if first.startswith("-") and not any(option.startswith(first) for option in parser._option_string_actions):
        parser.error(f"unrecognized arguments: {first}")
    # whatever stands before the command is for all of them; what follows it is the command's own
    name = parser.parse_args(arguments[:1]).command
    if name not in COMMANDS:
        parser.error(str(UnknownNameError("command", name, COMMANDS)))
    command = parser_of(name)
    # texts may stand before and after options; a parser of parsers cannot, and needs not
    nested = any(isinstance(action, argparse._SubParsersAction) for action in command._actions)
    args = (command.parse_args if nested else command.parse_intermixed_args)(arguments[1:])
    args.run = importlib.import_module(COMMANDS[name][0]).run
    return args


def parser_of(name: str) -> argparse.ArgumentParser:
    """Make the parser of a command, a key of ``COMMANDS``."""
    module, summary = COMMANDS[name]
    command = _Parser(prog=f"roformer-edge {name}", description=summary[0].upper() + summary[1:] + ".")
    importlib.import_module(module).add_arguments(command)
    _add_voice(command)
    return command


def _add_voice(parser: argparse.ArgumentParser, *, within: bool = False) -> None:
    """Add how much is said, to a command and to the actions within it."""
    usual = argparse.SUPPRESS if within else False
    parser.add_argument("-q", "--quiet", action="store_true", default=usual, help="print answers and errors alone")
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        default=usual,
        help="print on standard error what Python's logging is told",
    )
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                _add_voice(one, within=True)


@contextmanager
def _verbosely(asked: bool) -> Iterator[None]:
    """Print what the package tells ``logging``, a line each, where it is asked for, as long as the command runs."""
    if not asked:
        yield
        return
    import logging

    class Printed(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(f"{record.levelname.lower()}: {record.name}: {record.getMessage()}")

    logger = logging.getLogger(ROOT)
    before = logger.handlers, logger.level
    logger.handlers = [Printed()]
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.handlers = before[0]
        logger.setLevel(before[1])


# option of the package -> what it is called on the command line, where that is not the same with dashes
_FLAGS = {
    "truncation": "--truncate",
    "evaluation": "--eval",
    "slices": "--slice",
    "gates": "--gate",
    "index_dtype": "--inputs",
}


def _message_of(error: Exception) -> str:
    if isinstance(error, OptionError):
        return f"{_flag(error.name)} must be {error.allowed}, found {shown(error.value, 60)}"
    if isinstance(error, MemoryError):
        return "out of memory; use a smaller batch or a smaller model"
    if isinstance(error, OSError) and not isinstance(error, RoFormerEdgeError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return str(error)


def _flag(name: str) -> str:
    return name if name.startswith("-") else _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _fail(message: str, code: int) -> int:
    tell(f"roformer-edge: error: {' '.join(message.split())}")
    return code


def _end_at_once(code: int) -> NoReturn:
    """End the process without waiting for threads of engines, which were interrupted at whatever they did.

    In the ordinary way the interpreter is taken down under those that still run, and one in a few dozens then aborts.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _prepare_streams() -> None:
    """JSON Lines are UTF-8 whatever the locale says, and a stream that the parent closed is one that nobody reads."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
