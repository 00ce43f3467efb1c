"""The suites: each module lists comparisons of one kind."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from benchmarks.measuring import Comparison
from benchmarks.settings import Settings

SUITES = (
    "training",
    "prediction",
    "preprocessing",
    "memory",
    "startup",
    "growth",
    "accuracy",
    "shortcuts",
    "characters",
)


def comparisons(suite: str, settings: Settings) -> Sequence[Comparison]:
    """The comparisons of a suite; nothing is run or loaded before they are measured."""
    return importlib.import_module(f"benchmarks.suites.{suite}").comparisons(settings)
