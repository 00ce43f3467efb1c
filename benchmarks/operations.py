"""How many floating-point operations a network's equations ask for.

A product of ``(m, k)`` and ``(k, n)`` counts as ``2·m·k·n``. What takes no products, such as tanh,
isn't counted.
"""

from __future__ import annotations

# Sums that a cell forms at each step.
GATES = {"simple": 1, "gru": 3, "lstm": 4}


def projection(tokens: float, features: int, units: int, cell: str = "simple") -> float:
    """Of the inputs' products with the kernel.

    Example:
        >>> projection(400, 300, 50)
        12000000
    """
    return 2 * tokens * features * units * GATES[cell]


def recurrence(tokens: float, units: int, cell: str = "simple") -> float:
    """Of the states' products with the recurrent kernel."""
    return 2 * tokens * units * units * GATES[cell]


def dense(rows: float, inputs: int, outputs: int = 1) -> float:
    """Of a Dense layer on some rows."""
    return 2 * rows * inputs * outputs


def reading(reviews: int, maxlen: int, features: int, units: int, cell: str = "simple") -> float:
    """Of one pass forwards, with all outputs in one Dense layer, as the textbook has it.

    Example:
        >>> reading(1, 400, 300, 50) == 400 * 2 * 50 * (300 + 50) + 2 * 400 * 50
        True
    """
    tokens = reviews * maxlen
    return (
        projection(tokens, features, units, cell)
        + recurrence(tokens, units, cell)
        + dense(reviews, maxlen * units)
    )


def learning(
    reviews: int,
    maxlen: int,
    features: int,
    units: int,
    cell: str = "simple",
    projected: float | None = None,
) -> float:
    """Of a pass forwards and back: each product has two on the way back, one if its input is fixed.

    Args:
        reviews: how many.
        maxlen: steps of each.
        features: numbers in a word vector; the vectors aren't trained.
        units: of the recurrent layer.
        cell: its kind.
        projected: vectors that meet the kernel; one for each step if None.
    """
    tokens = reviews * maxlen
    return (
        2 * projection(tokens if projected is None else projected, features, units, cell)
        + 3 * recurrence(tokens, units, cell)
        + 3 * dense(reviews, maxlen * units)
    )
