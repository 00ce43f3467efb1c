"""What was measured, as Markdown to read and as JSON to compute with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.measuring import Result, SideResult, slope


def to_json(suite: str, machine: Mapping[str, Any], results: Sequence[Result]) -> str:
    """Everything that was measured: the seconds of every call, and what was made of them."""
    ceiling = machine["ceiling_gflops"]
    found = []
    for result in results:
        sides = [
            {**asdict(side), **_derived(side, result, ceiling)}
            if not side.skipped
            else asdict(side)
            for side in result.sides
        ]
        record = {**asdict(result), "sides": sides}
        if result.variable:
            record["slopes"] = slopes(result)
        found.append(record)
    return json.dumps({"suite": suite, "machine": dict(machine), "comparisons": found}, indent=1)


def to_markdown(suite: str, machine: Mapping[str, Any], results: Sequence[Result]) -> str:
    """A table for each comparison, after what it was measured on."""
    parts = [f"# Benchmark: {suite}", describe(machine)]
    for result in results:
        work = f"{result.work[0].upper()}{result.work[1:]}."
        if result.operations is not None:
            work += f" Its equations ask for {number(result.operations / 1e9)} GFLOP."
        table = _growth_table(result) if result.variable else _table(result, machine)
        parts += [f"## {result.name}", work, table]
        parts += [
            f"{side.name}: skipped, as it {side.skipped}." for side in result.sides if side.skipped
        ]
        if result.meaning:
            parts.append(result.meaning)
    return "\n\n".join(part for part in parts if part) + "\n"


def describe(machine: Mapping[str, Any]) -> str:
    """The machine in a few lines."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    threads = ", ".join(f"{name} {count}" for name, count in machine["threads"].items())
    memory = "" if machine["memory_gb"] is None else f", {machine['memory_gb']} GB of memory"
    rounds = machine.get("rounds")
    lines = [
        f"{machine['processor']}, {machine['cores']} cores{memory}, {machine['system']}; "
        f"Python {machine['python']}.",
        f"{versions}. Threads: {threads}.",
        f"Ceiling: {machine['ceiling_gflops']:,.0f} GFLOP/s, a float32 matrix product by "
        f"{machine['ceiling_by']}. Load before the run: {machine['load']}.",
        "" if rounds is None else f"Data: {machine['data']}. At most {rounds} rounds; medians.",
    ]
    return "\n".join(filter(None, lines))


def slopes(result: Result) -> dict[str, float]:
    """The exponent of growth of each line that has two points or more."""
    found = {}
    for line, points in result.points().items():
        if len({at for at, _ in points}) > 1:
            found[line] = slope(points)
    return found


def _derived(side: SideResult, result: Result, ceiling: float) -> dict[str, float | None]:
    return {
        "median": side.median,
        "ratio": side.ratio,
        "ratio_lowest": min(side.ratios),
        "ratio_highest": max(side.ratios),
        "per_second": None if result.amount is None else result.amount / side.median,
        "gflops": side.gflops,
        "share_of_ceiling": None if side.gflops is None else side.gflops / ceiling,
    }


def _table(result: Result, machine: Mapping[str, Any]) -> str:
    measured = result.measured
    if not measured:
        return ""
    columns: dict[str, list[str]] = {
        "": [side.name for side in measured],
        "seconds": [number(side.median) for side in measured],
    }
    if result.amount is not None:
        columns[f"{result.unit}/s"] = [number(result.amount / side.median) for side in measured]
    # One round says nothing of the spread.
    if len(measured) > 1 and any(len(side.ratios) > 1 for side in measured):
        columns["times as long"] = [_ratio(side) for side in measured]
    if any(side.operations for side in measured):
        ceiling = machine["ceiling_gflops"]
        columns["GFLOP"] = [number(_scaled(side.operations, 1e-9)) for side in measured]
        columns["GFLOP/s"] = [number(side.gflops) for side in measured]
        columns["of the ceiling"] = [
            "" if side.gflops is None else f"{side.gflops / ceiling:.1%}" for side in measured
        ]
    for name in dict.fromkeys(name for side in measured for name in side.figures):
        columns[name] = [_figure(side.figures.get(name)) for side in measured]
    return _markdown(columns)


def _growth_table(result: Result) -> str:
    """Lines of the growth as columns, with their other figures and their slopes."""
    lines = result.lines()
    if not lines:
        return ""
    places = sorted({side.at for side in result.measured if side.at is not None})
    columns = {result.variable: [*(f"{place:,.0f}" for place in places), "**slope**"]}
    exponents = slopes(result)
    for line, sides in lines.items():
        seconds = {side.at: number(side.median) for side in sides}
        exponent = f"**{exponents[line]:.2f}**" if line in exponents else ""
        end = "" if result.figure else exponent
        columns[f"{line}, s"] = [*(seconds.get(place, "") for place in places), end]
        for name in dict.fromkeys(name for side in sides for name in side.figures):
            found = {side.at: number(side.figures.get(name)) for side in sides}
            end = exponent if name == result.figure else ""
            columns[f"{line}, {name}"] = [*(found.get(place, "") for place in places), end]
    return _markdown(columns)


def _markdown(columns: Mapping[str, Sequence[str]]) -> str:
    rows = [list(columns), ["---", *["---:"] * (len(columns) - 1)]]
    rows += [list(row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(value: float | None) -> str:
    """As `number`; shares, such as accuracies, with four digits."""
    return f"{value:.4f}" if value is not None and 0 < value < 1 else number(value)


def _ratio(side: SideResult) -> str:
    if min(side.ratios) == max(side.ratios) == 1:
        return "1"
    lowest, middle, highest = map(number, (min(side.ratios), side.ratio, max(side.ratios)))
    return middle if len(side.ratios) == 1 else f"{middle} ({lowest} to {highest})"


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def number(value: float | None) -> str:
    """Three digits, or all before the point.

    Example:
        >>> number(0.01234), number(1.2), number(12_345.6), number(None)
        ('0.0123', '1.20', '12,346', '')
    """
    if value is None:
        return ""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    if abs(value) >= 1:
        return f"{value:.2f}"
    return f"{value:.3g}"
