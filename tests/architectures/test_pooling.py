import subprocess
import sys

import keras
import numpy as np
import pytest

from sentiment_rnn.architectures.pooling import MaskedPooling1D

LOAD = """
import keras, numpy, sys, sentiment_rnn.architectures.pooling
folder = sys.argv[1]
model = keras.models.model_from_json(open(f"{folder}/model.json").read())
model.load_weights(f"{folder}/model.weights.h5")
x = numpy.load(f"{folder}/x.npy")
numpy.save(f"{folder}/y.npy", model.predict(x, verbose=0))
"""


def test_pooling_is_that_of_the_steps_alone():
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]], bool)
    y = keras.ops.convert_to_numpy(MaskedPooling1D("mean_max")(x, mask=mask))
    for row in (0, 1):
        steps = x[row, mask[row]]
        expected = np.concatenate([steps.mean(axis=0), steps.max(axis=0)])
        np.testing.assert_allclose(y[row], expected, atol=1e-6)
    np.testing.assert_array_equal(y[2], 0)


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="Expected the mode mean, max or mean_max"):
        MaskedPooling1D("min")


def test_plain_keras_reads_it_in_another_process(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            keras.layers.Masking(),
            keras.layers.LSTM(4, return_sequences=True),
            MaskedPooling1D("mean_max"),
            keras.layers.Dense(1),
        ]
    )
    x = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    x[0, 2:] = 0
    x[1] = 0
    expected = model.predict(x, verbose=0)
    assert np.isfinite(expected).all()
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / "model.weights.h5")
    np.save(tmp_path / "x.npy", x)
    subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)
    # The padding doesn't count.
    np.testing.assert_allclose(model.predict(x[:1, :2], verbose=0), expected[:1], atol=1e-6)
