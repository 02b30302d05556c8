"""The sections of the HTML report that hold evidence: charts and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from roformer_edge.validate.render import svg
from roformer_edge.validate.render.format import (
    as_html,
    counted,
    decimal,
    label_as_html,
    milliseconds,
    percent,
    signed,
    significant,
    size,
)
from roformer_edge.validate.render.summary import EFFECTS, answer_changes, effect_total, interval_text, p_value
from roformer_edge.validate.report import ChangedExample, ClassFacts, Interval, Report

_CLASSES_SHOWN = 30
_CHANGES_SHOWN = 15
_KEY = (
    '<p class="key"><span><svg aria-hidden="true"><circle class="ref" cx="7" cy="7" r="5"/></svg>reference</span>'
    '<span><svg aria-hidden="true"><circle class="cand" cx="7" cy="7" r="5"/></svg>candidate</span></p>'
)


def accuracy_section(report: Report) -> str:
    """Accuracy and macro-F1 with their intervals, and who was right where."""
    ours, theirs = report.reference, report.candidate
    ends = [ours.accuracy_interval, theirs.accuracy_interval, ours.macro_f1_interval, theirs.macro_f1_interval]
    points = [ours.accuracy, theirs.accuracy, ours.macro_f1, theirs.macro_f1]
    scale = svg.Scale.around(
        [100 * end for e in ends for end in (e.low, e.high)] + [100 * p for p in [*points, 1.0]], most=4
    )
    rows = "".join(
        f'<tr class="lead"><th scope="rowgroup" colspan="3">{label}</th></tr>'
        + _interval_row("reference", "ref", *ours_at, scale)
        + _interval_row("candidate", "cand", *theirs_at, scale)
        for label, ours_at, theirs_at in (
            ("Accuracy", (ours.accuracy, ours.accuracy_interval), (theirs.accuracy, theirs.accuracy_interval)),
            ("Macro-F1", (ours.macro_f1, ours.macro_f1_interval), (theirs.macro_f1, theirs.macro_f1_interval)),
        )
    )
    rows += f'<tr><th></th><td class="plot">{svg.axis_track(scale)}</td><td></td></tr>'
    return (
        '<section class="pair"><div><h2>Right answers</h2>'
        f'<p class="lede">With {100 * report.drop.confidence:g} % intervals: how far another sample of the same size '
        f'might move each figure.</p><table class="rows">{rows}</table></div>{_matrix(report)}</section>\n'
    )


def _interval_row(who: str, css: str, value: float, interval: Interval, scale: svg.Scale) -> str:
    in_percent = Interval(low=100 * interval.low, high=100 * interval.high)
    return (
        f'<tr><th scope="row" class="who">{who}</th>'
        f'<td class="plot">{svg.interval_track(100 * value, in_percent, scale, css)}</td>'
        f'<td class="num">{percent(value)}<br><span class="dim">{interval_text(interval.low, interval.high)}</span>'
        "</td></tr>"
    )


def _matrix(report: Report) -> str:
    total = report.data.examples

    def cell(css: str, reference_right: bool, candidate_right: bool, words: str) -> str:
        count = report.count(reference_right=reference_right, candidate_right=candidate_right)
        css = css if count else ""
        return f'<td class="{css}"><b>{count:,}</b><small>{words}<br>{percent(count / total)}</small></td>'

    test = ""
    if effect_total(report, "broke") + effect_total(report, "fixed"):
        test = (
            f'<p class="note">McNemar’s test, mid-p: {p_value(report)} (chance of a split at least this uneven '
            "if neither side were better).</p>"
        )
    return (
        '<div><h2>Who was right</h2><p class="lede">Every example is in one of the four fields. Only the two off the '
        'diagonal move the accuracy.</p><table class="matrix"><thead><tr><td></td>'
        '<th scope="col">candidate right</th><th scope="col">candidate wrong</th></tr></thead><tbody>'
        f'<tr><th scope="row">reference right</th>{cell("", True, True, "both right")}'
        f"{cell('broke', True, False, '✗ broken')}</tr>"
        f'<tr><th scope="row">reference wrong</th>{cell("fixed", False, True, "✓ fixed")}'
        f"{cell('', False, False, 'both wrong')}</tr></tbody></table>"
        f"{test}</div>"
    )


def classes_section(report: Report) -> str:
    """F1 of each label, reference against candidate."""
    rows = [
        (ours, theirs)
        for ours, theirs in zip(report.reference.classes, report.candidate.classes, strict=True)
        if ours.support or ours.f1 or theirs.f1 or _answered(report, ours.label)
    ]
    absent = len(report.labels) - len(rows)
    rows.sort(key=lambda row: (row[1].f1 - row[0].f1, row[1].f1, row[0].label))
    scale = svg.Scale.around([100 * side.f1 for row in rows for side in row] + [90, 100], most=4)
    shown, rest = _class_table(rows[:_CLASSES_SHOWN], scale), ""
    if rows[_CLASSES_SHOWN:]:
        rest = (
            f"<details><summary>{len(rows) - _CLASSES_SHOWN} more labels</summary>"
            f"{_class_table(rows[_CLASSES_SHOWN:], scale)}</details>"
        )
    lacking = f" {absent} more occur neither as label nor as answer." if absent else ""
    return (
        '<section><h2>Label by label</h2><p class="lede">F1 of each label, the largest loss first.'
        f"{lacking}</p>{_KEY}{shown}{rest}</section>\n"
    )


def _answered(report: Report, label: str) -> bool:
    index = report.labels.index(label)
    return any(index in (outcome.reference, outcome.candidate) for outcome in report.outcomes)


def _class_table(rows: Sequence[tuple[ClassFacts, ClassFacts]], scale: svg.Scale) -> str:
    body = "".join(
        f'<tr><th scope="row" class="name">{label_as_html(ours.label)}</th>'
        f'<td class="num dim support">{ours.support:,}</td>'
        f'<td class="plot">{svg.dumbbell_track(100 * ours.f1, 100 * theirs.f1, scale)}</td>'
        f'<td class="num f1">{100 * ours.f1:.1f}</td><td class="num f1">{100 * theirs.f1:.1f}</td>'
        f'<td class="num {_tone(theirs.f1 - ours.f1)}">{signed(100 * (theirs.f1 - ours.f1), 1)}</td></tr>'
        for ours, theirs in rows
    )
    return (
        '<table class="rows classes"><thead><tr><th scope="col">Label</th>'
        '<th scope="col" class="num support">Examples</th>'
        '<th scope="col">F1, %</th><th scope="col" class="num f1">Reference</th>'
        '<th scope="col" class="num f1">Candidate</th><th scope="col" class="num">Change</th></tr></thead><tbody>'
        f'{body}<tr><th></th><td class="support"></td><td class="plot">{svg.axis_track(scale)}</td>'
        '<td class="f1"></td><td class="f1"></td><td></td></tr></tbody></table>'
    )


def _tone(change: float) -> str:
    if f"{abs(100 * change):.1f}" == "0.0":
        return "dim"
    return "loss-text" if change < 0 else "gain-text"


def logits_section(report: Report) -> str:
    """How far the logits moved."""
    heading, agreement = "<h2>How far the logits moved</h2>", report.agreement
    if agreement.worst_difference == 0:
        words = "Not at all: every logit of the candidate equals the reference’s, bit for bit."
        return f'<section>{heading}<p class="lede">{words}</p></section>\n'
    spread = (
        f" ({100 * agreement.mean_difference / agreement.spread:.1f} % of their spread)" if agreement.spread else ""
    )
    return (
        f'<section>{heading}<p class="lede">By {significant(agreement.mean_difference)} on average{spread} and by '
        f"{significant(agreement.worst_difference)} at most. Cosine {decimal(agreement.mean_cosine, 4)} on average, "
        f'{decimal(agreement.worst_cosine, 4)} at worst.</p><div class="pair wide">'
        f"<figure>{svg.histogram_chart(report.differences)}"
        "<figcaption>Candidate minus reference, all logits</figcaption></figure>"
        f'<figure><div class="frame">{svg.scatter_chart(report.logit_sample)}</div><figcaption>Candidate (up) over '
        f"reference (across), {len(report.logit_sample):,} logits, the largest moves among them; equal on the diagonal"
        "</figcaption></figure>"
        "</div></section>\n"
    )


def cost_section(report: Report) -> str:
    """Latency, size and memory, as far as they were measured."""
    latency, rest = _latency(report), _sizes(report) + _memory(report)
    if not latency and not rest:
        return ""
    both = f'<div class="pair"><div>{latency}</div><div>{rest}</div></div>' if latency and rest else latency + rest
    return f"<section><h2>What it costs to run</h2>{both}</section>\n"


def _bars(rows: Iterable[tuple[str, str, Sequence[tuple[float, str]], str]], heading: str, lede: str) -> str:
    """A small table of bars: (group or "", side, parts, value) a row."""
    rows = list(rows)
    most = max(sum(amount for amount, _ in parts) for _, _, parts, _ in rows)
    body = ""
    for group, who, parts, value in rows:
        if group:
            body += f'<tr class="lead"><th scope="rowgroup" colspan="3">{group}</th></tr>'
        body += (
            f'<tr><th scope="row" class="who">{who}</th><td class="plot">{svg.bar_track(parts, most)}</td>'
            f'<td class="num">{value}</td></tr>'
        )
    return f'<h3>{heading}</h3><p class="lede tight">{lede}</p><table class="rows">{body}</table>'


def _latency(report: Report) -> str:
    timing = report.timing
    if timing is None:
        return ""
    rows = []
    for percentile, words in (("p50", "Median"), ("p90", "90th percentile"), ("p99", "99th percentile")):
        ours, theirs = getattr(timing.reference, percentile), getattr(timing.candidate, percentile)
        rows.append((words, "reference", [(ours, "ref")], milliseconds(ours)))
        rows.append(("", "candidate", [(theirs, "cand")], milliseconds(theirs)))
    texts = counted(timing.texts, "text")
    return _bars(
        rows,
        "Latency",
        f"From text to logits, one text at a time, {texts}, the two sides in turn, the fastest of "
        f"{counted(timing.rounds, 'run')}. "
        f"On the median text the candidate takes {timing.ratio:.2f} times as long as the reference.",
    )


def _sizes(report: Report) -> str:
    rows = []
    for who, css, side in (("reference", "ref", report.reference), ("candidate", "cand", report.candidate)):
        if total := side.facts.bytes:
            model = side.facts.model_bytes or 0
            rows.append(
                (
                    "",
                    who,
                    [(model, css), (total - model, f"{css} other")],
                    f'{size(total)}<br><span class="dim">model {size(model)}</span>',
                )
            )
    lede = (
        "All files; the paler part is everything but the model. A bundle carries the dictionary of the word segmenter, "
        "a checkpoint relies on one that is installed."
    )
    return _bars(rows, "Size", lede) if rows else ""


def _memory(report: Report) -> str:
    sides = (("reference", "ref", report.reference), ("candidate", "cand", report.candidate))
    rows = [("", who, [(s.memory.peak, css)], size(s.memory.peak)) for who, css, s in sides if s.memory.peak]
    notes = dict.fromkeys(f"{side.memory.note[:1].upper()}{side.memory.note[1:]}." for _, _, side in sides)
    return _bars(rows, "Peak memory", as_html(" ".join(notes))) if rows else ""


def changes_section(report: Report) -> str:
    """Which answer became which other, and how often."""
    changes = answer_changes(report)
    if not changes:
        return ""
    body = "".join(
        f'<tr><td>{label_as_html(c.reference)} <span class="score">→</span> {label_as_html(c.candidate)}</td>'
        f'<td class="num">{c.count:,}</td><td class="num">{c.broke:,}</td><td class="num">{c.fixed:,}</td></tr>'
        for c in changes[:_CHANGES_SHOWN]
    )
    more = f" The {_CHANGES_SHOWN} most frequent of {len(changes)}." if len(changes) > _CHANGES_SHOWN else ""
    return (
        f'<section><h2>Changed answers</h2><p class="lede">Which answer became which.{more}</p>'
        '<table class="list plain"><thead><tr><th scope="col">Reference → candidate</th><th scope="col" class="num">'
        'Examples</th><th scope="col" class="num">Broken</th><th scope="col" class="num">Fixed</th></tr></thead>'
        f"<tbody>{body}</tbody></table></section>\n"
    )


def examples_section(report: Report) -> str:
    """The examples worth reading."""
    blocks = []
    for effect, heading in EFFECTS.items():
        rows = [change for change in report.changes if change.effect == effect]
        if rows:
            table, number = _example_table(rows), _number(len(rows), effect_total(report, effect))
            blocks.append(
                f"<details><summary>{heading} ({number})</summary>{table}</details>"
                if effect == "drifted" and report.disagreements
                else f'<h3>{heading}<span class="n">{number}</span></h3>{table}'
            )
    if not blocks:
        return ""
    order = "No answer changed; these examples moved most."
    if report.disagreements:
        order = "Within each group, the answers that the reference was surest of come first."
    return (
        f'<section><h2>Worth reading</h2><p class="lede tight">{order} In brackets: the probability of the answer. '
        f"Moved by: the largest difference of one logit.</p>{''.join(blocks)}</section>\n"
    )


def _number(shown: int, total: int) -> str:
    return f"{total:,}" if shown == total else f"{shown:,} of {total:,}"


def _example_table(rows: Sequence[ChangedExample]) -> str:
    body = "".join(
        f'<tr><td class="text" data-name="Text"><bdi lang="zh">{as_html(row.text, 280)}</bdi></td>'
        f'<td data-name="Gold">{label_as_html(row.gold)}</td>'
        f'<td data-name="Reference">{_answer(row.reference.label, row.reference.score, row.gold)}</td>'
        f'<td data-name="Candidate">{_answer(row.candidate.label, row.candidate.score, row.gold)}</td>'
        f'<td class="num" data-name="Moved by">{significant(row.difference)}</td></tr>'
        for row in rows
    )
    return (
        '<table class="list fixed"><thead><tr><th scope="col">Text</th><th scope="col">Gold label</th><th scope="col">'
        'Reference</th><th scope="col">Candidate</th><th scope="col" class="num">Moved by</th></tr>'
        f"</thead><tbody>{body}</tbody></table>"
    )


def _answer(label: str, score: float, gold: str) -> str:
    css, mark = ("right", "✓") if label == gold else ("wrong", "✗")
    return (
        f'<span><span class="mark {css}">{mark}</span>{label_as_html(label)} '
        f'<span class="score">({100 * score:.1f} %)</span></span>'
    )
