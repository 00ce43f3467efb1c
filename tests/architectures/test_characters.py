import pytest

from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig, character_network


@pytest.mark.parametrize("architecture", ["simple", "lstm", "gru", "hidden-feedback"])
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


def test_the_two_early_architectures_are_those_of_the_document():
    hidden = character_network(
        CharacterArchitectureConfig("hidden-feedback", 1, 100), symbols=27, batch_size=32
    )
    shapes = {weight.name: weight.shape for weight in hidden.weights() if weight.layer == 0}
    assert shapes == {"kernel": (27, 100), "recurrent_kernel": (200, 100), "bias": (2, 100)}
    assert hidden.layers[0]["activation"] == "relu"
    assert hidden.count_params() == 2_700 + 20_000 + 200 + 200 * 27 + 27
    output = character_network(
        CharacterArchitectureConfig("output-feedback", 1, 50), symbols=27, batch_size=64
    )
    assert [layer.class_name for layer in output.layers] == ["OutputFeedbackRNN"]
    assert output.layers[0]["activation"] == "tanh"
    assert output.output_shape == build_network(output).output_shape == (64, None, 27)


def test_hidden_feedback_that_is_added_up_is_a_simple_rnn():
    config = CharacterArchitectureConfig("hidden-feedback", 1, 7, merge_mode="sum")
    recurrent, _ = character_network(config, symbols=11, batch_size=4).layers
    assert (recurrent.class_name, recurrent["activation"]) == ("SimpleRNN", "relu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"architecture": "rnn"},
            "architecture must be one of simple, lstm, gru, hidden-feedback, output-feedback. "
            "Received: 'rnn'",
        ),
        ({"merge_mode": "ave"}, "merge_mode must be one of concat, sum. Received: 'ave'"),
        ({"merge_mode": "sum"}, "an option of hidden-feedback. Expected concat. Received: 'sum'"),
        ({"architecture": "output-feedback"}, "there is one, without dropout. Received: layers 2"),
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
