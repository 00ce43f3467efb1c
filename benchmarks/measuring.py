"""How the benchmarks measure: all sides of a comparison in turn, several times after a warm-up.

A machine that is busy with something else slows the sides that run in the same round alike, so that
the ratios within a round say more than the seconds do.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

# What is installed under another name than it is imported by.
PACKAGES = {"fasttext": "fasttext-community", "sklearn": "scikit-learn"}

Call = Callable[[], object]


@dataclass(frozen=True)
class Side:
    """One way to do the work of a comparison.

    Args:
        name: what it is called; no other side of the comparison is.
        prepare: does what is not timed, and gives what is.
        needs: modules that it imports. Without them it is skipped.
        skip: why it is skipped all the same; empty if it isn't.
        operations: counts the floating-point operations that it does, where they are others than
            those of the comparison.
        process: ``"here"``; ``"child"`` for a process of its own, whose start isn't timed; or
            ``"fresh"`` for a new one each round, whose peak memory is a figure.
        environment: variables of that process.
        line: of a growth: what the side is a point of.
        at: of a growth: where on the line it is.
    """

    name: str
    prepare: Callable[[], Call]
    needs: tuple[str, ...] = ()
    skip: str = ""
    operations: Callable[[], float] | None = None
    process: str = "here"
    environment: Mapping[str, str] = field(default_factory=dict)
    line: str = ""
    at: float | None = None

    def __post_init__(self) -> None:
        if self.process not in ("here", "child", "fresh"):
            raise ValueError(
                f"Expected a process of here, child or fresh. Received: {self.process!r}"
            )


@dataclass(frozen=True)
class Comparison:
    """The same work, done in several ways. The first side is what the others are compared with.

    Args:
        name: a few words.
        work: what is done, in a sentence.
        sides: the ways.
        amount: how much of it a call does.
        unit: of what.
        operations: counts the floating-point operations of the work as its equations have them.
        rounds: how often each side is measured, if seldom; as often as the settings say if None.
        warm_up: whether each side runs once before it is measured.
        check: raises AssertionError if what the sides gave, by name, isn't the same.
        variable: of a growth: what ``Side.at`` counts.
        figure: the figure that the chart shows, or of which a growth is one; the seconds if empty.
        meaning: what was measured means, in a sentence, where the table doesn't say it.
    """

    name: str
    work: str
    sides: Sequence[Side]
    amount: float | None = None
    unit: str = ""
    operations: Callable[[], float] | None = None
    rounds: int | None = None
    warm_up: bool = True
    check: Callable[[Mapping[str, Any]], None] | None = None
    variable: str = ""
    figure: str = ""
    meaning: Callable[[Result], str] | None = None

    def __post_init__(self) -> None:
        names = [side.name for side in self.sides]
        if len(set(names)) != len(names):
            raise ValueError(f"Expected sides of different names. Received: {names}")


@dataclass(frozen=True)
class Run:
    """One call: how long it took, what it gave, and figures of the process if it had its own."""

    seconds: float
    output: Any = None
    figures: Mapping[str, float] = field(default_factory=dict)


class Runner(Protocol):
    """A side that is prepared."""

    def run(self) -> Run: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class SideResult:
    """What was measured of a side.

    Args:
        name, line, at: those of the side.
        seconds: of each round.
        ratios: of each round, its seconds over those of the side that it is compared with.
        operations: floating-point operations that it does; None if nobody counted.
        figures: what else was measured, medians by name.
        skipped: why it wasn't measured; empty if it was.
    """

    name: str
    line: str = ""
    at: float | None = None
    seconds: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()
    operations: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    skipped: str = ""

    @property
    def median(self) -> float:
        """Seconds in the middle."""
        return statistics.median(self.seconds)

    @property
    def ratio(self) -> float:
        """The ratio in the middle."""
        return statistics.median(self.ratios)

    @property
    def gflops(self) -> float | None:
        """Achieved 10^9 floating-point operations a second; None if nobody counted."""
        return None if self.operations is None else self.operations / self.median / 1e9


@dataclass(frozen=True)
class Result:
    """What was measured of a comparison, most of it as in `Comparison`."""

    name: str
    work: str
    sides: tuple[SideResult, ...]
    amount: float | None = None
    unit: str = ""
    operations: float | None = None
    variable: str = ""
    figure: str = ""
    meaning: str = ""

    @property
    def measured(self) -> list[SideResult]:
        """The sides that were not skipped."""
        return [side for side in self.sides if not side.skipped]

    def points(self) -> dict[str, list[tuple[float, float]]]:
        """Of each line of a growth, where its points are and what grows there."""
        return {
            line: [
                (side.at or 0.0, side.figures[self.figure] if self.figure else side.median)
                for side in sides
            ]
            for line, sides in self.lines().items()
        }

    def lines(self) -> dict[str, list[SideResult]]:
        """The measured points of each line of a growth."""
        found: dict[str, list[SideResult]] = {}
        for side in self.measured:
            found.setdefault(side.line, []).append(side)
        return found


class Here:
    """A side that runs in this process."""

    def __init__(self, side: Side, clock: Callable[[], float] = time.perf_counter) -> None:
        self._call = side.prepare()
        self._clock = clock

    def run(self) -> Run:
        started = self._clock()
        output = self._call()
        seconds = self._clock() - started
        # What starts another process knows better how long that took.
        return output if isinstance(output, Run) else Run(seconds, output)

    def close(self) -> None:
        pass


def why_skipped(side: Side) -> str:
    """Why a side can't be measured here; empty if it can.

    Example:
        >>> why_skipped(Side("theirs", lambda: print, needs=("math", "no_such_module")))
        'needs the package no_such_module, which is not installed'
    """
    for module in side.needs:
        if importlib.util.find_spec(module) is None:
            return f"needs the package {PACKAGES.get(module, module)}, which is not installed"
    return side.skip


def measure(
    comparison: Comparison,
    rounds: int,
    start: Callable[[Side], Runner] = Here,
    log: Callable[[str], None] = lambda message: None,
) -> Result:
    """Runs all sides in turn, as often as there are rounds, and another side first each time.

    Args:
        comparison: what is measured.
        rounds: how often, if the comparison doesn't say.
        start: prepares a side.
        log: takes messages on how far it is.

    Returns:
        The seconds of every call; ratios are those within a round. In a growth, a point is compared
        with that of the first line at the same place.

    Raises:
        AssertionError: if the check of the comparison finds that the sides do different work.
    """
    skipped = {side.name: why_skipped(side) for side in comparison.sides}
    sides = [side for side in comparison.sides if not skipped[side.name]]
    rounds = min(rounds, comparison.rounds or rounds)
    runs: dict[str, list[Run]] = {side.name: [] for side in sides}
    runners: dict[str, Runner] = {}
    try:
        for side in sides:
            log(f"{comparison.name}: preparing {side.name}")
            runners[side.name] = start(side)
            if comparison.warm_up:
                first = runners[side.name].run()
                log(f"{comparison.name}: {side.name}, {first.seconds:.3g} s to warm up")
                if comparison.check is not None:
                    runs[side.name].append(first)
        if comparison.check is not None:
            comparison.check({name: first.output for name, [first] in runs.items()})
            runs = {side.name: [] for side in sides}
        for number in range(rounds):
            log(f"{comparison.name}: round {number + 1} of {rounds}")
            turn = number % max(1, len(sides))
            for side in sides[turn:] + sides[:turn]:
                runs[side.name].append(runners[side.name].run())
    finally:
        for runner in runners.values():
            runner.close()
    seconds = {name: tuple(run.seconds for run in done) for name, done in runs.items()}
    results = []
    for side in comparison.sides:
        if skipped[side.name]:
            log(f"{comparison.name}: {side.name} is skipped, as it {skipped[side.name]}")
            results.append(SideResult(side.name, side.line, side.at, skipped=skipped[side.name]))
            continue
        reference = next(other for other in sides if other.at == side.at)
        pairs = zip(seconds[side.name], seconds[reference.name], strict=True)
        count = side.operations or comparison.operations
        results.append(
            SideResult(
                side.name,
                side.line,
                side.at,
                seconds[side.name],
                tuple(one / other for one, other in pairs),
                None if count is None else float(count()),
                _median_figures(runs[side.name]),
            )
        )
    result = Result(
        comparison.name,
        comparison.work,
        tuple(results),
        comparison.amount,
        comparison.unit,
        None if comparison.operations is None else float(comparison.operations()),
        comparison.variable,
        comparison.figure,
    )
    if comparison.meaning is None:
        return result
    return Result(**{**vars(result), "meaning": comparison.meaning(result)})


def slope(points: Iterable[tuple[float, float]]) -> float:
    """The exponent by which y grows with x: the slope of a line through the points in log-log.

    Args:
        points: pairs of x and y above 0, of two x or more.

    Example:
        >>> round(slope([(1, 3), (10, 300), (100, 30_000)]), 6)
        2.0
    """
    import numpy as np

    x, y = np.log(np.array(list(points), float)).T
    return float(np.polyfit(x, y, 1)[0])


def _median_figures(runs: Sequence[Run]) -> dict[str, float]:
    """Medians of the figures of the processes, and of the calls that gave figures."""
    values: dict[str, list[float]] = {}
    for run in runs:
        given = run.output if isinstance(run.output, Mapping) else {}
        for name, value in {**run.figures, **given}.items():
            values.setdefault(name, []).append(value)
    return {name: statistics.median(found) for name, found in values.items()}
