"""What the commands that ask cells have in common."""

from __future__ import annotations

import dataclasses
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment_rnn.commands.data import cache_of
from sentiment_rnn.commands.output import format_table
from sentiment_rnn.errors import UsageError

if TYPE_CHECKING:
    import numpy as np


def print_cells(mean_states: Callable[[Sequence[str]], np.ndarray], options: Namespace) -> None:
    """Prints which cells tell the class of texts, each alone and all together.

    Args:
        mean_states: gives what each cell says of texts, ``(texts, layers, units)``.
        options: the data, and how many cells to name.

    Raises:
        UsageError: if the data are a table.
    """
    from sentiment_rnn.datasets import load_data
    from sentiment_rnn.datasets.tables import TABLE_SUFFIXES
    from sentiment_rnn.inspection import linear_probe, rank_by_label

    # Before it is read, as it may lack columns that no option names here.
    if Path(options.data).suffix.lower() in TABLE_SUFFIXES:
        raise UsageError(
            "A probe learns from train texts and is asked of test texts. A table has one part only."
        )
    print(f"loading {options.data}", file=sys.stderr)
    train, test = load_data(options.data, cache=cache_of(options))
    # As all data that are no table.
    assert test is not None
    if options.limit is not None:
        train, test = (part.limit(options.limit, seed=0) for part in (train, test))
    learned, tested = (mean_states(part.texts) for part in (train, test))
    ranking = rank_by_label(learned, train.labels)
    accuracy = linear_probe(learned, train.labels, tested, test.labels)
    # What the best cells are worth is asked of texts that they weren't chosen on.
    again = {(one.layer, one.cell): one for one in rank_by_label(tested, test.labels)}
    best = [again[one.layer, one.cell] for one in ranking[: options.cells]]
    if options.json:
        cells = [dataclasses.asdict(one) for one in best]
        print(json.dumps({"texts": len(test), "probe_accuracy": accuracy, "cells": cells}))
        return
    rows = [
        [f"{one.layer}", f"{one.cell}", f"{one.auc:.4f}", "high" if one.sign > 0 else "low"]
        for one in best
    ]
    print(format_table(["layer", "cell", "AUC", "in positive texts"], rows))
    neurons = learned[0].size
    print(f"\nall {neurons:,} cells together: accuracy {accuracy:.4f} on {len(test):,} test texts")
