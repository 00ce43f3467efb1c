"""A model folder behind FastAPI as one would do it with Keras and nltk alone.

``python -m benchmarks.keras_server FOLDER`` serves ``POST /predict``, a text at a time.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from sentiment_rnn.preprocessing import WordVectors


class Request(BaseModel):
    """What is asked."""

    text: str


def main(folder: Path) -> None:
    import keras
    from nltk.tokenize import TreebankWordTokenizer

    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    model.load_weights(folder / "model.weights.h5")
    vectors = WordVectors.load(folder / "word_vectors.npz")
    matrix, index = vectors.matrix(), vectors.index
    tokenize = TreebankWordTokenizer().tokenize
    _, maxlen, features = model.input_shape
    app = FastAPI()

    @app.post("/predict")
    def predict(request: Request) -> dict[str, list[dict[str, float]]]:
        tokens = tokenize(request.text.replace("<br />", "\n"))
        rows = [index[token] for token in tokens if token in index][:maxlen]
        inputs = np.zeros((1, maxlen, features), np.float32)
        inputs[0, : len(rows)] = matrix[rows]
        probability = model.predict(inputs, verbose=0)[0, 0]
        return {"predictions": [{"probability": float(probability)}]}

    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        print(f"serving at http://127.0.0.1:{listening.getsockname()[1]}", file=sys.stderr)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
