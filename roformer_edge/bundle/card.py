"""The model card: ``README.md`` of a bundle, written from its manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType

from roformer_edge.bundle.manifest import ROLES, Manifest
from roformer_edge.escape import as_json, as_markdown, clipped, visible
from roformer_edge.tasks import get_task

# characters of a name or a sentence from elsewhere
_LONGEST = 500


def model_card(manifest: Manifest, name: str, sections: Mapping[str, str] = MappingProxyType({})) -> str:
    """Write Markdown for people who find the bundle without its history.

    Args:
        manifest: The bundle's, with the files listed so far.
        name: The name of the bundle's directory.
        sections: Title -> Markdown of sections that a manifest knows nothing of.
    """
    parts = (
        f"# {_plain(name)}",
        _what_it_is(manifest),
        "## Use",
        _use(manifest, name),
        "## Accuracy",
        f"{_measured(manifest)}\n\n{_parity(manifest)}",
        *(part for title, text in sections.items() for part in (f"## {title}", text)),
        "## Files",
        _files(manifest),
        "## Provenance",
        _provenance(manifest),
        "## Licence",
        _licence(manifest),
    )
    return "\n\n".join(parts) + "\n"


def _what_it_is(manifest: Manifest) -> str:
    lines = [
        f"A RoFormer model for **{manifest.task}**, as {manifest.format.upper()}, built with the recipe "
        f"{_code(manifest.recipe.name)}. It takes up to {manifest.max_length} tokens at a time{_lengths(manifest)}."
    ]
    if manifest.calibration is not None:
        lines.append(
            f"Ranges were measured on {manifest.calibration.texts} texts by the observer "
            f"{_code(manifest.calibration.observer)}."
        )
    if manifest.notes:
        lines.append("Of the checkpoint's files:\n\n" + "\n".join(f"- {_code(note)}" for note in manifest.notes))
    if manifest.labels:
        lines.append(f"Labels ({len(manifest.labels)}): {', '.join(_code(label) for label in manifest.labels)}.")
    return "\n\n".join(lines)


def _lengths(manifest: Manifest) -> str:
    if not manifest.lengths:
        return ""
    return f", padded to {' or '.join(map(str, manifest.lengths))}"


def _use(manifest: Manifest, name: str) -> str:
    needs = ", ".join(
        f"{_plain(package)} {version} or newer" for package, version in sorted(manifest.minimum_runtime.items())
    )
    sample = get_task(manifest.task).sample
    options = "; ".join(f"{_code(name)} is {_code(value)}" for name, value in sorted(manifest.session.items()))
    # a string of JSON is one of Python, whatever the name holds
    path = as_json(json.dumps(name, ensure_ascii=False))
    code = f"import roformer_edge\n\nmodel = roformer_edge.load({path})\nprint(model({sample}))"
    return (
        f"```sh\npip install roformer-edge\n```\n\n```python\n{code}\n```"
        + (f"\n\nIt needs {needs}. No training framework is needed." if needs else "")
        + (f"\n\nThe answers depend on options of the engine, which the loader sets: {options}." if options else "")
    )


def _measured(manifest: Manifest) -> str:
    loss = manifest.measured
    if loss is None:
        return "The loss through quantisation was not measured: no labelled data was given."
    metric, unit = _plain(loss.metric), f" {_plain(loss.unit)}" if loss.unit else ""
    # percentages differ by points
    head = "drop in points" if loss.unit == "%" else "drop"
    interval = "" if loss.low is None or loss.high is None else f" (95 % interval {loss.low:.2f} to {loss.high:.2f})"
    agreement = "" if loss.agreement is None else f"{loss.agreement:.2f} %"
    return (
        f"On the {loss.examples} examples of {_code(loss.data)}:\n\n"
        f"| | before quantisation | in this bundle | {head} | same answer |\n|---|---|---|---|---|\n"
        f"| {metric} | {loss.reference:.2f}{unit} | {loss.candidate:.2f}{unit} | {loss.drop:.2f}{interval} "
        f"| {agreement} |"
    )


def _parity(manifest: Manifest) -> str:
    parity = manifest.parity
    if not parity.checked:
        return f"The float32 graph was not compared with a reference: {_plain(str(parity.reason))}."
    reference = _plain(str(parity.reference))
    return (
        f"Before quantisation the graph was compared with {reference}. In the tensor that differed most, "
        f"{_code(str(parity.worst_tensor))}, the largest absolute difference is {parity.absolute_difference:.2g}, and "
        f"{parity.relative_difference:.2g} of the tensor's largest value; the smaller of the two may be "
        f"{parity.tolerance:.2g}."
    )


def _files(manifest: Manifest) -> str:
    rows = [
        f"| `{entry.path}` | {ROLES[entry.role]} | {_size(entry.bytes)} | `{entry.sha256[:16]}` |"
        for entry in manifest.files
    ]
    head = "| file | what it is | size | SHA-256 begins |\n|---|---|---|---|"
    return "\n".join([head, *rows, "", f"Together {_size(manifest.total_bytes)}."])


def _provenance(manifest: Manifest) -> str:
    made = manifest.provenance
    tools = ", ".join(_plain(f"{tool} {version}") for tool, version in sorted(made.tools.items()))
    return (
        f"Made from the checkpoint {_code(made.source)} (SHA-256 of its weights `{made.checkpoint_sha256}`) by "
        f"roformer-edge {_plain(made.version)} on {made.created}{f', with {tools}' if tools else ''}."
    )


def _licence(manifest: Manifest) -> str:
    notices = [f"`{entry.path}`" for entry in manifest.files if entry.role == "notice"]
    return (
        f"Converting and quantising a model does not change its licence: the terms of the checkpoint "
        f"{_code(manifest.provenance.source)} apply to this bundle."
        + (f" See also {', '.join(notices)}." if notices else "")
    )


def _size(count: int) -> str:
    """Write a number of bytes in the unit that leaves one to three digits before the point."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def _code(name: str) -> str:
    """Quote a name, in which Markdown would read signs."""
    name = visible(clipped(" ".join(name.split("\n")), _LONGEST))
    if re.search("[<>&]", name):
        # not every renderer leaves these alone in code
        return as_markdown(name, _LONGEST)
    runs = re.findall("`+", name)
    fence = "`" * (max(map(len, runs)) + 1) if runs else "`"
    pad = " " if runs else ""
    return f"{fence}{pad}{name}{pad}{fence}".replace("|", "\\|")


def _plain(text: str) -> str:
    """Write words that nothing in this package chose, so that Markdown reads no signs in them."""
    return as_markdown(text, _LONGEST)
