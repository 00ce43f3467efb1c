"""What is written without Keras is what Keras writes."""

import json

import h5py
import keras
import numpy as np
import pytest

from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig, character_network
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.persistence.keras_json import read_network
from sentiment_rnn.persistence.keras_weights import read_weights
from sentiment_rnn.persistence.keras_writer import network_json, write_weights

CELLS = ["SimpleRNN", "LSTM", "GRU"]
MANY = {"units": 3, "return_sequences": True}


def layers(*given):
    return NetworkSpec((None, 7, 4), tuple(LayerSpec(*layer) for layer in given))


NETWORKS = {
    "textbook": sentiment_network(ArchitectureConfig(), maxlen=9, vector_size=4),
    "windows": sentiment_network(
        ArchitectureConfig(stateful=True, window=5, head="last", masking=True),
        maxlen=0,
        vector_size=4,
        batch_size=3,
    ),
    "without biases": layers(
        ("LSTM", {**MANY, "use_bias": False, "activation": "relu"}),
        ("Dense", {"units": 2, "use_bias": False, "activation": "softmax"}),
    ),
    "settings": layers(
        ("Masking", {"mask_value": -1.0}),
        ("GRU", {**MANY, "reset_after": False, "go_backwards": True, "dropout": 0.25}),
        ("GRU", {**MANY, "zero_output_for_mask": True, "recurrent_dropout": 0.5}),
        ("GlobalAveragePooling1D",),
    ),
    "masked pooling": layers(
        ("Masking",),
        ("LSTM", MANY),
        ("MaskedPooling1D", {"mode": "mean_max"}),
        ("Dense", {"units": 1}),
    ),
    **{
        f"{cell}, {'all' if sequences else 'last'}, {mode}": layers(
            (
                "Bidirectional",
                {
                    "layer": LayerSpec(cell, {"units": 3, "return_sequences": sequences}),
                    "merge_mode": mode,
                },
            ),
            *([("GlobalMaxPooling1D",)] if sequences else []),
            ("Dropout", {"rate": 0.5}),
            ("Dense", {"units": 1}),
            ("Dense", {"units": 1}),
        )
        for cell in CELLS
        for sequences, mode in ((True, "concat"), (False, "ave"))
    },
    **{
        architecture: character_network(
            CharacterArchitectureConfig(architecture, count, 5, 0.1 if count > 1 else 0.0),
            symbols=6,
            batch_size=2,
        )
        for architecture, count in (
            ("simple", 1),
            ("lstm", 3),
            ("gru", 2),
            ("hidden-feedback", 1),
            ("output-feedback", 1),
        )
    },
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_the_json_is_that_of_keras(network):
    ours = json.dumps(network_json(network))
    # By way of Keras, as a later release may write settings that this one does not know.
    again = json.loads(keras.models.model_from_json(ours).to_json())
    assert again == json.loads(build_network(network).to_json())
    if keras.__version__ == "3.15.1":
        assert ours == build_network(network).to_json()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_the_weights_are_those_of_keras(tmp_path, network):
    random = np.random.default_rng(0)
    weights = [
        random.standard_normal(weight.shape).astype(np.float32) for weight in network.weights()
    ]
    model = build_network(network, weights)
    model.save_weights(tmp_path / "keras.weights.h5")
    write_weights(tmp_path / "ours.weights.h5", network, weights)
    assert contents(tmp_path / "ours.weights.h5") == contents(tmp_path / "keras.weights.h5")
    other = build_network(network)
    other.load_weights(tmp_path / "ours.weights.h5")
    for one, two in zip(other.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, two)


def contents(path):
    found = {}

    def note(name, item):
        is_array = isinstance(item, h5py.Dataset)
        found[name] = (
            dict(item.attrs),
            (str(item.dtype), item[()].tolist()) if is_array else None,
        )

    with h5py.File(path) as file:
        file.visititems(note)
        return dict(file.attrs), found


def test_numbers_of_another_type_are_written_as_keras_has_them(tmp_path):
    network = layers(("SimpleRNN", {"units": 2}))
    weights = [np.full(weight.shape, 0.1) for weight in network.weights()]
    write_weights(tmp_path / "ours.weights.h5", network, weights)
    with h5py.File(tmp_path / "ours.weights.h5") as file:
        assert file["layers/simple_rnn/cell/vars/0"].dtype == np.float32
    with pytest.raises(ValueError, match="zip"):
        write_weights(tmp_path / "ours.weights.h5", network, weights[:2])


def test_numbers_of_16_bits_take_half_the_size(tmp_path):
    network = layers(("LSTM", {"units": 50}), ("Dense", {"units": 1}))
    random = np.random.default_rng(0)
    weights = [
        random.standard_normal(weight.shape).astype(np.float16).astype(np.float32)
        for weight in network.weights()
    ]
    half, whole = tmp_path / "half.weights.h5", tmp_path / "whole.weights.h5"
    write_weights(half, network, weights)
    model = build_network(network)
    model.load_weights(half)
    (tmp_path / "model.json").write_text(model.to_json())
    read = read_weights(half, read_network(tmp_path / "model.json"))
    for one, two, three in zip(model.get_weights(), read, weights, strict=True):
        assert two.dtype == np.float32
        np.testing.assert_array_equal(one, three)
        np.testing.assert_array_equal(two, three)
    # One that 16 bits don't hold, or have no room for, is enough.
    for other in (0.1, 1e5):
        weights[-1][0] = other
        write_weights(whole, network, weights)
        numbers = sum(array.size for array in weights)
        assert abs(whole.stat().st_size - half.stat().st_size - 2 * numbers) < 500
