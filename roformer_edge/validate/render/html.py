"""The report as one self-contained HTML page: no script, no request, and nothing unescaped."""

from __future__ import annotations

from collections.abc import Callable

from roformer_edge.validate.render import svg
from roformer_edge.validate.render.evidence import (
    accuracy_section,
    changes_section,
    classes_section,
    cost_section,
    examples_section,
    logits_section,
)
from roformer_edge.validate.render.format import as_html, counted, moment, size
from roformer_edge.validate.render.style import CSS
from roformer_edge.validate.render.summary import Headline, headlines, verdict
from roformer_edge.validate.report import Report, Side

_SIGNS = {
    "passed": '<path d="M7.5 13.5l4 4 7-8.5"/>',
    "failed": '<path d="M8.5 8.5l9 9M17.5 8.5l-9 9"/>',
    "open": '<path d="M8 13h10"/>',
}


def to_html(report: Report) -> str:
    """A whole page; every chart is inline SVG."""
    name = as_html(report.candidate.name, 120)
    body = "".join(section(report) for section in _SECTIONS)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Validation of {name}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n{body}</main>\n"
        "</body>\n</html>\n"
    )


def _header(report: Report) -> str:
    examples, labels = report.data.examples, len(report.labels)
    facts = [
        counted(examples, "example"),
        f"{labels} labels",
        as_html(report.data.name, 120),
        as_html(moment(report.provenance.created)),
    ]
    return (
        f'<header><p class="eyebrow">Validation · {as_html(report.task)}</p>'
        f"<h1>{as_html(report.candidate.name, 120)} <small>against {as_html(report.reference.name, 120)}</small></h1>"
        f'<p class="lede">{" · ".join(facts)}</p></header>\n'
    )


def _verdict(report: Report) -> str:
    words = verdict(report)
    sign = '<svg class="sign" viewBox="0 0 26 26" aria-hidden="true"><circle cx="13" cy="13" r="13"/>'
    return (
        f'<section class="verdict {words.state}"><div><h2>{sign}{_SIGNS[words.state]}</svg>{as_html(words.title)}</h2>'
        f'<p class="sentence">{as_html(words.sentence)}</p><p class="lede">{as_html(words.caution)}</p></div>'
        f"<div>{svg.drop_chart(report.drop.points, report.drop.interval, report.budget)}"
        f'<p class="note">Drop in {as_html(report.metric)}, percentage points; left is better.</p></div></section>\n'
    )


def _tiles(report: Report) -> str:
    return f'<section class="tiles">{"".join(_tile(figure) for figure in headlines(report))}</section>\n'


def _tile(figure: Headline) -> str:
    lines = []
    if figure.change != "–":
        lines.append(f"<dd>{as_html(figure.change)}</dd>")
    if figure.reference != "–":
        lines.append(f'<dd class="was">reference {as_html(figure.reference)}</dd>')
    if figure.note:
        lines.append(f'<dd class="was">{as_html(figure.note, 80)}</dd>')
    return (
        f'<dl class="tile"><dt>{as_html(figure.label)}</dt><dd class="big">{as_html(figure.candidate)}</dd>'
        f"{''.join(lines)}</dl>"
    )


def _provenance(report: Report) -> str:
    made, drop = report.provenance, report.drop
    facts = (
        ("Reference", _facts(report.reference, made.reference_batch_size)),
        ("Candidate", _facts(report.candidate, made.batch_size)),
        ("Data", f"{as_html(report.data.name)}<br><code>sha256 {report.data.sha256}</code>"),
        (
            "Intervals",
            f"{100 * drop.confidence:g} %; Wilson for accuracy, paired bootstrap of {drop.resamples:,} resamples "
            f"(seed {drop.seed}) for the rest",
        ),
        (
            "Made by",
            f"roformer-edge {as_html(made.version)}, Python {as_html(made.python)}, numpy {as_html(made.numpy)}, "
            f"{as_html(made.machine)}, {as_html(moment(made.created))}",
        ),
    )
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    return f'<section><h2 class="spaced">How this was measured</h2><dl class="facts">{items}</dl></section>\n'


def _facts(side: Side, batch_size: int) -> str:
    facts = side.facts
    threads = "" if facts.threads is None else f", {counted(facts.threads, 'thread')}"
    files = ", ".join(f"{as_html(file.path)} {size(file.bytes)}" for file in facts.files)
    line = f"{as_html(facts.recipe)} on {as_html(facts.engine)}, {as_html(facts.provider)}{threads}"
    cut = ", long texts cut" if facts.truncates else ""
    return f"{line}, batches of {batch_size}{cut}{'<br>' + files if files else ''}"


_SECTIONS: tuple[Callable[[Report], str], ...] = (
    _header,
    _verdict,
    _tiles,
    accuracy_section,
    classes_section,
    logits_section,
    cost_section,
    changes_section,
    examples_section,
    _provenance,
)
