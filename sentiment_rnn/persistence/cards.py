"""The card of a model: what a person reads of it, in the ``README.md`` of its folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from sentiment_rnn.architectures.layers import OWN_LAYERS
from sentiment_rnn.presets import LAYER_OPTIONS, character_configs

# The rooms of the folders, which write the cards, import from this one.
if TYPE_CHECKING:
    from sentiment_rnn.persistence.baseline_folder import SavedBaseline
    from sentiment_rnn.persistence.character_folder import SavedCharacterModel
    from sentiment_rnn.persistence.model_folder import SavedModel

# Of a model's provenance, what the command says.
_IN_THE_COMMAND = ("preset", "options", "data_options", "made_by")
# What a model's provenance calls word vectors that came from no file.
_IN_MEMORY = "given in memory"
_SCORES = ("accuracy", "roc_auc", "f1", "log_loss", "calibration_error")


def model_card(name: str, model: SavedModel) -> str:
    """The card of a network that classifies, or that has learned which word comes next.

    Args:
        name: of the folder.
        model: what the folder holds.

    Returns:
        Markdown.
    """
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
        *_origin(model.provenance),
    ]
    if model.metrics:
        lines += ["", *_table_of_scores(model.metrics)]
    if model.provenance.get("continued") is False:
        made_by = model.provenance.get("made_by")
        if not made_by and _took_vectors_in_memory(model.provenance):
            lines += ["", "Trained from Python, with word vectors given in memory."]
        else:
            command = made_by or training_command(model.provenance, model.classes)
            if is_pretrained:
                command += f" --out {quote(name)}"
            lines += _block("Made by:", "sh", command)
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
    if is_pretrained:
        lines += _block("To begin with it:", "sh", _beginning(name, model.provenance))
    else:
        lines += _predicting(name, "sentiment_rnn", "SentimentClassifier")
    lines += [
        "",
        f"Plain Keras reads it too{first}: `keras.models.model_from_json(text)` with the text of "
        "`model.json`, then `load_weights` with `model.weights.h5`; it takes word vectors.",
    ]
    return "\n".join(lines)


def baseline_card(name: str, baseline: SavedBaseline) -> str:
    """The card of a classifier that counts words; arguments as of `model_card`."""
    lines = [
        f"# {name}",
        "",
        f"A classifier that counts words ({baseline.method}), made with sentiment_rnn.",
        "",
        f"- Classes: {', '.join(map(str, baseline.classes))}",
        f"- N-grams: {len(baseline.ngrams):,}",
        *_origin(baseline.provenance),
    ]
    for part, scores in baseline.metrics.items():
        lines.append(f"- Accuracy ({part}, {scores['texts']:,} texts): {scores['accuracy']:.4f}")
    command = training_command(baseline.provenance, baseline.classes)
    lines += _block("Made by:", "sh", command)
    lines += _predicting(name, "sentiment_rnn.baselines", "BaselineClassifier")
    return "\n".join(lines)


def character_card(name: str, model: SavedCharacterModel) -> str:
    """The card of a character language model; arguments as of `model_card`."""
    architecture, unit = model.architecture, model.alphabet.unit
    lines = [
        f"# {name}",
        "",
        "A character language model made with sentiment_rnn.",
        "",
        f"- Network: {architecture.architecture}, {architecture.layers} layers of "
        f"{architecture.units} neurons, {model.network.count_params():,} parameters",
        f"- Alphabet: {len(model.alphabet)} {unit}s",
    ]
    for part, bits in model.metrics.get("bits_per_character", {}).items():
        lines.append(f"- Bits per {unit}, {part}: {bits:.4f}")
    lines += _origin(model.provenance)
    lines += _block("Made by:", "sh", _character_command(model))
    lines += _block("To write:", "sh", f"sentiment-rnn chars sample {name}")
    for sample in model.samples:
        text = (f"    {line}" for line in sample.text.splitlines())
        lines += ["", f"{sample.heading.capitalize()}:", "", *text]
    return "\n".join(lines)


def _origin(provenance: dict[str, Any]) -> list[str]:
    return [
        f"- {key.replace('_', ' ').capitalize()}: {_short(value)}"
        for key, value in provenance.items()
        if key not in _IN_THE_COMMAND
    ]


def _took_vectors_in_memory(provenance: dict[str, Any]) -> bool:
    """Whether there is no command that trains the same model again.

    One that began with a pretrained model took that model's vectors, wherever they are from.
    """
    return "pretrained" not in provenance and provenance.get("vectors") == _IN_MEMORY


def _block(title: str, language: str, *lines: str) -> list[str]:
    return ["", title, "", f"```{language}", *lines, "```"]


def _predicting(name: str, module: str, face: str) -> list[str]:
    return _block(
        "To predict:",
        "python",
        f"from {module} import {face}",
        "",
        f'{face}.load("{name}").predict_proba(["What a film!"])',
    )


def _beginning(name: str, provenance: dict[str, Any]) -> str:
    command = f"sentiment-rnn train --data DATA --preset {provenance['preset']}"
    options = {key: value for key, value in provenance["options"].items() if key in LAYER_OPTIONS}
    return f"{command} --pretrained {quote(name)}{_options(options)}"


def _table_of_scores(metrics: dict[str, Any]) -> list[str]:
    head = "| part | texts | accuracy | its 95 % interval | ROC AUC | F1 | log loss | calibration |"
    lines = [head, "|---" * head.count(" | ") + "|---|"]
    for part, scores in metrics.items():
        accuracy, *figures = (scores.get(key) for key in _SCORES)
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
        command += f" --pretrained {quote(str(provenance['pretrained']))}"
    elif "vectors" in provenance:
        command += f" --vectors {quote(str(provenance['vectors']))}"
    command += f" --seed {provenance['seed']}"
    if provenance.get("trained_on", {}).get("taught"):
        command += " --teacher DIR"
    return command + _options({**provenance["options"], **before})


def _character_command(model: SavedCharacterModel) -> str:
    """The command that trains the same model again; where the text lies is the user's to say."""
    command = f"sentiment-rnn chars train FILE --out DIR --seed {model.provenance.get('seed')}"
    if model.alphabet.unit == "byte":
        command += " --unit byte"
    kept = dataclasses.asdict(model.architecture) | dataclasses.asdict(model.training)
    usual: dict[str, Any] = {}
    for config in character_configs(model.architecture.architecture):
        usual |= dataclasses.asdict(config)
    # The others follow from it.
    del usual["architecture"]
    return command + _options(
        {name: value for name, value in kept.items() if name not in usual or value != usual[name]}
    )


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


def _short(value: object) -> str:
    """A value of the provenance as a model card has it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
