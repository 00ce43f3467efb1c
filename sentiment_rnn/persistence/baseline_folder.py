"""The folder of a classifier that counts words, by the rules of model folders: no pickle."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentiment_rnn._files import atomic_folder, restore_folder
from sentiment_rnn._trusted import as_object, shown
from sentiment_rnn.errors import DataError, ModelError, ResourceError
from sentiment_rnn.persistence.cards import baseline_card
from sentiment_rnn.persistence.folders import (
    BASELINE_FILES,
    CARD_FILE,
    FORMAT,
    OWN_FILES,
    check_replaceable,
    is_baseline_folder,
    is_model_folder,
    read_classes,
    read_object,
    verify_checksums,
    write_checksums,
    write_json,
    write_text,
)
from sentiment_rnn.preprocessing.word_vectors import WordVectors

_CONFIG, _METRICS, _NGRAMS = BASELINE_FILES


@dataclass(frozen=True)
class SavedBaseline:
    """What such a folder holds.

    Args:
        method: how n-grams are counted.
        classes: the labels, in the order of their probabilities.
        ngrams: of each n-gram the numbers that are known of it: its factor, and what it adds.
        offset: what is added to all.
        provenance: where it comes from: seed, data, versions.
        metrics: scores by the name of the part of the data.
    """

    method: str
    classes: tuple[int | str, ...]
    ngrams: WordVectors
    offset: list[float]
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def save_baseline(baseline: SavedBaseline, folder: str | Path) -> None:
    """Writes a folder; one that is there already is replaced in one step.

    Args:
        baseline: what to save.
        folder: where.

    Raises:
        ResourceError: if it can't be written. What was there before is then untouched.
    """
    path = Path(folder)
    check_replaceable(path, is_baseline_folder(path) or is_model_folder(path), "no model folder")
    config = {
        "format": FORMAT,
        "method": baseline.method,
        "classes": list(baseline.classes),
        "offset": baseline.offset,
        "provenance": baseline.provenance,
    }
    with atomic_folder(path, replaced=OWN_FILES) as new:
        write_json(new / _CONFIG, config)
        write_json(new / _METRICS, baseline.metrics)
        baseline.ngrams.save(new / _NGRAMS)
        write_text(new / CARD_FILE, baseline_card(path.name, baseline))
        write_checksums(new)


def load_baseline(folder: str | Path, *, methods: tuple[str, ...]) -> SavedBaseline:
    """Reads a folder without running code from it.

    Args:
        folder: where.
        methods: those that there are.

    Raises:
        ModelError: if there is none, or it is damaged, or not to be trusted.
    """
    path = Path(folder)
    restore_folder(path)
    if not path.is_dir():
        raise ModelError(f"Expected a model folder. There is none at {path}")
    try:
        verify_checksums(path, BASELINE_FILES)
        config = read_object(path / _CONFIG)
        if config.get("format") != FORMAT or config.get("method") not in methods:
            raise ModelError(
                f"{path / _CONFIG}: expected format {FORMAT} and a method among "
                f"{', '.join(methods)}. Received: {shown(config.get('format'))} and "
                f"{shown(config.get('method'))}"
            )
        classes = read_classes(config, path / _CONFIG)
        offset, outputs = config.get("offset"), 1 if len(classes) == 2 else len(classes)
        if (
            not isinstance(offset, list)
            or len(offset) != outputs
            or not all(map(_is_float, offset))
        ):
            raise ModelError(f"{path / _CONFIG}: expected an offset of {outputs} numbers.")
        ngrams = WordVectors.load(path / _NGRAMS)
        if ngrams.vector_size != 1 + outputs or ngrams.scales is not None:
            raise ModelError(
                f"{path / _NGRAMS}: expected {1 + outputs} numbers of each n-gram. Received: "
                f"{ngrams.vector_size}"
            )
        return SavedBaseline(
            method=config["method"],
            classes=classes,
            ngrams=ngrams,
            offset=offset,
            provenance=as_object(config.get("provenance"), f"{path / _CONFIG}: provenance"),
            metrics=read_object(path / _METRICS),
        )
    except (DataError, ResourceError) as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror or error}") from error


def _is_float(value: object) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    # A whole number of a file may be larger than any float.
    return abs(value) <= sys.float_info.max
