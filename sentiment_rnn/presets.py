"""Named settings of the whole pipeline."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from sentiment_rnn.architectures.characters import CharacterArchitectureConfig
from sentiment_rnn.architectures.config import ArchitectureConfig
from sentiment_rnn.errors import UsageError
from sentiment_rnn.preprocessing.preprocessor import PreprocessingConfig
from sentiment_rnn.training.config import CharacterTrainingConfig, TrainingConfig


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
        if not maxlen and not self.architecture.masking:
            # A batch is padded to its longest text, which would change what is said of the others.
            raise ValueError(
                "Texts of any length (maxlen 0) need masking, so that the padding of a batch does "
                "not count."
            )

    def replace(self, **options: Any) -> Preset:
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
        mine, others = self._options(), other._options()
        return {name: value for name, value in mine.items() if value != others[name]}

    def _options(self) -> dict[str, Any]:
        return {
            name: value
            for config in dataclasses.asdict(self).values()
            for name, value in config.items()
        }


# No name of an option is in two of the configs, so that `replace` needs no prefixes.
OPTIONS: dict[str, dataclasses.Field[Any]] = {
    option.name: option
    for config in (PreprocessingConfig, ArchitectureConfig, TrainingConfig)
    for option in dataclasses.fields(config)
}

CHARACTER_OPTIONS: dict[str, dataclasses.Field[Any]] = {
    option.name: option
    for config in (CharacterArchitectureConfig, CharacterTrainingConfig)
    for option in dataclasses.fields(config)
}

_BY_FILM = TrainingConfig(validate_by="film")

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
}
