"""The model folder: everything that predicting needs, written whole or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn._files import atomic_folder, restore_folder
from sentiment_rnn._trusted import as_object, shown
from sentiment_rnn.architectures.config import ArchitectureConfig
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.errors import DataError, ModelError, ResourceError
from sentiment_rnn.persistence.cards import model_card
from sentiment_rnn.persistence.folders import (
    CARD_FILE,
    CHARACTER_KIND,
    CONFIG_FILE,
    FORMAT,
    METRICS_FILE,
    MODEL_FILES,
    NETWORK_FILE,
    OWN_FILES,
    VECTORS_FILE,
    WEIGHTS_FILE,
    check_replaceable,
    config_from,
    is_baseline_folder,
    is_character_folder,
    is_model_folder,
    read_classes,
    read_history,
    read_object,
    verify_checksums,
    write_checksums,
    write_history,
    write_json,
    write_network,
    write_text,
)
from sentiment_rnn.persistence.keras_json import read_network
from sentiment_rnn.persistence.keras_weights import read_weights
from sentiment_rnn.preprocessing.preprocessor import PreprocessingConfig
from sentiment_rnn.preprocessing.word_vectors import WordVectors
from sentiment_rnn.training.config import TrainingConfig


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
    check_replaceable(path, is_model_folder(path) or is_baseline_folder(path), "no model folder")
    config = {
        "format": FORMAT,
        "classes": list(model.classes),
        "preprocessing": dataclasses.asdict(model.preprocessing),
        "architecture": _as_dict(model.architecture),
        "training": _as_dict(model.training),
        "provenance": model.provenance,
    }
    with atomic_folder(path, replaced=OWN_FILES) as new:
        write_network(new, model.network, model.weights)
        write_json(new / CONFIG_FILE, config)
        model.word_vectors.save(new / VECTORS_FILE)
        write_json(new / METRICS_FILE, model.metrics)
        write_history(new, model.history)
        write_text(new / CARD_FILE, model_card(path.name, model))
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


def _read_folder(path: Path) -> SavedModel:
    verify_checksums(path, MODEL_FILES)
    config = _read_config(path / CONFIG_FILE)
    saved = read_network(path / NETWORK_FILE)
    word_vectors = WordVectors.load(path / VECTORS_FILE)
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
        weights=read_weights(path / WEIGHTS_FILE, saved),
        word_vectors=word_vectors,
        history=read_history(path),
        metrics=read_object(path / METRICS_FILE),
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


def _as_dict(config: ArchitectureConfig | TrainingConfig | None) -> dict[str, Any] | None:
    return None if config is None else dataclasses.asdict(config)


def _from_dict(kind: type, values: object, path: Path) -> Any:
    return None if values is None else config_from(kind, values, f"{path}: {kind.__name__}")
