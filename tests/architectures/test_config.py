import dataclasses
import itertools

import pytest

from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.architectures.builder import build_network


def make(maxlen=400, **options):
    return sentiment_network(ArchitectureConfig(**options), maxlen=maxlen, vector_size=300)


def test_parameters_of_the_textbook():
    network = make()
    assert [layer.class_name for layer in network.layers] == [
        "SimpleRNN",
        "Dropout",
        "Flatten",
        "Dense",
    ]
    sizes = [len(network.weights()), network.count_params()]
    assert sizes == [5, 37_551]
    assert network.count_params() == 17_550 + 20_001
    assert make(units=100).count_params() == 80_101
    assert build_network(network).count_params() == 37_551


def test_parameters_of_the_bidirectional_textbook_network():
    network = make(maxlen=100, units=10, bidirectional=True)
    assert network.count_params() == 2 * (300 * 10 + 10 * 10 + 10) + (100 * 20 + 1)


@pytest.mark.parametrize(
    ("cell", "layers", "bidirectional", "head"),
    list(
        itertools.product(("simple", "lstm", "gru"), (1, 3), (False, True), ("last", "mean", "max"))
    ),
)
def test_every_combination_is_built(cell, layers, bidirectional, head):
    options = {"cell": cell, "layers": layers, "bidirectional": bidirectional, "head": head}
    model = build_network(make(maxlen=0, units=3, **options))
    assert model.output_shape == (None, 1)
    assert sum("dropout" not in layer.name for layer in model.layers) >= layers + 1


def test_go_backwards_is_for_the_lowest_layer():
    network = make(go_backwards=True, layers=2)
    assert [layer["go_backwards"] for layer in network.layers if layer.is_recurrent] == [
        True,
        False,
    ]


def test_a_stateful_network_has_a_fixed_batch_of_windows():
    config = ArchitectureConfig(stateful=True, window=50, head="last", masking=True)
    network = sentiment_network(config, maxlen=400, vector_size=8, batch_size=16)
    assert network.batch_shape == (16, 50, 8)
    assert network.is_stateful
    assert not make().is_stateful


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "rnn"}, "cell must be one of simple, lstm, gru. Received: 'rnn'"),
        ({"head": "top"}, "head must be one of flatten, last, mean, max"),
        ({"units": 0}, "units must be a whole number from 1 to 1,000,000. Received: 0"),
        ({"layers": 0}, "layers must be a whole number"),
        ({"dropout": 1}, "dropout must be at least 0 and below 1. Received: 1"),
        ({"masking": 1}, "masking must be true or false"),
        ({"vector_length": -1}, "vector_length must be above 0 and below 1,000,000. Received: -1"),
        ({"masking": True}, "the head flatten has weights for each of them"),
        ({"bidirectional": True, "go_backwards": True}, "leave go_backwards out"),
        (
            {"go_backwards": True, "masking": True, "head": "mean"},
            "take one layer and the head last, or bidirectional",
        ),
        (
            {"go_backwards": True, "masking": True, "head": "last", "layers": 2},
            "would skip other steps than the padding",
        ),
        ({"stateful": True}, "stateful and window go together"),
        ({"window": 5}, "stateful and window go together"),
        (
            {"stateful": True, "window": 5, "bidirectional": True},
            "A stateful network reads forwards",
        ),
    ],
)
def test_the_config_checks_itself(options, message):
    with pytest.raises(ValueError, match=message):
        ArchitectureConfig(**options)


def test_the_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ArchitectureConfig().units = 3  # type: ignore[misc]
