import dataclasses

import pytest

from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.errors import UsageError
from sentiment_rnn.preprocessing import PreprocessingConfig
from sentiment_rnn.presets import (
    CHARACTER_OPTIONS,
    OPTIONS,
    PRESETS,
    Preset,
    character_configs,
    find_preset,
    write_preset,
)
from sentiment_rnn.training.config import CharacterTrainingConfig, TrainingConfig


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_network(name):
    preset = PRESETS[name]
    network = sentiment_network(
        preset.architecture,
        maxlen=preset.preprocessing.maxlen,
        vector_size=300,
        batch_size=preset.training.batch_size,
    )
    assert network.output_shape[-1] == 1
    by = "random" if name == "textbook" else "film"
    assert preset.training.validate_by == by


def test_no_option_is_in_two_configs():
    configs = (PreprocessingConfig, ArchitectureConfig, TrainingConfig)
    assert len(OPTIONS) == sum(len(dataclasses.fields(config)) for config in configs)
    assert set(Preset().replace(units=3, maxlen=5, epochs=7).changes_from(Preset())) == {
        "units",
        "maxlen",
        "epochs",
    }


def test_replacing_leaves_the_preset_as_it_is():
    assert PRESETS["textbook"].replace(units=3).architecture == ArchitectureConfig(units=3)
    assert PRESETS["textbook"].architecture == ArchitectureConfig()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": 3}, "Unknown option: unit"),
        ({"maxlen": 0}, "need masking, so that the padding of a batch does not count"),
        ({"maxlen": 0, "head": "mean"}, "need masking"),
        ({"units": -1}, "units must be a whole number from 1"),
        ({"schedule": "linear"}, "schedule must be one of constant, cosine. Received: 'linear'"),
        ({"word_dropout": 1}, "word_dropout must be at least 0 and below 1. Received: 1"),
        (
            {"adversarial": -0.1, "engine": "numpy"},
            "adversarial must be at least 0 and below 1,000,000. Received: -0.1",
        ),
        ({"adversarial": True, "engine": "numpy"}, "adversarial must be .* Received: True"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(UsageError, match=message):
        PRESETS["textbook"].replace(**options)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_comes_back_from_its_file(name, tmp_path):
    preset = PRESETS[name].replace(learning_rate=0.1 + 0.2)
    write_preset(tmp_path / "own.json", preset)
    assert find_preset(tmp_path / "own.json") == preset
    assert find_preset(str(tmp_path / "own.json")) == preset
    assert find_preset(name) == PRESETS[name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"units": 8, "unit": 3}', "own.json: Unknown option: unit"),
        ('{"self": 8}', "own.json: Unknown option: self"),
        ('{"units": 8.5}', "own.json: units must be a whole number from 1"),
        ('{"units": true}', "own.json: units must be a whole number from 1"),
        ('{"units": 1, "units": 2}', "expected each key once. Received twice: 'units'"),
        (
            '{"learning_rate": "0.1"}',
            "learning_rate must be above 0 and below 1,000,000. Received: '0.1'",
        ),
        ('{"learning_rate": NaN}', "own.json: expected finite numbers. Received: NaN"),
        (
            '{"vector_length": null}',
            "vector_length must be above 0 and below 1,000,000. Received: None",
        ),
        ('{"head": ["last"]}', "head must be one of flatten, last"),
        ('{"masking": true}', "own.json: masking skips steps"),
        ("[]", "own.json: expected an object. Received: an array"),
        ("{", "own.json: expected JSON"),
        (" " * 70_000, "own.json: expected at most 65,536 bytes. Received: 70,000"),
        (None, "own.json is missing"),
    ],
)
def test_files_that_are_no_preset(text, message, tmp_path):
    if text is not None:
        (tmp_path / "own.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        find_preset(tmp_path / "own.json")


def test_a_name_that_is_neither_a_preset_nor_a_file():
    expected = "'lstm'. Expected one of: textbook, .*pretrained; or a file, NAME.json"
    with pytest.raises(UsageError, match=expected):
        find_preset("lstm")


def test_words_of_windows_are_not_dropped():
    with pytest.raises(UsageError, match="A stateful network reads windows of them"):
        PRESETS["stateful"].replace(word_dropout=0.1)
    with pytest.raises(UsageError, match="adversarial is for whole texts. A stateful network"):
        PRESETS["stateful"].replace(adversarial=0.1)


def test_no_option_of_character_models_is_in_two_configs():
    assert len(CHARACTER_OPTIONS) == 5 + 14


@pytest.mark.parametrize(
    ("architecture", "shape", "training"),
    [
        ("lstm", (2, 128), CharacterTrainingConfig()),
        (
            "hidden-feedback",
            (1, 100),
            CharacterTrainingConfig(
                optimizer="adadelta",
                learning_rate=2.5,
                learning_rate_decay=0.75,
                decay_steps=80_000,
                decay_after=0,
                clip_norm=1.25,
                batch_size=32,
                window=40,
            ),
        ),
        (
            "output-feedback",
            (1, 50),
            CharacterTrainingConfig(
                optimizer="sgd",
                learning_rate=2.5,
                learning_rate_decay=0.1,
                decay_steps=5_000,
                decay_after=0,
                clip_norm=1.25,
                batch_size=64,
                window=20,
            ),
        ),
    ],
)
def test_character_models_are_trained_as_their_sources_say(architecture, shape, training):
    configs = character_configs(architecture)
    assert (configs[0].layers, configs[0].units) == shape
    assert configs[1] == training
    assert character_configs(architecture, units=7)[0].units == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 3}, "Character models have no option 'rate'"),
        ({"units": 0}, "units must be a whole number from 1"),
        ({"window": 0}, "window must be a whole number from 1"),
        ({"learning_rate_decay": 1000}, "above 0 and at most 1: the rate falls. Received: 1000"),
    ],
)
def test_options_of_character_models_that_make_no_sense(options, message):
    with pytest.raises(UsageError, match=message):
        character_configs("lstm", **options)
