"""Turns ``benchmarks/results/*.json`` into tables: ``results/README.md``, figures in both READMEs and in pages of docs.

    python -m benchmarks.table

Needs the standard library only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.goals import FLOOR, goals_table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
# beside the README
ACCURACY_PAGE = Path("docs", "accuracy.md")
BENCHMARKS_PAGE = Path("docs", "benchmarks.md")
# the README of another language -> its words for those of the figures, the longest first
TRANSLATIONS = {
    "README.zh.md": {
        "From the start of a process to its first answer (median), and the memory of that process at its peak:": (
            "从进程启动到给出第一个答案的时间（中位数），以及该进程的内存峰值："
        ),
        "From a checkpoint to an int8 model, compared with PyTorch on the way (median):": (
            "从检查点到 int8 模型，途中与 PyTorch 对照（中位数）："
        ),
        "int8, one text, one thread, fastest run in ms, by number of tokens, and the mean of real requests, ": (
            "int8，单条文本，单线程，最快一次（毫秒），按 token 数；以及真实请求的平均值，"
        ),
        "| texts | texts in 128 |": "| 真实文本 | 真实文本，填充到 128 |",
        "fastest of theirs : fastest of ours": "对方最快 : 我方最快",
        "Size of the model file in MB:": "模型文件大小（MB）：",
        "base shape, 12 layers of 768": "base 尺寸，12 层 × 768",
        "model file, MB": "模型文件，MB",
        "64 tokens on one thread, ms": "64 个 token，单线程，毫秒",
        "process start to first answer, s": "进程启动到第一个答案，秒",
        "memory at the peak, MB": "内存峰值，MB",
        "checkpoint to int8 model, s": "检查点到 int8 模型，秒",
        "Measured on ": "测量环境：",
        ". [All results](benchmarks/results/README.md).": "。[全部结果](benchmarks/results/README.md)。",
        "MB at the peak": "内存峰值，MB",
        "| seconds |": "| 秒 |",
        " cores (": " 核（",
        "): latencies": "）：延迟",
        "cold starts": "冷启动",
        "deploying": "部署",
        "sizes": "大小",
    },
}
SCALE_PAGE = Path("docs") / "scale.md"
Row = dict[str, Any]
# texts of the arithmetic of docs/scale.md, and its assumed price of a core for an hour
BILLION, CORE_HOUR = 1_000_000_000, 0.04
# recipe -> largest drop in points, smallest agreement in percent that it is to keep on every model
ACCURACY_BOUNDS = {"int8-dynamic": (0.3, 99.0), "int8-static": (0.7, 98.0)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the tables of all results.")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    args = parser.parse_args()
    results = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(args.results.glob("*.json"))}
    page = "\n\n".join(section(name, result) for name, result in results.items())
    note = "# Results\n\nWritten by `python -m benchmarks.table`; docs/benchmarks.md says what is measured and how."
    (args.results / "README.md").write_text(f"{note}\n\n{page}\n", "utf-8")
    replace_between_markers(args.readme.parent / BENCHMARKS_PAGE, goals_table(results), "goals")
    if "where" in results:
        text = f"{where_tables(results['where']['rows'])}\n\n{measured_on(results['where'])}"
        replace_between_markers(args.readme.parent / BENCHMARKS_PAGE, text, "where")
    if "rounding" in results:
        text = rounding_table(results["rounding"]["rows"])
        replace_between_markers(args.readme.parent / ACCURACY_PAGE, text, "rounding")
    if "small_shape" in results:
        text = f"{small_shape_table(results['small_shape']['rows'])}\n\n{measured_on(results['small_shape'])}"
        replace_between_markers(args.readme.parent / ACCURACY_PAGE, text, "small")
    if "soak" in results:
        soak = f"{soak_tables(results['soak']['rows'])}\n\n{measured_on(results['soak'])}"
        replace_between_markers(args.readme.parent / BENCHMARKS_PAGE, soak, "soak")
    if "accuracy" in results:
        accuracy_page(results["accuracy"], args.readme.parent / ACCURACY_PAGE)
    if "scale" in results:
        replace_between_markers(args.readme.parent / SCALE_PAGE, scale_page(results["scale"]), "scale")
    parts = [figures(results[name]["rows"]) for name, figures in FIGURES.items() if name in results]
    if parts:
        parts.append(f"{machine_of(results)} [All results](benchmarks/results/README.md).")
        for name in (args.readme.name, *TRANSLATIONS):
            page, words = args.readme.with_name(name), TRANSLATIONS.get(name, {})
            replace_between_markers(page, translated("\n\n".join(parts), words))
            replace_between_markers(page, translated(summary(results), words), "summary")


def summary(results: dict[str, Any]) -> str:
    """The base shape in one table: int8 here, int8 of optimum, float32 of transformers."""
    found = {
        (row.get("artifact") or row.get("program") or row.get("engine"), key): row[key]
        for name in ("sizes", "latency", "peers", "cold_start", "deploy")
        for row in results.get(name, {"rows": []})["rows"]
        if row["shape"] == "base" and row.get("threads", 1) == 1
        if row.get("length", 64) == 64 and row.get("input", "64 tokens") == "64 tokens"
        for key in row
    }
    lines = [
        [title, *(f"{found[side]:{digits}}" if side in found else "–" for side in sides)]
        for title, digits, sides in SUMMARY
    ]
    engines = ("roformer-edge int8 ONNX", "optimum int8", "transformers fp32")
    return markdown(("base shape, 12 layers of 768", *engines), lines)


def translated(text: str, words: dict[str, str]) -> str:
    """Put the words of another language in the place of ours."""
    for ours, theirs in words.items():
        text = text.replace(ours, theirs)
    return text


def section(name: str, result: dict[str, Any]) -> str:
    """One benchmark: its tables, and what they were measured on."""
    kind, _, machine = name.partition(".")
    tables = TABLES.get(kind, plain)(result["rows"])
    on = f", {machine}" if machine else ""
    return f"## {kind.replace('_', ' ').capitalize()}{on}\n\n{tables}\n\n{measured_on(result)}"


def measured_on(result: dict[str, Any]) -> str:
    """When, on what, with what and how."""
    settings = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in result.get("settings", {}).items())
    versions = ", ".join(f"{package} {number}" for package, number in result.get("versions", {}).items())
    measured = ". ".join(part for part in (result.get("date"), processor(result), versions, settings) if part)
    return f"{measured}."


def processor(result: dict[str, Any]) -> str:
    """The machine in a few words; empty where the result does not say."""
    machine = result.get("machine")
    if not machine:
        return ""
    instructions = f" ({', '.join(machine['instructions'])})" if machine["instructions"] else ""
    return f"{machine['processor']}, {machine['architecture']}, {machine['cores']} cores{instructions}"


def machine_of(results: dict[str, Any]) -> str:
    """What the README's figures were measured on and when, one sentence for each machine."""
    days: dict[str, dict[str, list[str]]] = {}
    for name in FIGURES:
        if name in results:
            of_machine = days.setdefault(processor(results[name]), {})
            of_machine.setdefault(results[name]["date"], []).append(FIGURE_NAMES[name])
    sentences = []
    for machine, of_machine in days.items():
        dated = "; ".join(f"{', '.join(names)}, {day}" for day, names in of_machine.items())
        sentences.append(f"Measured on {machine}: {dated}.")
    return " ".join(sentences)


def markdown(header: Iterable[object], lines: Iterable[Iterable[object]], names: int = 1) -> str:
    """A table; all columns but the first few are numbers and stand to the right."""
    titles = [str(title) for title in header]
    rule = ["---"] * names + ["---:"] * (len(titles) - names)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (titles, rule, *lines))


def plain(rows: list[Row]) -> str:
    """One line a row, under its keys."""
    header = list(rows[0])
    titles = (key.replace("_", " ").replace(" mb", " MB") for key in header)
    lines = ([number(row.get(key, "")) for key in header] for row in rows)
    return markdown(titles, lines, names=sum(isinstance(value, str) for value in rows[0].values()))


def number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


def groups(rows: list[Row], *keys: str) -> dict[tuple, list[Row]]:
    """Rows by the values of some keys, in the order of their first appearance."""
    found: dict[tuple, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def latency_tables(rows: list[Row]) -> str:
    """A table for each shape and number of threads: fastest run, and the median in brackets."""
    tables = []
    for (shape, threads), group in groups(rows, "shape", "threads").items():
        title = f"{shape}, {threads} thread{'s' if threads > 1 else ''}: fastest run in ms (median)"
        lengths = list(groups(group, "length"))
        lines = [
            [engine, *(f"{row['min_ms']:.2f} ({row['median_ms']:.2f})" for row in of_engine)]
            for (engine,), of_engine in groups(group, "engine").items()
        ]
        tables.append(f"{title}\n\n{markdown(('tokens', *(length for (length,) in lengths)), lines)}")
    return "\n\n".join(tables)


def peers_tables(rows: list[Row]) -> str:
    """A table for each shape, number of threads and precision."""
    return "\n\n".join(
        f"{shape}, {threads} thread{'s' if threads > 1 else ''}, {precision}: fastest run in ms\n\n{peers_table(group)}"
        for (shape, threads, precision), group in groups(rows, "shape", "threads", "precision").items()
    )


def peers_figures(rows: list[Row]) -> str:
    """Both shapes on one thread."""
    title = "int8, one text, one thread, fastest run in ms, by number of tokens, and the mean of real requests"
    rows = [row for row in rows if row["engine"] != FLOOR]
    return "\n\n".join(
        f"{title}, {shape}:\n\n{peers_table(group)}"
        for (shape, threads, precision), group in groups(rows, "shape", "threads", "precision").items()
        if (threads, precision) == (1, "int8")
    )


def peers_table(rows: list[Row]) -> str:
    """Engines by input, and how much longer the fastest of theirs takes than the fastest of ours."""
    inputs = [name for (name,) in groups(rows, "input")]
    times = {
        engine: {row["input"]: row["wall_ms"] for row in group} for (engine,), group in groups(rows, "engine").items()
    }
    lines = [[engine, *(f"{of[name]:.2f}" if name in of else "" for name in inputs)] for engine, of in times.items()]
    ours = [of for engine, of in times.items() if engine.startswith("roformer-edge")]
    others = [of for engine, of in times.items() if not engine.startswith("roformer-edge") and engine != FLOOR]
    quickest = [
        [min((of[name] for of in side if name in of), default=None) for name in inputs] for side in (others, ours)
    ]
    ratios = [f"{theirs / mine:.2f}" if theirs and mine else "" for theirs, mine in zip(*quickest, strict=True)]
    return markdown(("", *inputs), [*lines, ["fastest of theirs : fastest of ours", *ratios]])


def soak_tables(rows: list[Row]) -> str:
    """All requests, those of each length, processes beside one, and memory of pools."""
    tables = []
    for part in SOAK:
        some = [row for row in rows if row["part"] == part.part and part.key in row]
        if some:
            lines = [[number(row.get(column, "")) for column in part.columns] for row in some]
            tables.append(f"{part.title}\n\n{markdown(part.columns.values(), lines, names=part.names)}")
    return "\n\n".join(tables)


def cold_start_figures(rows: list[Row]) -> str:
    title = "From the start of a process to its first answer (median), and the memory of that process at its peak:"
    lines = [[f"{row['shape']}, {row['program']}", f"{row['median_s']:.2f}", f"{row['peak_mb']:.0f}"] for row in rows]
    return f"{title}\n\n{markdown(('', 'seconds', 'MB'), lines)}"


def deploy_figures(rows: list[Row]) -> str:
    title = "From a checkpoint to an int8 model, compared with PyTorch on the way (median):"
    lines = [[f"{row['shape']}, {row['program']}", f"{row['median_s']:.1f}", f"{row['peak_mb']:.0f}"] for row in rows]
    return f"{title}\n\n{markdown(('', 'seconds', 'MB at the peak'), lines)}"


def sizes_figures(rows: list[Row]) -> str:
    columns = groups(rows, "artifact")
    shapes = [shape for (shape,) in groups(rows, "shape")]
    lines = [[artifact, *(f"{row['model_mb']:.1f}" for row in group)] for (artifact,), group in columns.items()]
    return f"Size of the model file in MB:\n\n{markdown(('', *shapes), lines)}"


def accuracy_page(result: dict[str, Any], page: Path) -> None:
    """Show what each recipe costs, between the markers of a page."""
    replace_between_markers(page, f"{accuracy_tables(result['rows'])}\n\n{measured_on(result)}")


def rounding_table(rows: list[Row]) -> str:
    """A line for each model, with the agreement at each pair of widths."""
    widths = list(groups(rows, "inputs", "weights"))
    header = ("agreement, %", *(f"inputs {inputs}, weights {weights}" for inputs, weights in widths))
    lines = [[name, *(f"{row['agreement']:.1f}" for row in group)] for (name,), group in groups(rows, "name").items()]
    return markdown(header, lines)


def small_shape_table(rows: list[Row]) -> str:
    """A line for each recipe: size, drop and agreement of the small shape, trained."""
    columns = list(groups(rows, "format", "vocabulary"))
    lines = []
    for (recipe,), group in groups(rows, "recipe").items():
        cells = {(row["format"], row["vocabulary"]): row for row in group}
        lines.append([recipe, *(small_shape_cell(cells[column]) for column in columns)])
    titles = (f"{form}, {vocabulary} vocabulary" for form, vocabulary in columns)
    return markdown(("size; drop, agreement", *titles), lines)


def small_shape_cell(row: Row) -> str:
    return f"{row['model_mb']:.1f} MB; {row['drop']:.2f}, {row['agreement']:.1f} %"


def accuracy_tables(rows: list[Row]) -> str:
    """Which recipes keep their bounds, a table for each model, and one for all hostile variants."""
    hostile = [row for row in rows if "." in row["name"]]
    trained = [row for row in rows if row not in hostile]
    refused = [row["name"] for row in rows if "refused" in row]
    searched = [row for row in rows if row["recipe"] == "auto"]
    found = f"found a model for {len(searched) - len(refused)} of {len(searched)}"
    cannot = f"; it said that it cannot for {', '.join(refused)}" if refused else ""
    parts = [f"{accuracy_verdicts(trained)}\n- `auto` with a budget of 0.5 points {found}{cannot}."]
    if hostile:
        verdicts, table = accuracy_verdicts(hostile, beside=trained), hostile_table(trained, hostile)
        parts.append(f"The same models made hostile\n\n{verdicts}\n\n{table}")
    for (name, task), group in groups(trained, "name", "task").items():
        first = next(row for row in group if "metric" in row)
        title = f"**{name}** ({task}): {first['metric']} {100 * first['reference']:.2f} % in PyTorch, float32, "
        lines = [accuracy_line(row) for row in group]
        table = markdown(("", first["metric"], "drop (95 % interval)", "agreement", "MB", "ms"), lines)
        on = ", ".join(dict.fromkeys(row["processor"] for row in group if "processor" in row))
        parts.append(f"{title}{first['examples']:,} examples{on and f'; ms on {on}'}\n\n{table}")
    return "\n\n".join(parts)


def accuracy_line(row: Row) -> list[str]:
    recipe = f"{row['format']} {row['recipe']}"
    if "refused" in row:
        return [f"{recipe}: cannot", *("" for _ in range(5))]
    if "chosen" in row:
        others = len(row["exceptions"])
        recipe += f": {row['chosen']}" + (f" but for {others} part{'s' if others > 1 else ''}" if others else "")
    drop = f"{row['drop']:.2f} ({row['drop_low']:.2f} to {row['drop_high']:.2f})"
    share = f"{row['agreement']:.2f} %"
    return [recipe, f"{100 * row['value']:.2f} %", drop, share, f"{row['model_mb']:.1f}", f"{row['cpu_ms']:.2f}"]


def hostile_table(trained: list[Row], hostile: list[Row]) -> str:
    """A line for each hostile variant below one of the model as it was trained: drop and agreement by column."""
    # those with a bound, and the quantisers of others
    columns = [
        (form, recipe)
        for form, recipe in groups(hostile, "format", "recipe")
        if recipe in ACCURACY_BOUNDS or form not in ("onnx", "tflite")
    ]
    cells = {(row["name"], row["format"], row["recipe"]): row for row in (*trained, *hostile) if "drop" in row}
    lines = []
    for name in dict.fromkeys(row["name"].partition(".")[0] for row in hostile):
        for known in (name, *dict.fromkeys(row["name"] for row in hostile if row["name"].startswith(f"{name}."))):
            found = [cells.get((known, *column)) for column in columns]
            first = next(row for row in found if row)
            figures = [f"{row['drop']:.2f}, {row['agreement']:.1f} %" if row else "" for row in found]
            metric = f"{first['metric']} {100 * first['reference']:.1f} %"
            lines.append([known if known != name else f"**{name}**", metric, f"{first['examples']:,}", *figures])
    titles = (f"{form} {recipe}" for form, recipe in columns)
    return markdown(("drop, agreement", "float32", "examples", *titles), lines, names=2)


def accuracy_verdicts(rows: list[Row], beside: Sequence[Row] = ()) -> str:
    """Say of each recipe with a bound on which models it breaks it.

    Args:
        rows: Of the models.
        beside: Rows of the models that those were made of, whose agreement is told too.
    """
    usual = {(row["name"], row["format"], row["recipe"]): row["agreement"] for row in beside if "agreement" in row}
    sentences = []
    for (form, recipe), group in groups(rows, "format", "recipe").items():
        if recipe not in ACCURACY_BOUNDS:
            continue
        most, least = ACCURACY_BOUNDS[recipe]
        missed = []
        for row in group:
            if row["drop"] > most or row["agreement"] < least:
                before = usual.get((row["name"].partition(".")[0], form, recipe))
                as_trained = "" if before is None else f"; as trained {before:.2f} %"
                missed.append(f"{row['name']} (drop {row['drop']:.2f}, agreement {row['agreement']:.2f} %{as_trained})")
        verdict = f"misses it on {', '.join(missed)}" if missed else f"keeps it on all {len(group)} models"
        sentences.append(f"- {form} `{recipe}`: at most {most} points and at least {least:g} % agreement; {verdict}.")
    return "\n".join(sentences)


def scale_page(result: dict[str, Any]) -> str:
    """Show the growth, and what a billion texts take, by what each text added between the runs on Ray."""
    rows = result["rows"]
    grown = markdown(
        ("texts", "engine", "processor time, s", "wall time, s", "largest process, MB", "workers killed"),
        (
            [
                f"{row['texts']:,}",
                row["engine"],
                f"{row['processor_s']:,.1f}",
                f"{row['wall_s']:,.0f}",
                f"{row['peak_mb']:.0f}",
                row["killed"],
            ]
            for row in rows
        ),
        names=2,
    )
    on_ray = [row for row in rows if row["engine"] != "one process"]
    least, most = (choose(on_ray, key=lambda row: row["texts"]) for choose in (min, max))
    seconds = (most["processor_s"] - least["processor_s"]) / (most["texts"] - least["texts"])
    hours = BILLION * seconds / 3600
    billion = markdown(
        ("cores", "hours", "memory of the workers, GB", f"at {CORE_HOUR} a core and hour"),
        (
            [cores, f"{hours / cores:,.1f}", f"{cores * most['peak_mb'] / 1000:,.0f}", f"{hours * CORE_HOUR:,.0f}"]
            for cores in (16, 64, 256)
        ),
        names=0,
    )
    told = (
        f"From {least['texts']:,} to {most['texts']:,} texts on Ray each one added {1000 * seconds:.2f} ms of "
        f"processor time: {1 / seconds:,.0f} texts a second and core. A billion of them come to {hours:,.0f} core "
        "hours. The price is an assumption, in any currency; put in your own, and the speed of your own model "
        "([benchmarks](benchmarks.md))."
    )
    return f"{grown}\n\n{measured_on(result)}\n\n{told}\n\n{billion}"


def where_tables(rows: list[Row]) -> str:
    """A table for each shape: milliseconds of each part of a call, and its share of the whole."""
    tables = []
    for (shape,), group in groups(rows, "shape").items():
        cells = {(row["part"], row["engine"], row["tokens"]): row["ms"] for row in group}
        columns = [key for key in groups(group, "engine", "tokens") if ("whole call", *key) in cells]
        lines = [[part, *(where_cell(cells, part, column) for column in columns)] for (part,) in groups(group, "part")]
        titles = [f"{engine}, {tokens} tokens" for engine, tokens in columns]
        tables.append(f"{shape}: ms, and share of the whole call\n\n{markdown(('', *titles), lines)}")
    return "\n\n".join(tables)


def where_cell(cells: dict[tuple, float], part: str, column: tuple) -> str:
    value, whole = cells.get((part, *column)), cells[("whole call", *column)]
    return "" if value is None else f"{value:.3g} ({100 * value / whole:.0f} %)"


def replace_between_markers(path: Path, text: str, name: str = "figures") -> None:
    first, last = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, begin, rest = path.read_text("utf-8").partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise SystemExit(f"{path} has no {first} ... {last} to write the figures between")
    path.write_text(f"{before}{first}\n{text}\n{last}{after}", "utf-8")


@dataclass(frozen=True)
class SoakTable:
    """One table of the soak: rows of a part that have a key, and of these what under which title."""

    title: str
    part: str
    key: str
    names: int
    columns: dict[str, str]


SOAK = (
    SoakTable(
        "Requests from 4 threads",
        "requests",
        "growth_percent",
        1,
        {
            "format": "",
            "requests": "requests",
            "errors": "errors",
            "texts_per_second": "a second",
            "resident_mb_at_10_percent": "MB after a tenth",
            "resident_mb_at_the_end": "MB at the end",
            "growth_percent": "growth, %",
        },
    ),
    SoakTable(
        "The same by length: wall time of a request, and processor time of its thread, in ms",
        "requests",
        "tokens",
        1,
        {
            "format": "",
            "tokens": "tokens",
            "requests": "requests",
            "wall_p50_ms": "wall, median",
            "wall_p99_ms": "p99",
            "wall_ratio": "p99 : median",
            "thread_cpu_p50_ms": "processor, median",
            "thread_cpu_p99_ms": "p99",
            "thread_cpu_ratio": "p99 : median",
        },
    ),
    SoakTable(
        "One list of 1,000 texts, in turns",
        "pool",
        "way",
        2,
        {
            "format": "",
            "way": "",
            "texts_per_second": "texts a second",
            "cpu_ms_a_text": "processor, ms a text",
            "times_one_process": "times one process (median of turns)",
            "best_by_best": "best turn by best turn",
        },
    ),
    SoakTable(
        "Memory of all workers of a pool (PSS), MB",
        "memory",
        "pss_mb_of_2",
        2,
        {"format": "", "shape": "", "pss_mb_of_1": "1 worker", "pss_mb_of_2": "2 workers"},
    ),
)
# benchmark -> its tables in results/README.md; any other is printed row by row
TABLES: dict[str, Callable[[list[Row]], str]] = {
    "latency": latency_tables,
    "peers": peers_tables,
    "accuracy": accuracy_tables,
    "small_shape": small_shape_table,
    "where": where_tables,
    "soak": soak_tables,
}
# a line of the summary -> its digits, and what stands in it of each side: the name there, and the key
OURS, OPTIMUM, TRANSFORMERS = (
    "roformer-edge int8-dynamic",
    "optimum pipeline int8 dynamic",
    "transformers pipeline fp32",
)
SUMMARY = (
    ("model file, MB", ".1f", ((OURS, "model_mb"), ("optimum int8 dynamic", "model_mb"), ("", ""))),
    (
        "64 tokens on one thread, ms",
        ".1f",
        (("roformer-edge ONNX", "wall_ms"), ("optimum-onnx", "wall_ms"), ("transformers eager fp32", "min_ms")),
    ),
    ("process start to first answer, s", ".2f", tuple((name, "median_s") for name in (OURS, OPTIMUM, TRANSFORMERS))),
    ("memory at the peak, MB", ".0f", tuple((name, "peak_mb") for name in (OURS, OPTIMUM, TRANSFORMERS))),
    (
        "checkpoint to int8 model, s",
        ".1f",
        (("roformer-edge deploy", "median_s"), ("optimum export and quantise", "median_s"), ("", "")),
    ),
)
# benchmark -> its part of the README, in this order
FIGURES: dict[str, Callable[[list[Row]], str]] = {
    "peers": peers_figures,
    "cold_start": cold_start_figures,
    "deploy": deploy_figures,
    "sizes": sizes_figures,
}
# benchmark -> what the README calls it beside its date
FIGURE_NAMES = {"peers": "latencies", "cold_start": "cold starts", "deploy": "deploying", "sizes": "sizes"}

if __name__ == "__main__":
    main()
