"""The model folder: everything that predicting needs, written whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from sentiment_rnn._files import atomic_folder, restore_folder
from sentiment_rnn.architectures.config import ArchitectureConfig
from sentiment_rnn.architectures.layers import OWN_LAYERS, NetworkSpec
from sentiment_rnn.errors import DataError, ModelError, ResourceError
from sentiment_rnn.persistence.keras_json import read_network
from sentiment_rnn.persistence.keras_weights import read_weights
from sentiment_rnn.persistence.keras_writer import network_json, write_weights
from sentiment_rnn.persistence.trusted import (
    as_list,
    as_object,
    as_text,
    check_keys,
    read_json,
    shown,
)
from sentiment_rnn.preprocessing.preprocessor import PreprocessingConfig
from sentiment_rnn.preprocessing.word_vectors import WordVectors
from sentiment_rnn.presets import LAYER_OPTIONS
from sentiment_rnn.training.config import TrainingConfig

FORMAT = 1
MOST_CLASSES = 1000
_LARGEST_JSON = 1 << 20
# Of any file of a folder: GoogleNews's three million vectors fit in.
_LARGEST_FILE = 1 << 32
NETWORK_FILE, _WEIGHTS, _CONFIG = "model.json", "model.weights.h5", "config.json"
_VECTORS, _HISTORY, _METRICS = "word_vectors.npz", "history.csv", "metrics.json"
_CHECKSUMS = "checksums.json"
# Of a folder with a classifier that counts words: a model of either kind may replace the other.
BASELINE_FILES = (_CONFIG, _METRICS, "ngrams.npz")
# Likewise of a character language model, and what its config says that it is.
CHARACTER_FILES = (NETWORK_FILE, _WEIGHTS, _CONFIG, _METRICS)
CHARACTER_KIND = "character language model"
# Such a config holds all samples, of which a long training may write thousands.
_LARGEST_CHARACTER_CONFIG = 1 << 26
_NEEDED = (NETWORK_FILE, _WEIGHTS, _CONFIG, _VECTORS, _METRICS)


@dataclass(frozen=True)
class SavedModel:
    """What a model folder holds.

    Args:
        network: the layers.
        weights: their arrays in the order of ``network.weights()``.
        word_vectors: the vocabulary.
        preprocessing: how texts become ids.
        classes: the labels, in the order of their probabilities.
        architecture: the config that the network was made from; None for a converted one.
        training: how it was trained; None for a converted one.
        provenance: where it comes from: seed, data, versions.
        history: ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy`` of each epoch.
        metrics: scores by the name of the part of the data.
    """

    network: NetworkSpec
    weights: Sequence[np.ndarray]
    word_vectors: WordVectors
    preprocessing: PreprocessingConfig
    classes: tuple[int | str, ...]
    architecture: ArchitectureConfig | None = None
    training: TrainingConfig | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def save_model(model: SavedModel, folder: str | Path) -> None:
    """Writes a model folder; one that is there already is replaced in one step.

    Args:
        model: what to save.
        folder: where.

    Raises:
        ResourceError: if it can't be written. What was there before is then untouched.
    """
    path = Path(folder)
    if path.exists() and not (is_model_folder(path) or is_baseline_folder(path)):
        raise ResourceError(f"{path} is there and is no model folder: it is not overwritten.")
    config = {
        "format": FORMAT,
        "classes": list(model.classes),
        "preprocessing": dataclasses.asdict(model.preprocessing),
        "architecture": _as_dict(model.architecture),
        "training": _as_dict(model.training),
        "provenance": model.provenance,
    }
    with atomic_folder(path) as new:
        write_network(new, model.network, model.weights)
        write_json(new / _CONFIG, config)
        model.word_vectors.save(new / _VECTORS)
        write_json(new / _METRICS, model.metrics)
        write_history(new, model.history)
        write_text(new / "README.md", _model_card(path.name, model))
        write_checksums(new)


def load_model(folder: str | Path) -> SavedModel:
    """Reads a model folder without running code from it or importing Keras.

    Args:
        folder: where.

    Raises:
        ModelError: if there is none, or it is damaged, or not to be trusted.
    """
    path = Path(folder)
    restore_folder(path)
    if not path.is_dir():
        raise ModelError(f"Expected a model folder. There is none at {path}")
    if is_baseline_folder(path):
        raise ModelError(
            f"{path} holds a classifier that counts words, and no network. Expected a network.\n"
            "`sentiment-rnn evaluate` takes both, as does `predict` without --explain, --page and "
            "--document; in Python BaselineClassifier.load reads it."
        )
    if not is_model_folder(path) and is_character_folder(path):
        raise ModelError(
            f"{path} holds a {CHARACTER_KIND}. Expected one that classifies.\n"
            "`sentiment-rnn chars` has the commands for it; in Python CharLanguageModel.load "
            "reads it."
        )
    try:
        return _read_folder(path)
    except (DataError, ResourceError) as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror or error}") from error


def is_model_folder(path: str | Path) -> bool:
    """Whether a folder has the files of a model folder."""
    return all((Path(path) / name).is_file() for name in _NEEDED)


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


def read_character_config(path: Path) -> dict[str, Any]:
    """What the config of a character model's folder says."""
    _check_own(path, _CONFIG)
    place = path / _CONFIG
    return as_object(read_json(place, max_bytes=_LARGEST_CHARACTER_CONFIG), str(place))


def _read_folder(path: Path) -> SavedModel:
    verify_checksums(path)
    config = _read_config(path / _CONFIG)
    saved = read_network(path / NETWORK_FILE)
    word_vectors = WordVectors.load(path / _VECTORS)
    if word_vectors.vector_size != saved.network.batch_shape[2]:
        raise ModelError(
            f"{path}: the network takes vectors of {saved.network.batch_shape[2]} numbers. "
            f"Received word vectors of {word_vectors.vector_size}."
        )
    outputs, classes = saved.network.output_shape[1:], config["classes"]
    if outputs != (len(classes),) and (outputs, len(classes)) != ((1,), 2):
        raise ModelError(
            f"{path}: expected a network with an output a class, or one output for two classes. "
            f"Received: outputs {outputs} for {len(classes)} classes"
        )
    steps = saved.network.batch_shape[1]
    if steps is not None and not saved.network.is_stateful:
        maxlen = config["preprocessing"].maxlen
        if maxlen != steps:
            raise ModelError(
                f"{path}: the network reads {steps} tokens of a text. Received: maxlen {maxlen}"
            )
    return SavedModel(
        network=saved.network,
        weights=read_weights(path / _WEIGHTS, saved),
        word_vectors=word_vectors,
        history=read_history(path),
        metrics=read_object(path / _METRICS),
        **config,
    )


def _read_config(path: Path) -> dict[str, Any]:
    config = read_object(path)
    if config.get("format") != FORMAT:
        raise ModelError(
            f"{path}: expected model format {FORMAT}. Received: {shown(config.get('format'))}; a "
            "newer release of sentiment_rnn may read it."
        )
    try:
        return {
            "classes": read_classes(config, path),
            "preprocessing": config_from(
                PreprocessingConfig, config["preprocessing"], f"{path}: preprocessing"
            ),
            "architecture": _from_dict(ArchitectureConfig, config["architecture"], path),
            "training": _from_dict(TrainingConfig, config["training"], path),
            "provenance": as_object(config["provenance"], f"{path}: provenance"),
        }
    except KeyError as error:
        raise ModelError(f"{path}: {error} is missing.") from error


def _as_label(label: object, where: str) -> int | str:
    if isinstance(label, int) and abs(label) < 1 << 53:  # truth values as well
        return label
    text = as_text(label, where)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ModelError(f"{where}: expected Unicode text. Received: {shown(text)}") from None
    return text


# What folders of all kinds of models have in common


def read_classes(config: dict[str, Any], path: Path) -> tuple[int | str, ...]:
    """The labels of a classifier, from its ``config.json``."""
    if "classes" not in config:
        raise ModelError(f"{path}: 'classes' is missing.")
    where = f"{path}: classes"
    classes = as_list(config["classes"], where, longest=MOST_CLASSES)
    if len(classes) < 2 or len({str(label) for label in classes}) < len(classes):
        raise ModelError(f"{where}: expected at least two labels, each once.")
    return tuple(_as_label(label, where) for label in classes)


def write_network(folder: Path, network: NetworkSpec, weights: Sequence[np.ndarray]) -> None:
    """Writes the two files that plain Keras reads."""
    write_json(folder / NETWORK_FILE, network_json(network))
    write_weights(folder / _WEIGHTS, network, weights)


def read_network_and_weights(folder: Path) -> tuple[NetworkSpec, list[np.ndarray]]:
    """Reads them again, without Keras."""
    saved = read_network(folder / NETWORK_FILE)
    return saved.network, read_weights(folder / _WEIGHTS, saved)


def write_checksums(folder: Path) -> None:
    """Notes what each file is, after the last has been written."""
    write_json(folder / _CHECKSUMS, {file.name: _sha256(file) for file in sorted(folder.iterdir())})


def verify_checksums(path: Path, needed: Sequence[str] = _NEEDED) -> None:
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
        if _sha256(path / name) != checksums.get(name):
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _as_dict(config: ArchitectureConfig | TrainingConfig | None) -> dict[str, Any] | None:
    return None if config is None else dataclasses.asdict(config)


def _from_dict(kind: type, values: object, path: Path) -> Any:
    return None if values is None else config_from(kind, values, f"{path}: {kind.__name__}")


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
        plot_history(history).savefig(folder / "history.png", dpi=120, metadata={"Software": None})


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


def _model_card(name: str, model: SavedModel) -> str:
    what = "A sentiment classifier made with sentiment_rnn."
    is_pretrained = "pretraining" in model.provenance
    if is_pretrained:
        what = (
            "A network that has learned which word comes next, made with sentiment_rnn. It knows "
            "of no class yet."
        )
    lines = [
        f"# {name}",
        "",
        what,
        "",
        f"- Classes: {', '.join(map(str, model.classes))}",
        f"- Network: {' → '.join(_describe(layer) for layer in model.network.layers)}, "
        f"{model.network.count_params():,} parameters",
        f"- Vocabulary: {len(model.word_vectors):,} words, vectors of "
        f"{model.word_vectors.vector_size} numbers",
        f"- Reads {model.preprocessing.maxlen or 'all'} known tokens of a text",
    ]
    for key, value in model.provenance.items():
        if key in ("preset", "options", "data_options", "made_by"):
            continue
        lines.append(f"- {key.replace('_', ' ').capitalize()}: {short(value)}")
    if model.metrics:
        lines += ["", *_card_of_scores(model.metrics)]
    if model.provenance.get("continued") is False:
        made_by = model.provenance.get("made_by")
        command = made_by or training_command(model.provenance, model.classes)
        if is_pretrained:
            command += f" --out {quote(name)}"
        lines += ["", "Made by:", "", "```sh", command, "```"]
        calibrated_on = model.provenance.get("calibrated_on")
        # By temperature_scaling it was on validation texts, and is part of the command.
        if isinstance(calibrated_on, dict) and "texts" in calibrated_on and not made_by:
            lines += ["", "Then calibrated in Python, by `SentimentClassifier.calibrate`."]
    modules = sorted(
        {OWN_LAYERS[one.class_name] for one in model.network.layers if one.class_name in OWN_LAYERS}
    )
    first = (
        f", once it has imported {' and '.join(f'`{one}`' for one in modules)}" if modules else ""
    )
    lines += [
        "",
        *(_beginning(name, model.provenance) if is_pretrained else _predicting(name)),
        "",
        f"Plain Keras reads it too{first}: `keras.models.model_from_json(text)` with the text of "
        "`model.json`, then `load_weights` with `model.weights.h5`; it takes word vectors.",
    ]
    return "\n".join(lines)


def _predicting(name: str) -> list[str]:
    return [
        "To predict:",
        "",
        "```python",
        "from sentiment_rnn import SentimentClassifier",
        "",
        f'SentimentClassifier.load("{name}").predict_proba(["What a film!"])',
        "```",
    ]


def _beginning(name: str, provenance: dict[str, Any]) -> list[str]:
    command = f"sentiment-rnn train --data DATA --preset {provenance['preset']}"
    options = {key: value for key, value in provenance["options"].items() if key in LAYER_OPTIONS}
    return [
        "To begin with it:",
        "",
        "```sh",
        f"{command} --pretrained {quote(name)}{_options(options)}",
        "```",
    ]


def _card_of_scores(metrics: dict[str, Any]) -> list[str]:
    head = "| part | texts | accuracy | its 95 % interval | ROC AUC | F1 | log loss | calibration |"
    lines = [head, "|---" * head.count(" | ") + "|---|"]
    for part, scores in metrics.items():
        accuracy, *figures = (scores.get(key) for key in _CARD_SCORES)
        ends = scores.get("accuracy_interval")
        cells = [
            "-" if accuracy is None else f"{accuracy:.4f}",
            "-" if ends is None else f"{ends[0]:.4f} to {ends[1]:.4f}",
            *("-" if figure is None else f"{figure:.4f}" for figure in figures),
        ]
        lines.append(f"| {part} | {scores.get('texts', '-')} | {' | '.join(cells)} |")
    for part, scores in metrics.items():
        by_length = scores.get("accuracy_by_length")
        if by_length:
            lines += ["", f"Accuracy by length ({part}), in tokens that the model knows:", ""]
            lines += ["| tokens | texts | accuracy |", "|---|---|---|"]
            for one in by_length:
                lines.append(
                    f"| {one['from']} to {one['to']} | {one['texts']} | {one['accuracy']:.4f} |"
                )
    return lines


_CARD_SCORES = ("accuracy", "roc_auc", "f1", "log_loss", "calibration_error")


def training_command(provenance: dict[str, Any], classes: Sequence[Any]) -> str:
    """The command that trains the same model again; where the data lies is the user's to say."""
    # What a network learns before it learns classes is a command of its own.
    before = provenance.get("pretraining", {})
    verb = "pretrain" if before else "train"
    of_data = provenance.get("data_options", {})
    if list(classes) != [0, 1]:
        of_data = {"multiclass": True, **of_data}
    command = f"sentiment-rnn {verb} --data DATA{_options(of_data)}"
    command += f" --preset {provenance['preset']}"
    if "pretrained" in provenance:
        command += f" --pretrained {provenance['pretrained']}"
    elif "vectors" in provenance:
        command += f" --vectors {provenance['vectors']}"
    command += f" --seed {provenance['seed']}"
    if provenance.get("trained_on", {}).get("taught"):
        command += " --teacher DIR"
    return command + _options({**provenance["options"], **before})


def _options(given: dict[str, Any]) -> str:
    """Options as the command line takes them, each after a space.

    Example:
        >>> _options({"label_column": "my stars", "masking": True, "stateful": False})
        " --label-column 'my stars' --masking --no-stateful"
    """
    words = []
    for name, value in given.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f" --{option}" if value else f" --no-{option}")
        else:
            words.append(f" --{option} {quote(str(value))}")
    return "".join(words)


def _describe(layer: Any) -> str:
    cell = layer.cell
    if "units" in cell.config:
        text = f"{cell.class_name}({cell['units']})"
        return f"Bidirectional({text})" if layer is not cell else text
    setting = {"Dropout": "rate", "MaskedPooling1D": "mode"}.get(layer.class_name)
    return f"{layer.class_name}({layer[setting]})" if setting else layer.class_name


def short(value: object) -> str:
    """A value of the provenance as a model card has it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {short(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
