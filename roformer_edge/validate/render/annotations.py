"""The verdict of reports as annotations: lines by which a build server marks a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from roformer_edge.errors import UnknownNameError
from roformer_edge.escape import clipped, visible
from roformer_edge.validate.report import Report

NONE = "none"


def github_lines(reports: Sequence[Report]) -> list[str]:
    """Write an error for each broken gate, and a notice where all of a candidate's hold."""
    lines = []
    for report in reports:
        broken = [gate for gate in report.all_gates if not gate.passed]
        name = _value(report.candidate.name)
        lines += [
            f"::error title=Gate broken::{name}: {_value(f'{gate.text}, found {gate.answer}')}" for gate in broken
        ]
        if report.all_gates and not broken:
            held = ", ".join(f"{gate.text} (found {gate.answer})" for gate in report.all_gates)
            lines.append(f"::notice title=Gates hold::{name}: {_value(held)}")
    return lines


def _value(text: str) -> str:
    """Escape what a runner would act on: percent signs and ends of lines."""
    return visible(clipped(text, 1000)).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


# name of a form -> makes its lines
ANNOTATIONS: Mapping[str, Callable[[Sequence[Report]], list[str]]] = {
    "github": github_lines,
    NONE: lambda reports: [],
}


def annotation_lines(name: str | None, reports: Sequence[Report]) -> list[str]:
    """Write annotations in a form.

    Args:
        name: A key of ``ANNOTATIONS``; ``None`` for GitHub's where GitHub runs this, and else for none.
        reports: The reports of all candidates.
    """
    return ANNOTATIONS[checked_annotations(name)](reports)


def checked_annotations(name: str | None) -> str:
    """Find the form of annotations that is meant.

    Raises:
        UnknownNameError: No such form.
    """
    if name is None:
        return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else NONE
    if name not in ANNOTATIONS:
        raise UnknownNameError("form of annotations", name, ANNOTATIONS)
    return name
