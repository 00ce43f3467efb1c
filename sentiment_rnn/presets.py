"""Named settings of the whole pipeline."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentiment_rnn._files import atomic_file
from sentiment_rnn._trusted import as_object, read_json
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig
from sentiment_rnn.architectures.config import ArchitectureConfig
from sentiment_rnn.errors import ModelError, UsageError
from sentiment_rnn.preprocessing.preprocessor import PreprocessingConfig
from sentiment_rnn.training.config import (
    CharacterTrainingConfig,
    PretrainingConfig,
    TrainingConfig,
)


@dataclass(frozen=True)
class Preset:
    """The three configs that a pipeline is made from.

    Example:
        >>> PRESETS["textbook"].replace(units=100, epochs=4).architecture.units
        100
    """

    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    architecture: ArchitectureConfig = field(default_factory=ArchitectureConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        maxlen, padding = self.preprocessing.maxlen, self.preprocessing.padding
        if self.architecture.stateful and padding != "post":
            raise ValueError(
                "The last window of a text is filled at its end: padding must be post."
            )
        for name in ("word_dropout", "adversarial"):
            if self.architecture.stateful and getattr(self.training, name):
                raise ValueError(
                    f"{name} is for whole texts. A stateful network reads windows of them."
                )
        if not maxlen and not self.architecture.masking:
            # A batch is padded to its longest text, which would change what is said of the others.
            raise ValueError(
                "Texts of any length (maxlen 0) need masking, so that the padding of a batch does "
                "not count."
            )

    def replace(self, /, **options: Any) -> Preset:
        """The same with some options changed, whichever of the three configs they are in.

        Raises:
            UsageError: for an unknown option, or values that don't go together.
        """
        parts = {}
        try:
            for part in dataclasses.fields(self):
                config = getattr(self, part.name)
                names = [option.name for option in dataclasses.fields(config)]
                chosen = {name: options.pop(name) for name in names if name in options}
                parts[part.name] = dataclasses.replace(config, **chosen)
            if options:
                raise ValueError(f"Unknown option: {sorted(options)[0]}")
            return Preset(**parts)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def changes_from(self, other: Preset) -> dict[str, Any]:
        """The options, by name, that differ from those of `other`.

        Example:
            >>> preset = PRESETS["textbook"]
            >>> preset.replace(units=100, maxlen=400).changes_from(preset)
            {'units': 100}
        """
        mine, others = self.options(), other.options()
        return {name: value for name, value in mine.items() if value != others[name]}

    def options(self) -> dict[str, Any]:
        """All options by name."""
        return {
            name: value
            for config in dataclasses.asdict(self).values()
            for name, value in config.items()
        }


def _options_of(*configs: type) -> dict[str, dataclasses.Field[Any]]:
    return {option.name: option for config in configs for option in dataclasses.fields(config)}


# No name of an option is in two of the configs, so that `replace` needs no prefixes.
OPTIONS = _options_of(PreprocessingConfig, ArchitectureConfig, TrainingConfig)
# What is said of a network before it learns classes.
NETWORK_OPTIONS = _options_of(PreprocessingConfig, ArchitectureConfig)
# Those of them that decide which recurrent layers there are, which a pretrained model has settled.
LAYER_OPTIONS = ("cell", "units", "layers", "bidirectional", "go_backwards")
PRETRAINING_OPTIONS = _options_of(PretrainingConfig)
CHARACTER_OPTIONS = _options_of(CharacterArchitectureConfig, CharacterTrainingConfig)

# What the source of an architecture trains it with, where that is not the configs' own.
CHARACTER_PRESETS: dict[str, dict[str, Any]] = {
    "hidden-feedback": {
        "layers": 1,
        "units": 100,
        "optimizer": "adadelta",
        "learning_rate": 2.5,
        "learning_rate_decay": 0.75,
        "decay_steps": 80_000,
        "decay_after": 0,
        "clip_norm": 1.25,
        "batch_size": 32,
        "window": 40,
    },
    "output-feedback": {
        "layers": 1,
        "units": 50,
        "optimizer": "sgd",
        "learning_rate": 2.5,
        "learning_rate_decay": 0.1,
        "decay_steps": 5_000,
        "decay_after": 0,
        "clip_norm": 1.25,
        "batch_size": 64,
        "window": 20,
    },
}


def character_configs(
    architecture: str, **options: Any
) -> tuple[CharacterArchitectureConfig, CharacterTrainingConfig]:
    """The configs of a character model: the options given, and those known for the architecture.

    Args:
        architecture: as in `CharacterArchitectureConfig`.
        **options: keys of `CHARACTER_OPTIONS`.

    Raises:
        UsageError: for an unknown option, or values that make no sense.

    Example:
        >>> shape, training = character_configs("hidden-feedback", epochs=3)
        >>> shape.units, training.optimizer, training.epochs
        (100, 'adadelta', 3)
    """
    unknown = sorted(set(options) - set(CHARACTER_OPTIONS))
    if unknown:
        raise UsageError(f"Character models have no option {unknown[0]!r}.")
    settings = {
        "architecture": architecture,
        **CHARACTER_PRESETS.get(architecture, {}),
        **options,
    }
    shape = {option.name for option in dataclasses.fields(CharacterArchitectureConfig)}
    try:
        return (
            CharacterArchitectureConfig(**{k: v for k, v in settings.items() if k in shape}),
            CharacterTrainingConfig(**{k: v for k, v in settings.items() if k not in shape}),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


_BY_FILM = TrainingConfig(validate_by="film")
_RECOMMENDED = Preset(
    preprocessing=PreprocessingConfig(maxlen=800),
    architecture=ArchitectureConfig(
        cell="lstm",
        units=128,
        bidirectional=True,
        head="mean_max",
        masking=True,
        vector_length=2.5,
    ),
    training=TrainingConfig(
        engine="numpy",
        optimizer="adam",
        learning_rate=0.002,
        schedule="cosine",
        word_dropout=0.1,
        epochs=6,
        batch_size=64,
        validate_by="film",
        patience=6,
    ),
)

PRESETS: dict[str, Preset] = {
    "textbook": Preset(),
    "bidirectional": Preset(
        preprocessing=PreprocessingConfig(maxlen=100),
        architecture=ArchitectureConfig(units=10, bidirectional=True),
        training=_BY_FILM,
    ),
    "stateful": Preset(
        preprocessing=PreprocessingConfig(maxlen=0),
        architecture=ArchitectureConfig(stateful=True, window=100, head="last", masking=True),
        training=_BY_FILM,
    ),
    "recommended": _RECOMMENDED,
    "pretrained": _RECOMMENDED.replace(
        units=256,
        bidirectional=False,
        learning_rate=0.001,
        epochs=4,
        patience=4,
        adversarial=0.05,
    ),
}

# Presets of `train` that are no networks, and have no such settings.
BASELINES = ("nbsvm", "tfidf")

_LARGEST_FILE = 1 << 16


def find_preset(preset: str | Path) -> Preset:
    """The preset of a name, or that of a file.

    Args:
        preset: a key of `PRESETS`; or a file whose name ends in ``.json``: an object with any of
            `OPTIONS`. What it does not say is as in the preset "textbook".

    Raises:
        UsageError: if there is none, or the file has an unknown key or a value that makes no sense.

    Example:
        >>> find_preset("bidirectional").architecture.units
        10
    """
    if preset in PRESETS:
        return PRESETS[str(preset)]
    if preset in BASELINES:
        raise UsageError(
            f"The preset {str(preset)!r} counts words, and has no network. Expected one of: "
            f"{', '.join(PRESETS)}.\nIt is trained by `sentiment-rnn train --preset {preset}`; in "
            f'Python by BaselineClassifier("{preset}").'
        )
    path = Path(str(preset))
    if path.suffix != ".json":
        baselines = " and ".join(BASELINES)
        raise UsageError(
            f"Unknown preset {str(preset)!r}. Expected one of: {', '.join(PRESETS)}; or a file, "
            f"NAME.json.\nTo count words, `sentiment-rnn train` takes {baselines} too."
        )
    try:
        options = as_object(read_json(path, max_bytes=_LARGEST_FILE), str(path))
    except ModelError as error:
        raise UsageError(str(error)) from error
    try:
        return Preset().replace(**options)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def write_preset(path: Path, preset: Preset) -> None:
    """Writes a file that `find_preset` reads: what differs from the preset "textbook".

    Args:
        path: the file, whose name ends in ``.json``.
        preset: the settings.

    Raises:
        ResourceError: if it can't be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "wide.json"
        ...     write_preset(path, Preset().replace(units=100))
        ...     print(path.read_text(), find_preset(path).architecture.units)
        {
         "units": 100
        }
         100
    """
    with atomic_file(path) as temporary:
        options = json.dumps(preset.changes_from(Preset()), indent=1)
        temporary.write_text(options + "\n", encoding="utf-8")
