"""``completion``: a script that completes commands, options and their values in a shell, made of the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from roformer_edge.cli.output import say_lines
from roformer_edge.deploy.targets import TARGETS
from roformer_edge.formats import FORMATS
from roformer_edge.quantize.observers import OBSERVERS
from roformer_edge.quantize.presets import AUTO as AUTO_PRESET
from roformer_edge.quantize.presets import PRESETS
from roformer_edge.quantize.recipe import AUTO, RECIPES
from roformer_edge.runtime.delegates import DELEGATES
from roformer_edge.tasks import TASKS
from roformer_edge.tokenizer.loading import MODES

# what argparse does not know: option -> its values, which are names of tables
VALUES = {
    "--task": tuple(TASKS),
    "--format": tuple(FORMATS),
    "--runtime": tuple(name for row in FORMATS.values() for name in row.runtimes),
    "--recipe": (*RECIPES, AUTO),
    "--preset": (*PRESETS, AUTO_PRESET),
    "--target": tuple(TARGETS),
    "--observer": tuple(OBSERVERS),
    "--tokenizer": ("auto", *MODES),
    "--delegate": tuple(DELEGATES),
    "--inputs": ("int64", "int32"),
}
_BASH = """_roformer_edge() {{
  local words
  case "${{COMP_WORDS[1]}} ${{COMP_WORDS[COMP_CWORD-1]}}" in
{values}
    *)
      if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands} --help --version"
      else
        case "${{COMP_WORDS[1]}}" in
{options}
        esac
        # of anything else the shell completes files
        case "${{COMP_WORDS[COMP_CWORD]}}" in -*) ;; *) words="" ;; esac
      fi ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _roformer_edge roformer-edge
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "shell",
        choices=sorted(SHELLS),
        help='bash: eval "$(roformer-edge completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc, behind compinit; '
        "fish: roformer-edge completion fish > ~/.config/fish/completions/roformer-edge.fish",
    )


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    say_lines(SHELLS[args.shell]().rstrip("\n"))
    return 0


def _parsers() -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Give the name of each command, what it does, and its parser."""
    from roformer_edge.cli.main import COMMANDS, parser_of

    for name, (_, summary) in COMMANDS.items():
        yield name, summary, parser_of(name)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Give the arguments of a command, and those of the actions within it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for one in dict.fromkeys(action.choices.values()):
                yield from _actions(one)


def _values(action: argparse.Action) -> tuple[str, ...]:
    """List what an argument may be, where that is known."""
    known = next((VALUES[name] for name in action.option_strings if name in VALUES), ())
    return tuple(map(str, action.choices or known))


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """List the options of a command, long and short."""
    return list(dict.fromkeys(name for action in _actions(parser) for name in action.option_strings))


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """List the words that an argument without an option may be; where there are none it is a file."""
    return [value for action in parser._actions if not action.option_strings for value in _values(action)]


def _bash() -> str:
    values, options = [], []
    for name, _, parser in _parsers():
        for action in _actions(parser):
            if action.option_strings and action.nargs != 0:
                places = "|".join(f'"{name} {option}"' for option in action.option_strings)
                values.append(f'    {places}) words="{" ".join(_values(action))}" ;;')
        if words := _words(parser):
            values.append(f'    "{name} {name}") words="{" ".join([*words, *_options(parser)])}" ;;')
        options.append(f'          {name}) words="{" ".join(_options(parser))}" ;;')
    names = " ".join(name for name, _, _ in _parsers())
    return _BASH.format(values="\n".join(dict.fromkeys(values)), commands=names, options="\n".join(options))


def _zsh() -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash()


def _fish() -> str:
    lines = ["complete -c roformer-edge -n __fish_use_subcommand -l version -d 'print the version'"]
    for name, summary, parser in _parsers():
        lines.append(f"complete -c roformer-edge -n __fish_use_subcommand -f -a {name} -d {_quoted(summary)}")
        within = f"complete -c roformer-edge -n '__fish_seen_subcommand_from {name}'"
        if words := _words(parser):
            lines.append(f"{within} -f -a {_quoted(' '.join(words))}")
        for action in _actions(parser):
            if action.option_strings:
                lines.append(f"{within} {_fish_option(action)} -d {_quoted(action.help or '')}")
    return "\n".join(dict.fromkeys(lines))


def _fish_option(action: argparse.Action) -> str:
    named = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in action.option_strings]
    if action.nargs != 0:
        named.append(f"-x -a {_quoted(' '.join(_values(action)))}" if _values(action) else "-r")
    return " ".join(named)


def _quoted(text: str) -> str:
    """Quote a text for fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
