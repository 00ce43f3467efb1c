"""Prediction with the shipped model: this package, plain Keras on the same files, and torch.

    python -m benchmarks.prediction --data imdb --reviews 4000

All sides run in turn, several times after a warm-up; printed are medians and their ratio. Keras
predicts in batches of 32 unless it is told otherwise; 256 suit it better, which is what the sides
from text take. torch is left out where it is not installed.
"""

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.timing import interleaved
from sentiment_rnn import SentimentClassifier
from sentiment_rnn._shipped import shipped
from sentiment_rnn.datasets import load_data

MODEL = shipped("models") / "textbook"
TEXT = "A moving, beautifully acted film."
KERAS_PROCESS = """
import sys, keras, numpy as np
from nltk.tokenize import TreebankWordTokenizer
folder, text = sys.argv[1:]
with open(folder + "/model.json") as file:
    model = keras.models.model_from_json(file.read())
model.load_weights(folder + "/model.weights.h5")
with np.load(folder + "/word_vectors.npz") as file:
    words = file["words"].tobytes().decode().split("\\n")
    vectors = file["vectors"] * file["scales"][:, None]
index = {word: row for row, word in enumerate(words)}
rows = [index[token] for token in TreebankWordTokenizer().tokenize(text) if token in index][:400]
x = np.zeros((1, 400, 300), "float32")
x[0, : len(rows)] = vectors[rows]
print(model.predict(x, verbose=0))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="sample")
    parser.add_argument("--reviews", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    _, test = load_data(options.data)
    assert test is not None
    texts = test.limit(options.reviews, seed=0).texts
    print(f"{len(texts):,} reviews, {options.repeats} repeats, medians")
    compare_engines(texts, options.repeats)
    compare_starts(options.repeats)


def compare_engines(texts: Sequence[str], repeats: int) -> None:
    """From ids, and from raw text behind this package's tokenizer and behind nltk's."""
    import keras
    from nltk.tokenize import TreebankWordTokenizer

    classifier = SentimentClassifier.load(MODEL)
    preprocessor = classifier.preprocessor
    network = keras.models.model_from_json((MODEL / "model.json").read_text())
    network.load_weights(MODEL / "model.weights.h5")
    matrix = preprocessor.embedding_matrix()
    embedding = keras.layers.Embedding(*matrix.shape, weights=[matrix])
    model = keras.Sequential([keras.Input((400,), dtype="int32"), embedding, network])
    nltk_tokenizer = TreebankWordTokenizer()
    encoded = preprocessor.encode(texts)
    padded = preprocessor.pad(encoded)

    def by_keras(ids: np.ndarray, batch_size: int) -> np.ndarray:
        return model.predict(ids, batch_size=batch_size, verbose=0)

    def keras_behind_nltk() -> np.ndarray:
        tokens = map(nltk_tokenizer.tokenize, (text.replace("<br />", "\n") for text in texts))
        return by_keras(preprocessor.pad(preprocessor.encode_tokens(tokens)), 256)

    sides: dict[str, Callable[[], np.ndarray]] = {
        "from ids: this package": lambda: classifier._output(encoded),
        "from ids: Keras, batches of 32": lambda: by_keras(padded, 32),
        "from ids: Keras, batches of 256": lambda: by_keras(padded, 256),
    }
    try:
        by_torch = torch_network(classifier._weights, matrix)
    except ImportError:
        print("torch is not installed: left out")
    else:
        sides["from ids: torch, batches of 32"] = lambda: by_torch(padded, 32)
        sides["from ids: torch, batches of 256"] = lambda: by_torch(padded, 256)
    sides |= {
        "from text: this package": lambda: classifier.predict_proba(texts)[:, 1:],
        "from text: Keras, same tokenizer": lambda: by_keras(
            preprocessor.pad(preprocessor.encode(texts)), 256
        ),
        "from text: Keras behind nltk": keras_behind_nltk,
    }
    outputs = {name: side() for name, side in sides.items()}
    for name, output in outputs.items():
        expected = outputs["from ids: this package"]
        np.testing.assert_allclose(output, expected, atol=1e-5, err_msg=name)
    seconds = interleaved(sides, repeats)
    for kind in ("from ids", "from text"):
        names = [name for name in sides if name.startswith(kind)]
        for name in names:
            ratio = seconds[name] / seconds[names[0]]
            print(f"{name:<34} {len(texts) / seconds[name]:>9,.0f} reviews/s   1 / {ratio:.1f}")


def torch_network(
    weights: Sequence[np.ndarray], matrix: np.ndarray
) -> Callable[[np.ndarray, int], np.ndarray]:
    """The same network in torch: a function of ids and a batch size."""
    import torch

    kernel, recurrent_kernel, bias, dense_kernel, dense_bias = map(torch.from_numpy, weights)
    embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(matrix))
    rnn = torch.nn.RNN(*kernel.shape, batch_first=True)
    dense = torch.nn.Linear(len(dense_kernel), 1)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(kernel.T)
        rnn.weight_hh_l0.copy_(recurrent_kernel.T)
        rnn.bias_ih_l0.copy_(bias)
        rnn.bias_hh_l0.zero_()
        dense.weight.copy_(dense_kernel.T)
        dense.bias.copy_(dense_bias)

    def predict(ids: np.ndarray, batch_size: int) -> np.ndarray:
        with torch.inference_mode():
            parts = torch.from_numpy(ids).split(batch_size)
            outputs = [torch.sigmoid(dense(rnn(embedding(part))[0].flatten(1))) for part in parts]
        return torch.cat(outputs).numpy()

    return predict


def compare_starts(repeats: int) -> None:
    """Whole processes that predict one text."""
    ours = [sys.executable, "-m", "sentiment_rnn", "predict", "--model", str(MODEL), TEXT]
    theirs = [sys.executable, "-c", KERAS_PROCESS, str(MODEL), TEXT]
    commands = {"cold start: this package": ours, "cold start: Keras and nltk": theirs}
    sides = {name: (lambda command=command: run(command)) for name, command in commands.items()}
    seconds = interleaved(sides, repeats)
    first = seconds["cold start: this package"]
    for name, command in commands.items():
        print(
            f"{name:<34} {seconds[name]:>9.2f} s   1 / {seconds[name] / first:.1f}   "
            f"{peak_megabytes(command)} MB"
        )


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd=Path("/"))


def peak_megabytes(command: list[str]) -> int:
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True);"
    code += f"print(resource.getrusage({resource.RUSAGE_CHILDREN}).ru_maxrss // 1024)"
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    return int(done.stdout)


if __name__ == "__main__":
    main()
