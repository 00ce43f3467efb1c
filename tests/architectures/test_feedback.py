import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from sentiment_rnn.architectures.feedback import HiddenFeedbackRNN, OutputFeedbackRNN

SYMBOLS = 5


def hidden_feedback():
    return model_of(
        HiddenFeedbackRNN(4, return_sequences=True, stateful=True),
        keras.layers.Dense(SYMBOLS, activation="softmax"),
    )


def output_feedback():
    return model_of(
        OutputFeedbackRNN(4, SYMBOLS, return_sequences=True, stateful=True, use_bias=False)
    )


def model_of(*layers):
    return keras.Sequential([keras.Input(batch_shape=(3, None, SYMBOLS)), *layers])


LOAD = """
import keras, numpy, sys, sentiment_rnn.architectures.feedback
folder = sys.argv[1]
model = keras.models.model_from_json(open(f"{folder}/model.json").read())
model.load_weights(f"{folder}/model.weights.h5")
x = numpy.load(f"{folder}/x.npy")
whole = keras.models.load_model(f"{folder}/model.keras")
for one in (model, whole):
    numpy.save(f"{folder}/{one is whole}.npy", one(x))
"""


@pytest.mark.parametrize("make", [hidden_feedback, output_feedback])
def test_plain_keras_in_another_process_loads_it_without_custom_objects(make, tmp_path):
    model = make()
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / "model.weights.h5")
    model.save(tmp_path / "model.keras")
    x = np.eye(SYMBOLS, dtype=np.float32)[np.random.default_rng(0).integers(0, SYMBOLS, (3, 7))]
    np.save(tmp_path / "x.npy", x)
    subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], check=True)
    expected = model(x)
    for way in (False, True):
        np.testing.assert_allclose(np.load(tmp_path / f"{way}.npy"), expected, atol=1e-6)


@pytest.mark.parametrize("make", [hidden_feedback, output_feedback])
def test_the_config_makes_the_same_layer(make):
    layer = make().layers[0]
    config = layer.get_config()
    assert "cell" not in config
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config


def test_hidden_feedback_added_up_is_a_simple_rnn():
    x = np.random.default_rng(0).normal(size=(2, 1, 3)).astype(np.float32)
    side_by_side = HiddenFeedbackRNN(4)
    side_by_side.build(x.shape)
    state = np.random.default_rng(1).normal(size=(2, 8)).astype(np.float32)
    side_by_side.cell.activation = keras.activations.linear
    h = np.asarray(side_by_side(x, initial_state=[state]))
    kernel, recurrent_kernel, _ = side_by_side.get_weights()
    added = keras.layers.SimpleRNN(8, activation="linear", use_bias=False)
    added.build(x.shape)
    zeros = np.zeros_like(recurrent_kernel)
    added.set_weights(
        [
            np.concatenate([kernel, np.zeros_like(kernel)], axis=1),
            np.concatenate([zeros, recurrent_kernel], axis=1),
        ]
    )
    np.testing.assert_allclose(h, added(x, initial_state=[state]), atol=1e-5)


def test_output_feedback_learns_from_the_truth_and_runs_on_its_outputs():
    layer = output_feedback().layers[0]
    x = np.eye(SYMBOLS, dtype=np.float32)[[[0, 1], [1, 1], [2, 1]]]
    forced = np.asarray(layer(x, training=True))
    np.testing.assert_allclose(forced[0, 1], forced[2, 1], atol=1e-7)
    layer.reset_state()
    free = np.asarray(layer(x, training=False))
    assert np.abs(free[0, 1] - free[2, 1]).max() > 1e-5


def test_an_output_of_another_size_than_the_input_is_refused():
    with pytest.raises(ValueError, match="Expected an output_size of 3. Received: 5"):
        OutputFeedbackRNN(4, 5)(np.zeros((2, 7, 3), np.float32))
