"""Prediction with the shipped model: this package, and plain Keras on the same files.

    python benchmarks/prediction.py --data imdb --reviews 2000

Both sides run in turn, several times after a warm-up; printed are medians and their ratio.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

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

    def keras_behind_nltk() -> np.ndarray:
        tokens = map(nltk_tokenizer.tokenize, (text.replace("<br />", "\n") for text in texts))
        return model.predict(preprocessor.pad(preprocessor.encode_tokens(tokens)), verbose=0)

    sides: dict[str, Callable[[], np.ndarray]] = {
        "from ids: this package": lambda: classifier._output(encoded),
        "from ids: Keras": lambda: model.predict(padded, verbose=0),
        "from text: this package": lambda: classifier.predict_proba(texts)[:, 1:],
        "from text: Keras, same tokenizer": lambda: model.predict(
            preprocessor.pad(preprocessor.encode(texts)), verbose=0
        ),
        "from text: Keras behind nltk": keras_behind_nltk,
    }
    outputs = {name: side() for name, side in sides.items()}
    for name, output in outputs.items():
        np.testing.assert_allclose(output, outputs["from ids: Keras"], atol=1e-5, err_msg=name)
    seconds = interleaved(sides, repeats)
    for kind in ("from ids", "from text"):
        names = [name for name in sides if name.startswith(kind)]
        for name in names:
            ratio = seconds[name] / seconds[names[0]]
            print(f"{name:<34} {len(texts) / seconds[name]:>9,.0f} reviews/s   1 / {ratio:.1f}")


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


def interleaved(sides: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each side, the sides taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
