"""What folders of all kinds of models have in common: which files, and how these are checked."""

from __future__ import annotations

import csv
import dataclasses
import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn._cache import hash_of_file
from sentiment_rnn._files import is_empty_folder
from sentiment_rnn._trusted import (
    as_list,
    as_object,
    as_text,
    check_keys,
    read_json,
    shown,
)
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.errors import ModelError, ResourceError
from sentiment_rnn.persistence.keras_json import read_network
from sentiment_rnn.persistence.keras_weights import read_weights
from sentiment_rnn.persistence.keras_writer import network_json, write_weights

# Of folders of models that classify.
FORMAT = 1
MOST_CLASSES = 1000
_LARGEST_JSON = 1 << 20
# Of any file of a folder: GoogleNews's three million vectors fit in.
_LARGEST_FILE = 1 << 32
NETWORK_FILE, WEIGHTS_FILE, CONFIG_FILE = "model.json", "model.weights.h5", "config.json"
VECTORS_FILE, METRICS_FILE, CARD_FILE = "word_vectors.npz", "metrics.json", "README.md"
_HISTORY, _PICTURE, _CHECKSUMS = "history.csv", "history.png", "checksums.json"
# What reading needs of the folder of a network that classifies.
MODEL_FILES = (NETWORK_FILE, WEIGHTS_FILE, CONFIG_FILE, VECTORS_FILE, METRICS_FILE)
# Of a folder with a classifier that counts words: a model of either kind may replace the other.
BASELINE_FILES = (CONFIG_FILE, METRICS_FILE, "ngrams.npz")
# Likewise of a character language model, and what its config says that it is.
CHARACTER_FILES = (NETWORK_FILE, WEIGHTS_FILE, CONFIG_FILE, METRICS_FILE)
CHARACTER_KIND = "character language model"
# What may be in a folder of any of them. All else is the user's, and stays where a model replaces
# another.
OWN_FILES = {*MODEL_FILES, *BASELINE_FILES, *CHARACTER_FILES, CARD_FILE}
OWN_FILES |= {_HISTORY, _PICTURE, _CHECKSUMS}
# Such a config holds all samples, of which a long training may write thousands.
_LARGEST_CHARACTER_CONFIG = 1 << 26


def is_model_folder(path: str | Path) -> bool:
    """Whether a folder has the files of a model folder."""
    return all((Path(path) / name).is_file() for name in MODEL_FILES)


def is_baseline_folder(path: str | Path) -> bool:
    """Whether a folder has the files of a classifier that counts words, by `save_baseline`."""
    return all((Path(path) / name).is_file() for name in BASELINE_FILES)


def is_character_folder(path: str | Path) -> bool:
    """Whether a folder has the files of a character model."""
    path = Path(path)
    if not all((path / name).is_file() for name in CHARACTER_FILES):
        return False
    try:
        return read_character_config(path).get("kind") == CHARACTER_KIND
    except ModelError:
        return False


def check_replaceable(path: Path, is_model: bool, what_else: str) -> None:
    """Expects that nothing is at a path, or an empty folder, or a model.

    Args:
        path: where a model is to be saved.
        is_model: whether one is there that may be replaced.
        what_else: what it is if it is no such model.

    Raises:
        ResourceError: if something else is there.
    """
    if path.exists() and not is_model and not is_empty_folder(path):
        raise ResourceError(f"{path} is there and is {what_else}: it is not overwritten.")


def read_character_config(path: Path) -> dict[str, Any]:
    """What the config of a character model's folder says."""
    _check_own(path, CONFIG_FILE)
    place = path / CONFIG_FILE
    return as_object(read_json(place, max_bytes=_LARGEST_CHARACTER_CONFIG), str(place))


def read_classes(config: dict[str, Any], path: Path) -> tuple[int | str, ...]:
    """The labels of a classifier, from its ``config.json``."""
    if "classes" not in config:
        raise ModelError(f"{path}: 'classes' is missing.")
    where = f"{path}: classes"
    classes = as_list(config["classes"], where, longest=MOST_CLASSES)
    if len(classes) < 2 or len({str(label) for label in classes}) < len(classes):
        raise ModelError(f"{where}: expected at least two labels, each once.")
    return tuple(_as_label(label, where) for label in classes)


def _as_label(label: object, where: str) -> int | str:
    if isinstance(label, int) and abs(label) < 1 << 53:  # truth values as well
        return label
    text = as_text(label, where)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ModelError(f"{where}: expected Unicode text. Received: {shown(text)}") from None
    return text


def write_network(folder: Path, network: NetworkSpec, weights: Sequence[np.ndarray]) -> None:
    """Writes the two files that plain Keras reads."""
    write_json(folder / NETWORK_FILE, network_json(network))
    write_weights(folder / WEIGHTS_FILE, network, weights)


def read_network_and_weights(folder: Path) -> tuple[NetworkSpec, list[np.ndarray]]:
    """Reads them again, without Keras."""
    saved = read_network(folder / NETWORK_FILE)
    return saved.network, read_weights(folder / WEIGHTS_FILE, saved)


def write_checksums(folder: Path) -> None:
    """Notes what each file is, after the last has been written."""
    hashes = {file.name: hash_of_file(file) for file in sorted(folder.iterdir())}
    write_json(folder / _CHECKSUMS, hashes)


def verify_checksums(path: Path, needed: Sequence[str]) -> None:
    """Raises a `ModelError` if a file to be read is missing, a link, or not as it was saved.

    Args:
        path: the folder.
        needed: the files that have to be there; the training history may be.
    """
    for name in (_CHECKSUMS, *needed):
        _check_own(path, name)
    checksums = read_object(path / _CHECKSUMS)
    has_history = (path / _HISTORY).exists() or (path / _HISTORY).is_symlink()
    if has_history:
        _check_own(path, _HISTORY)
    for name in (*needed, *([_HISTORY] if has_history else [])):
        if hash_of_file(path / name) != checksums.get(name):
            raise ModelError(f"{path / name} is not as it was saved: its checksum differs.")


def _check_own(path: Path, name: str) -> None:
    """Expects a plain file of a size that can be, before anything opens it.

    A link may lead to any file of whoever loads the folder, a pipe or a device nowhere.
    """
    try:
        status = (path / name).lstat()
    except FileNotFoundError:
        raise ModelError(f"{path} is no whole model folder: {name} is missing.") from None
    if not stat.S_ISREG(status.st_mode):
        what = "a link" if stat.S_ISLNK(status.st_mode) else "something else than a file"
        raise ModelError(f"{path / name}: expected a file of the folder's own. Received {what}.")
    if status.st_size > _LARGEST_FILE:
        raise ModelError(
            f"{path / name}: expected at most {_LARGEST_FILE:,} bytes. Received: {status.st_size:,}"
        )


def config_from(kind: type, values: object, where: str) -> Any:
    """Makes a config, which checks itself, of a JSON object.

    Args:
        kind: a dataclass.
        values: what the file says.
        where: the place that errors name.
    """
    found = as_object(values, where)
    check_keys(found, {part.name for part in dataclasses.fields(kind)}, where)
    try:
        return kind(**found)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where}: {error}") from error


def read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON object of a folder."""
    return as_object(read_json(path, max_bytes=_LARGEST_JSON), str(path))


def write_text(path: Path, text: str) -> None:
    """Writes a text that ends with a line break."""
    # The name of a folder may have bytes that are no text. JSON has the same escapes.
    path.write_text(text.rstrip() + "\n", encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: object) -> None:
    """Writes JSON to be read by people too."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False))


def write_history(folder: Path, history: dict[str, list[float]]) -> None:
    """Writes what was measured after each epoch, as a table and as a picture."""
    with (folder / _HISTORY).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", *history])
        writer.writerows(
            [number, *row] for number, row in enumerate(zip(*history.values(), strict=True), 1)
        )
    if history:
        from sentiment_rnn.plotting import plot_history

        # Without the version that Matplotlib adds, the same history gives the same file.
        plot_history(history).savefig(folder / _PICTURE, dpi=120, metadata={"Software": None})


def read_history(folder: Path) -> dict[str, list[float]]:
    """Reads the table again; an empty one where there is none."""
    path = folder / _HISTORY
    if not path.is_file():
        return {}
    if path.stat().st_size > _LARGEST_JSON:
        raise ModelError(f"{path}: expected at most {_LARGEST_JSON:,} bytes.")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file)
            return {
                name: [float(row[column]) for row in rows]
                for column, name in enumerate(names)
                if name != "epoch"
            }
    except (ValueError, IndexError, csv.Error) as error:
        raise ModelError(f"{path} is no training history: {error}") from error
