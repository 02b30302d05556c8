"""What is tried for a machine, what was found of each candidate, and which one is taken.

Of the candidates that lose no more than they may, the quickest is taken; those that take up to ``EQUALLY_QUICK`` times
as long count as quick as it, and of them the one is taken whose outputs moved least.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from roformer_edge.deploy import defaults
from roformer_edge.deploy.inputs import export_options_of
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BudgetExceededError, MissingDependencyError, OptionError, advice
from roformer_edge.escape import as_markdown, visible
from roformer_edge.formats import DEFAULT_FORMAT, FORMATS, Format, resolve
from roformer_edge.processors import SAFE_PRESET, detect_preset
from roformer_edge.quantize.recipe import FLOAT, SCHEMES, STATIC, open_recipe, preset_matters
from roformer_edge.validate.format import counted
from roformer_edge.validate.report import Choice

# times as long as the quickest, which machines cannot tell from it
EQUALLY_QUICK = 1.03


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """What could not be measured: a format or a candidate, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What was found of one candidate.

    Attributes:
        format: Its format.
        recipe: The name of its recipe.
        preset: Its preset; ``None`` where the format or the recipe has no use for one.
        bytes: The size of the model file.
        latencies: The fastest run at each of ``Selection.lengths``, in milliseconds.
        latency: Their mean, each weighted by the texts of about that length.
        error: How far outputs moved from those of the float32 network: root of the mean square, as a share of the
            standard deviation of its outputs.
        drop: What was lost of the task's metric, in points; ``None`` without labelled data.
        high: The same with a standard error on top, which is what has to keep the budget.
        agreement: Share of the answers that are the reference's.
        within: Whether it loses no more than it may.
        verdict: ``"chosen"``, or why it was not.
    """

    format: str
    recipe: str
    preset: str | None
    bytes: int
    latencies: tuple[float, ...]
    latency: float
    error: float
    drop: float | None = None
    high: float | None = None
    agreement: float | None = None
    within: bool = False
    verdict: str = ""

    @property
    def name(self) -> str:
        """Format, recipe and preset in words."""
        return " ".join(filter(None, (self.format, self.recipe, self.preset)))


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was tried, and what came of it.

    Attributes:
        texts: What the lengths are of: the name of a file, or in words the mix that stands for one.
        lengths: The numbers of tokens that were timed, ascending.
        shares: What share of the texts each of them stands for.
        threads: The threads of the engine that were asked for.
        rounds: How often each candidate was timed at each length.
        processor_time: Whether what counts is the time of the processor, in which other work of the machine is not.
        max_drop: What may be lost of ``metric``, in points; ``None`` without a budget.
        max_error: The largest error allowed, that of the first candidate; ``None`` where there is a budget.
        metric: The metric that was measured; empty without labelled data.
        examples: The labelled examples that it was measured on.
        tried: Every candidate that was measured. The first is what would be made without trying, if that is not left
            out.
        left_out: What could not be measured, and why.
    """

    texts: str
    lengths: tuple[int, ...]
    shares: tuple[float, ...]
    threads: int | None
    rounds: int
    processor_time: bool
    max_drop: float | None
    max_error: float | None
    metric: str
    examples: int
    tried: tuple[Tried, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def chosen(self) -> Tried:
        """The candidate that was taken."""
        return next(one for one in self.tried if one.verdict == CHOSEN)


CHOSEN = "chosen"
# columns of the table that say which candidate it is
_NAMED = 3


def list_candidates(options: DeployOptions) -> tuple[list[DeployOptions], list[LeftOut]]:
    """List what can be tried: options for one format, recipe and preset each; the first is what is made by default.

    Args:
        options: What was asked for; format, recipe and preset are open where they were left out.

    Returns:
        The candidates, and what is left out because something is missing for it.

    Raises:
        MissingDependencyError: No format can be made, or the one that was asked for cannot.
        OptionError: Something was asked for that changes no candidate.
        RoFormerEdgeError: The first candidate cannot be made as asked.
    """
    left_out: list[LeftOut] = []
    rows = list(_formats(options, left_out))
    recipes = (options.recipe,) if options.recipe else defaults.TRIED_RECIPES
    found: list[DeployOptions] = []
    for name in recipes:
        schemes = {rule.scheme for rule in open_recipe(name)[0].rules}
        if options.recipe is None and STATIC in schemes and options.calibration is None:
            texts = advice(python="calibration=", command="--calibration")
            left_out.append(LeftOut(name=name, reason=f"it needs texts to measure ranges on ({texts})"))
            continue
        for row in rows:
            for preset in _presets(options, name, row, schemes):
                candidate = _narrowed(options, row, name, preset, schemes)
                try:
                    export_options_of(candidate)
                except OptionError as error:  # a runtime that is too old for the recipe, for one
                    if not found:
                        raise
                    left_out.append(LeftOut(name=name_of(candidate), reason=str(error)))
                else:
                    found.append(candidate)
    for option in ("preset", "keep_float", "observer"):
        if getattr(options, option) and not any(getattr(one, option) for one in found):
            raise OptionError(option, getattr(options, option), "left out, because it changes nothing in what is tried")
    return found, left_out


def _formats(options: DeployOptions, left_out: list[LeftOut]) -> Iterator[Format]:
    """Go through the formats that can be made and run here, the usual one first."""
    asked = [options.row] if options.format else sorted(FORMATS.values(), key=lambda row: row.name != DEFAULT_FORMAT)
    missing: MissingDependencyError | None = None
    for row in asked:
        try:
            resolve(row.engine)()
            resolve(row.builder)
        except MissingDependencyError as error:
            missing = error
            left_out.append(LeftOut(name=row.name, reason=str(error)))
        else:
            yield row
    if missing is not None and len(left_out) == len(asked):
        raise missing


def _presets(options: DeployOptions, recipe: str, row: Format, schemes: set[str]) -> tuple[str | None, ...]:
    """List the presets to try: the one that is right everywhere, and this machine's."""
    if not (row.presets and preset_matters(schemes)):
        return (None,)
    asked = options.preset or open_recipe(recipe)[1].preset
    return (asked,) if asked else tuple(dict.fromkeys((SAFE_PRESET, detect_preset())))


def _narrowed(options: DeployOptions, row: Format, recipe: str, preset: str | None, schemes: set[str]) -> DeployOptions:
    """Make the options of one candidate, without those that are for others."""
    rounding = any(SCHEMES[scheme].rounds_input for scheme in schemes)
    chosen: dict[str, Any] = {"format": row.name, "recipe": recipe, "preset": preset}
    return replace(
        options,
        **chosen,
        keep_float=options.keep_float if schemes - {FLOAT} else (),
        calibration=options.calibration if rounding else None,
        calibration_texts=options.calibration_texts if rounding else None,
        observer=options.observer if STATIC in schemes else None,
        truncation=options.truncation and bool(rounding or options.evaluation),
        fields=options.fields if rounding or options.evaluation or options.prune_vocab else DeployOptions.fields,
        for_this_machine=False,
        threads=None,
    )


def name_of(options: DeployOptions) -> str:
    """Name a candidate by its format, recipe and preset."""
    return " ".join(filter(None, (options.format, options.recipe, options.preset)))


def decide(tried: Sequence[Tried], max_drop: float | None, metric: str) -> tuple[Tried, ...]:
    """Choose, and say of each candidate why it was chosen or not.

    Args:
        tried: What was measured; the first is what would be made without trying.
        max_drop: What may be lost of the metric, in points; ``None`` to allow the error of the first.
        metric: The metric's name.

    Returns:
        The same with ``within`` and ``verdict``.

    Raises:
        BudgetExceededError: None of them keeps the budget; the message says what came nearest.
    """
    judged = [_judged(one, tried[0].error, max_drop) for one in tried]
    within = [one for one in judged if one.within]
    if not within:  # without a budget the first keeps its own error
        nearest = min(judged, key=lambda one: (one.high or 0.0, one.latency))
        raise BudgetExceededError(
            f"none of {len(judged)} candidates keeps the drop of {metric} within {max_drop:g} points with a standard "
            f"error to spare; the nearest is {nearest.name}, which drops by {nearest.drop:.2f} points "
            f"({nearest.high:.2f} with it)"
        )
    quickest = min(one.latency for one in within)
    equal = [one for one in within if one.latency <= EQUALLY_QUICK * quickest]
    chosen = min(equal, key=lambda one: (one.error, one.latency))
    return tuple(replace(one, verdict=_verdict(one, chosen, equal)) for one in judged)


def _judged(one: Tried, max_error: float, max_drop: float | None) -> Tried:
    if max_drop is None:
        within, why = one.error <= max_error, f"error {one.error:.2g}, more than {max_error:.2g}"
    else:
        assert one.drop is not None  # a budget demands labelled data
        assert one.high is not None
        within = one.high <= max_drop
        why = f"drops by {one.drop:.2f} points ({one.high:.2f} with a standard error), more than {max_drop:g}"
    return replace(one, within=within, verdict="" if within else why)


def _verdict(one: Tried, chosen: Tried, equal: Sequence[Tried]) -> str:
    if one is chosen:
        return CHOSEN
    if not one.within:
        return one.verdict
    return "as quick, larger error" if one in equal else f"{one.latency / chosen.latency:.2f} times as long"


# for people


def explain(selection: Selection) -> str:
    """Say in a sentence or two what was measured and by which rule was chosen."""
    threads = "as many threads as cores" if selection.threads is None else counted(selection.threads, "thread")
    clock = " of processor time" if selection.processor_time else ""
    rule = (
        f"the error of the first, {selection.tried[0].name} ({selection.max_error:.2g})"
        if selection.max_drop is None
        else f"a drop of {selection.max_drop:g} points of {selection.metric} on {selection.examples} examples"
    )
    return (
        f"Timed in turns at the lengths of {selection.texts}, {threads}, fastest of {selection.rounds} runs of the "
        f"graph in ms{clock}. The quickest within {rule} is chosen; within {100 * (EQUALLY_QUICK - 1):.0f} % of its "
        "time, the one with the smallest error."
    )


def table(selection: Selection) -> list[list[str]]:
    """Put all candidates in rows of cells, the first of titles; what came from files is not escaped."""
    lengths = [f"{length} tok" for length in selection.lengths]
    measured = ["drop", "same %"] if selection.metric else []
    rows = [["format", "recipe", "preset", "MB", *lengths, "mean", "error", *measured, "verdict"]]
    for one in selection.tried:
        loss = [f"{one.drop:.2f}", f"{100 * (one.agreement or 0):.1f}"] if one.drop is not None else []
        times = [f"{value:.3g}" for value in (*one.latencies, one.latency)]
        cells = [one.format, one.recipe, one.preset or "", f"{one.bytes / 1e6:.1f}", *times, f"{one.error:.2g}", *loss]
        rows.append([*cells, one.verdict])
    return rows


def as_choice(selection: Selection) -> Choice:
    """Write it for the report, with the verdict before the figures."""
    head, *rows = ((*cells[:_NAMED], cells[-1], *cells[_NAMED:-1]) for cells in table(selection))
    return Choice(
        rule=explain(selection),
        head=head,
        rows=tuple(rows),
        figures=len(head) - _NAMED - 1,
        left_out=tuple((one.name, one.reason) for one in selection.left_out),
    )


def as_lines(selection: Selection) -> list[str]:
    """Write the table for a terminal, and what was left out."""
    rows = [[visible(cell) for cell in row] for row in table(selection)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [explain(selection), *lines, *(f"left out: {one.name}: {one.reason}" for one in selection.left_out)]


def as_card(selection: Selection) -> str:
    """Write the table in Markdown for the model card."""
    head, *rows = ([as_markdown(cell) for cell in row] for row in table(selection))
    lines = [_line(head), _line("---" for _ in head), *map(_line, rows)]
    left = [f"- left out: {as_markdown(one.name)}: {as_markdown(one.reason, 400)}" for one in selection.left_out]
    return "\n\n".join(filter(None, (as_markdown(explain(selection), 1000), "\n".join(lines), "\n".join(left))))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
