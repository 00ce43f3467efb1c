"""One page that shows what a character model does while it reads a text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from sentiment_rnn import _pages
from sentiment_rnn._pages import whole
from sentiment_rnn.inspection import CellScore, check_states, rank_cells, top_next, unvarying

Array = np.ndarray

GUESSES = 5
BEST_CELLS = 5


def write_page(
    path: Path,
    text: str,
    states: Array,
    probabilities: Array,
    symbols: Sequence[str],
    *,
    title: str,
    ranking: Sequence[CellScore] | None = None,
) -> None:
    """Writes a web page: a text coloured by any cell of a model, and what the model expected.

    The page needs no other file and no network. Layers and cells are counted from 0, as in
    `states`; ``#layer=1&cell=7`` behind its address opens it at one of them.

    Args:
        path: the file to write, or to replace.
        text: what was read.
        states: each cell after each character, floats ``(characters, layers, units)``. Rounded to
            127 levels on either side of 0, of what the cell itself reaches in the text.
        probabilities: of each symbol to come after each character, floats
            ``(characters, symbols)``. Rounded to 255ths.
        symbols: the character that each of the probabilities is of.
        title: what the page is called.
        ranking: from `rank_cells`, perhaps over a longer text; over this text if there is none.

    Raises:
        ValueError: if shapes don't fit the text and the symbols, or a number is not finite.
        ResourceError: if the file can't be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> states, probabilities = np.zeros((2, 1, 3)), np.full((2, 2), 0.5)
        >>> with TemporaryDirectory() as folder:
        ...     page = Path(folder) / "page.html"
        ...     write_page(page, "ab", states, probabilities, "ab", title="Two letters")
        ...     "<title>Two letters</title>" in page.read_text(encoding="utf-8")
        True

    Source: the pictures of Karpathy, "The Unreasonable Effectiveness of Recurrent Neural
    Networks", 2015, and of Karpathy, Johnson and Fei-Fei, 2015.
    """
    states = check_states(states, text)
    probabilities = np.asarray(probabilities)
    _check_probabilities(probabilities, text, symbols)
    data = {
        **_quantised_states(states),
        **_quantised_guesses(probabilities, symbols),
        **_ranking(states, text, ranking),
        "text": whole(text),
    }
    _pages.write_page(path, "characters.html", title=title, data=data)


def _check_probabilities(probabilities: Array, text: str, symbols: Sequence[str]) -> None:
    expected = (len(text), len(symbols))
    if probabilities.shape != expected or not symbols:
        raise ValueError(
            f"Expected probabilities {expected}, one of each symbol to come after each character. "
            f"Received: {probabilities.shape}"
        )
    # A number that is none is not between 0 and 1 either.
    if not ((probabilities >= 0) & (probabilities <= 1.001)).all():
        raise ValueError(
            "Expected probabilities from 0 to 1. Received: "
            f"{probabilities.min():g} to {probabilities.max():g}"
        )


def _quantised_states(states: Array) -> dict[str, object]:
    count, layers, units = states.shape
    ranges = np.abs(states).max(axis=0).astype(np.float64)
    shares = states / np.where(ranges > 0, ranges, 1)
    # The cells one after the other: neighbours are alike, and a cell is read at once.
    cells = np.rint(shares * 127).astype(np.int8).transpose(1, 2, 0)
    return {
        "layers": layers,
        "units": units,
        "size": f"{count:,} characters; {layers} layers of {units} cells, counted from 0",
        "states": _base64(cells),
        "ranges": [float(f"{limit:.4g}") for limit in ranges.ravel()],
        # Most cells stay between -1 and 1; those of a ReLU don't.
        "scale": max(1.0, float(f"{ranges.max():.2g}")),
    }


def _quantised_guesses(probabilities: Array, symbols: Sequence[str]) -> dict[str, object]:
    ids, best = top_next(probabilities, GUESSES)
    used, places = np.unique(ids, return_inverse=True)
    return {
        "k": ids.shape[1],
        "symbols": [whole(symbols[place]) for place in used],
        "ids": _base64(places.reshape(ids.shape).astype("<u4")),
        "probabilities": _base64(np.rint(best.clip(0, 1) * 255).astype(np.uint8)),
    }


def _ranking(states: Array, text: str, ranking: Sequence[CellScore] | None) -> dict[str, object]:
    if ranking is None:
        ranking = rank_cells(states, text)
        caption = "The best of each, over this text. "
        if missing := unvarying(text):
            caption += f"The same all over it, so not ranked: {', '.join(missing)}. "
    else:
        caption = "The best of each. "
    caption += "“low”: the cell is low where the property holds."
    groups = [
        (name, list(scores)[:BEST_CELLS])
        for name, scores in groupby(ranking, key=lambda score: score.property)
    ]
    sure = [scores[0] for _, scores in groups if scores[0].auc is not None]
    first = max(sure, key=lambda score: score.auc or 0, default=None)
    return {
        "caption": caption,
        "first": [first.layer, first.cell] if first else [0, 0],
        "ranking": [
            {
                "property": whole(name),
                "cells": [
                    [
                        score.layer,
                        score.cell,
                        None if score.auc is None else round(score.auc, 4),
                        round(score.correlation, 4),
                        score.sign < 0,
                    ]
                    for score in scores
                ],
            }
            for name, scores in groups
        ],
    }


def _base64(array: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
