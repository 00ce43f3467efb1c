import pytest

from sentiment_rnn.architectures import LayerSpec, NetworkSpec

RNN = LayerSpec("SimpleRNN", {"units": 4, "return_sequences": True})
DENSE = LayerSpec("Dense", {"units": 1, "activation": "sigmoid"})


@pytest.mark.parametrize(
    ("class_name", "config", "message"),
    [
        ("Lambda", {}, "Unknown layer class 'Lambda'. Expected one of: Masking, SimpleRNN"),
        ("Dense", {"unit": 3}, "Dense has no setting 'unit'"),
        ("Dense", {}, "Dense units must be a whole number of at least 1. Received: None"),
        ("LSTM", {"units": 0}, "LSTM units must be a whole number"),
        ("LSTM", {"units": True}, "LSTM units must be a whole number"),
        ("GRU", {"units": 3, "dropout": 1.0}, "GRU dropout must be at least 0 and below 1"),
        ("Dropout", {"rate": "0.2"}, "Dropout rate must be at least 0 and below 1"),
        ("Dense", {"units": 3, "activation": "eval"}, "activation must be one of linear"),
        ("GRU", {"units": 3, "stateful": 1}, "GRU stateful must be true or false. Received: 1"),
        ("Bidirectional", {"layer": DENSE}, "must be a SimpleRNN, LSTM or GRU"),
        ("Bidirectional", {"layer": RNN, "merge_mode": None}, "must be one of concat, sum"),
        ("Masking", {"mask_value": None}, "mask_value must be a number"),
    ],
)
def test_a_layer_checks_itself(class_name, config, message):
    with pytest.raises(ValueError, match=message):
        LayerSpec(class_name, config)


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        ((None, 7, 3), (LayerSpec("Flatten"), RNN), r"expects an input of \(batch, time, feat"),
        ((None, None, 3), (RNN, LayerSpec("Flatten")), "Flatten needs an input of known length"),
        ((None, 7, 3), (), "at least one layer"),
        ((None, 0, 3), (RNN,), "The time size must be at least 1. Received: 0"),
    ],
)
def test_a_network_checks_itself(shape, layers, message):
    with pytest.raises(ValueError, match=message):
        NetworkSpec(shape, layers)


BACKWARDS = LayerSpec("GRU", {"units": 4, "return_sequences": True, "go_backwards": True})


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((LayerSpec("Masking"), LayerSpec("LSTM", {"units": 4}), DENSE), True),
        ((LayerSpec("Masking"), RNN, LayerSpec("GlobalAveragePooling1D"), DENSE), True),
        ((LayerSpec("Masking"), RNN, LayerSpec("GlobalMaxPooling1D"), DENSE), False),
        ((LayerSpec("Masking"), RNN, LayerSpec("Flatten"), DENSE), False),
        ((LayerSpec("Masking"), RNN, LayerSpec("MaskedPooling1D", {"mode": "max"}), DENSE), True),
        ((LayerSpec("Masking", {"mask_value": 1.0}), LayerSpec("LSTM", {"units": 4})), False),
        ((LayerSpec("LSTM", {"units": 4}), DENSE), False),
        ((LayerSpec("Masking"), LayerSpec("LSTM", {"units": 4, "go_backwards": True})), True),
        ((LayerSpec("Masking"), BACKWARDS, LayerSpec("GlobalAveragePooling1D"), DENSE), False),
        ((LayerSpec("Masking"), BACKWARDS, LayerSpec("LSTM", {"units": 4}), DENSE), False),
    ],
)
def test_networks_that_skip_padding(layers, expected):
    assert NetworkSpec((None, 7, 3), layers).skips_padding == expected
