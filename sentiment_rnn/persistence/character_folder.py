"""The folder of a character language model: the same files, with an alphabet for a vocabulary."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn._files import atomic_folder, restore_folder
from sentiment_rnn._trusted import (
    as_list,
    as_number,
    as_object,
    as_text,
    as_whole,
    check_keys,
    shown,
)
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.errors import DataError, ModelError, ResourceError
from sentiment_rnn.persistence.cards import character_card
from sentiment_rnn.persistence.folders import (
    CARD_FILE,
    CHARACTER_FILES,
    CHARACTER_KIND,
    CONFIG_FILE,
    METRICS_FILE,
    OWN_FILES,
    check_replaceable,
    config_from,
    is_baseline_folder,
    is_character_folder,
    is_model_folder,
    read_character_config,
    read_history,
    read_network_and_weights,
    read_object,
    verify_checksums,
    write_checksums,
    write_history,
    write_json,
    write_network,
    write_text,
)
from sentiment_rnn.preprocessing.alphabet import Alphabet
from sentiment_rnn.training.character_engine import CharacterSample
from sentiment_rnn.training.config import CharacterTrainingConfig

FORMAT = 1
# No larger than the config that holds them.
_LARGEST_SAMPLES = 1 << 26
_LARGEST_COUNT = 1 << 53
_LONGEST_BEGINNING = 10_000


@dataclass(frozen=True)
class SavedCharacterModel:
    """What the folder holds.

    Args:
        network: the layers.
        weights: their arrays in the order of ``network.weights()``.
        alphabet: the symbols that it knows.
        architecture: the config that the network was made from.
        training: how it was trained.
        provenance: where it comes from: seed, data, versions.
        history: ``loss`` and ``val_loss`` in nats a character and ``learning_rate`` of each epoch.
        metrics: ``bits_per_character`` by the name of the part of the data.
        samples: what it wrote while it was trained.
        beginning: ids of a piece of its text, which it reads before it writes where nothing else is
            given to it; none in folders that know of none.
    """

    network: NetworkSpec
    weights: Sequence[np.ndarray]
    alphabet: Alphabet
    architecture: CharacterArchitectureConfig
    training: CharacterTrainingConfig
    provenance: dict[str, Any] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    samples: tuple[CharacterSample, ...] = ()
    beginning: tuple[int, ...] = ()


def save_character_model(model: SavedCharacterModel, folder: str | Path) -> None:
    """Writes the folder; one that is there already is replaced in one step.

    Raises:
        ResourceError: if it can't be written. What was there before is then untouched.
    """
    path = Path(folder)
    check_replaceable(path, is_character_folder(path), "no character model")
    config = {
        "format": FORMAT,
        "kind": CHARACTER_KIND,
        "alphabet": model.alphabet.to_dict(),
        "architecture": dataclasses.asdict(model.architecture),
        "training": dataclasses.asdict(model.training),
        "provenance": model.provenance,
        "samples": [dataclasses.asdict(sample) for sample in model.samples],
        "beginning": list(model.beginning),
    }
    with atomic_folder(path, replaced=OWN_FILES) as new:
        write_network(new, model.network, model.weights)
        write_json(new / CONFIG_FILE, config)
        write_json(new / METRICS_FILE, model.metrics)
        write_history(new, model.history)
        write_text(new / CARD_FILE, character_card(path.name, model))
        write_checksums(new)


def load_character_model(folder: str | Path) -> SavedCharacterModel:
    """Reads the folder without running code from it or importing Keras.

    Raises:
        ModelError: if there is none, or it is damaged, or not to be trusted.
    """
    path = Path(folder)
    restore_folder(path)
    if not path.is_dir():
        raise ModelError(f"Expected a folder of a character model. There is none at {path}")
    if is_model_folder(path) or is_baseline_folder(path):
        raise ModelError(
            f"{path} holds a model that classifies, which `sentiment-rnn predict` takes. Expected "
            f"a {CHARACTER_KIND}."
        )
    try:
        verify_checksums(path, CHARACTER_FILES)
        config = read_character_config(path)
        if config.get("kind") != CHARACTER_KIND or config.get("format") != FORMAT:
            raise ModelError(
                f"{path}: expected a {CHARACTER_KIND} of format {FORMAT}. Received: "
                f"{shown(config.get('kind'))}, {shown(config.get('format'))}"
            )
        network, weights = read_network_and_weights(path)
        model = SavedCharacterModel(
            network=network,
            weights=weights,
            alphabet=Alphabet.from_dict(as_object(config["alphabet"], f"{path}: alphabet")),
            architecture=config_from(
                CharacterArchitectureConfig, config["architecture"], f"{path}: architecture"
            ),
            training=config_from(CharacterTrainingConfig, config["training"], f"{path}: training"),
            provenance=as_object(config["provenance"], f"{path}: provenance"),
            history=read_history(path),
            metrics=read_object(path / METRICS_FILE),
            samples=_read_samples(config["samples"], f"{path}: samples"),
            beginning=tuple(
                as_whole(one, f"{path}: beginning", least=0, most=_LARGEST_COUNT)
                for one in as_list(
                    config.get("beginning", []), f"{path}: beginning", longest=_LONGEST_BEGINNING
                )
            ),
        )
    except ModelError:
        raise
    except (DataError, ResourceError) as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror or error}") from error
    except KeyError as error:
        raise ModelError(f"{path}: {error} is missing.") from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from error
    symbols = len(model.alphabet)
    if network.batch_shape[2] != symbols or network.output_shape[1:] != (None, symbols):
        raise ModelError(
            f"{path}: expected a network from {symbols} symbols to as many at each step. "
            f"Received: {network.batch_shape[2]} to {network.output_shape[1:]}"
        )
    if max(model.beginning, default=0) >= symbols:
        raise ModelError(
            f"{path}: beginning: expected ids below {symbols}. Received: {max(model.beginning)}"
        )
    return model


def _read_samples(saved: object, where: str) -> tuple[CharacterSample, ...]:
    samples = []
    for number, item in enumerate(as_list(saved, where, longest=_LARGEST_SAMPLES), start=1):
        place = f"{where}: {number}"
        # Models saved before a sample had a step of its own have one text an epoch.
        found = {"text": item, "epoch": number} if isinstance(item, str) else as_object(item, place)
        check_keys(found, {part.name for part in dataclasses.fields(CharacterSample)}, place)
        step, losses = found.get("step"), [found.get(name) for name in ("loss", "val_loss")]
        samples.append(
            CharacterSample(
                as_text(found["text"], place, longest=_LARGEST_SAMPLES),
                as_whole(found["epoch"], place, least=1, most=_LARGEST_COUNT),
                None if step is None else as_whole(step, place, least=1, most=_LARGEST_COUNT),
                *(None if x is None else as_number(x, place, least=0, most=1e9) for x in losses),
            )
        )
    return tuple(samples)
