"""Training through Keras's distribution API, on devices that JAX makes of processors."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.documents import blocks_of

CODE = """
import json, sys
import keras
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.datasets import load_data

devices = keras.distribution.list_devices()
assert len(devices) == 2, devices
if sys.argv[1] == "two":
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
train, test = load_data("sample")
options = json.loads(sys.argv[2])
classifier = SentimentClassifier(
    engine="keras", units=4, maxlen=40, epochs=2, batch_size=16, dropout=0, **options
)
classifier.fit(train.texts, train.labels)
print(json.dumps([classifier.history_, classifier.predict_proba(test.texts).tolist()]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"cell": "lstm", "head": "mean_max", "masking": True}], ids=str
)
def test_two_devices_give_what_one_gives(options):
    pytest.importorskip("jax")
    flags = "--xla_force_host_platform_device_count=2"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags}
    found = []
    for devices in ("one", "two"):
        done = subprocess.run(
            [sys.executable, "-c", CODE, devices, json.dumps(options)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    (history, probabilities), (other_history, other_probabilities) = found
    assert list(history) == list(other_history)
    for name, values in history.items():
        np.testing.assert_allclose(other_history[name], values, atol=1e-5)
    np.testing.assert_allclose(other_probabilities, probabilities, atol=1e-5)
    assert np.ptp(np.array(probabilities)[:, 1]) > 0.01


@pytest.mark.slow
def test_what_the_documentation_says(tmp_path):
    pytest.importorskip("jax")
    page = ROOT / "docs" / "how-to" / "distribute.md"
    (block,) = blocks_of(page.read_text(encoding="utf-8"), "python")
    done = subprocess.run(
        [sys.executable, "-c", block.text],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 devices, 0.")
    assert (tmp_path / "trained" / "distributed" / "model.weights.h5").is_file()
