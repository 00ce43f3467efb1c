import pytest

from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig, character_network


@pytest.mark.parametrize("architecture", ["simple", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_network_is_the_one_that_keras_makes(architecture, layers):
    config = CharacterArchitectureConfig(architecture, layers, 7, 0.5)
    network = character_network(config, symbols=11, batch_size=4)
    model = build_network(network)
    assert model.count_params() == network.count_params()
    assert model.output_shape == network.output_shape == (4, None, 11)
    names = [layer.class_name for layer in network.layers]
    assert names.count("Dropout") == layers
    assert all(layer["stateful"] for layer in network.layers if layer.is_recurrent)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "rnn"}, "architecture must be one of simple, lstm, gru. Received: 'rnn'"),
        ({"layers": 5}, "layers must be a whole number from 1 to 4. Received: 5"),
        ({"units": 0}, "units must be a whole number from 1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1. Received: 1.0"),
    ],
)
def test_the_config_checks_itself(options, message):
    with pytest.raises(ValueError, match=message):
        CharacterArchitectureConfig(**options)


def test_a_network_too_large_to_be_saved_is_refused():
    with pytest.raises(ValueError, match="take fewer units or layers"):
        character_network(CharacterArchitectureConfig(units=20_000), symbols=100, batch_size=1)
