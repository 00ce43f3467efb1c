import pytest

from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.errors import UsageError
from sentiment_rnn.presets import CHARACTER_OPTIONS, OPTIONS, PRESETS, Preset


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
    assert len(OPTIONS) == 6 + 11 + 8
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
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(UsageError, match=message):
        PRESETS["textbook"].replace(**options)


def test_no_option_of_character_models_is_in_two_configs():
    assert len(CHARACTER_OPTIONS) == 5 + 13
