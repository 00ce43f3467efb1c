"""Character language models: training beside torch, and writing beside Keras.

    python -m benchmarks.characters FILE --units 128 --layers 2

Training takes windows of 64 characters in 32 rows, with Adam and clipped gradients, and carries the
state. Writing is compared with Keras's `predict` for each character, on the same network, stateful.
All sides take turns; printed are medians and their ratio. torch is left out where it is not
installed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.timing import interleaved
from sentiment_rnn import CharLanguageModel
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig, character_network
from sentiment_rnn.datasets import load_text
from sentiment_rnn.numpy_rnn.memory import reuse
from sentiment_rnn.numpy_rnn.threads import threads_for
from sentiment_rnn.preprocessing import Alphabet
from sentiment_rnn.training.character_engine import CharacterTask, CharacterTrainer
from sentiment_rnn.training.config import CharacterTrainingConfig

STEPS, WRITTEN = 40, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    text = load_text(options.file)
    compare_training(text, options)
    compare_writing(text[:100_000], options)


def compare_training(text: str, options: argparse.Namespace) -> None:
    alphabet = Alphabet.of(text)
    ids = alphabet.encode(text)
    config = CharacterTrainingConfig()
    architecture = CharacterArchitectureConfig("lstm", options.layers, options.units)
    network = character_network(architecture, symbols=len(alphabet), batch_size=config.batch_size)
    trainer = CharacterTrainer(CharacterTask(network, ids, ids, config, seed=0))

    def numpy_windows() -> None:
        with threads_for(network, config.batch_size), reuse():
            for _ in range(STEPS):
                trainer.train_window()

    sides: dict[str, Callable[[], None]] = {"this package": numpy_windows}
    try:
        sides["torch, nn.LSTM"] = torch_windows(trainer, len(alphabet), options)
    except ImportError:
        print("torch is not installed: left out")
    for side in sides.values():
        side()
    seconds = interleaved(sides, options.repeats)
    characters = STEPS * config.batch_size * config.window
    print(f"training, {options.layers} layers of {options.units} LSTM units")
    first = seconds["this package"]
    for name, value in seconds.items():
        print(f"{name:<36} {characters / value:>8,.0f} characters/s   1 / {value / first:.2f}")


def torch_windows(
    trainer: CharacterTrainer, symbols: int, options: argparse.Namespace
) -> Callable[[], None]:
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = torch.nn.LSTM(symbols, options.units, options.layers, batch_first=True)
            self.dense = torch.nn.Linear(options.units, symbols)

        def forward(self, x: torch.Tensor, state: object) -> tuple[torch.Tensor, object]:
            outputs, state = self.rnn(x, state)
            return self.dense(outputs), state

    model = Network()
    optimizer = torch.optim.Adam(model.parameters(), 0.002)
    step, state = 0, None

    def windows() -> None:
        nonlocal step, state
        for _ in range(STEPS):
            inputs, targets = map(torch.from_numpy, trainer.batches.batch(step))
            one_hot = torch.nn.functional.one_hot(inputs.long(), symbols).float()
            outputs, state = model(one_hot, state)
            state = tuple(part.detach() for part in state)
            loss = torch.nn.functional.cross_entropy(
                outputs.reshape(-1, symbols), targets.long().reshape(-1)
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            step += 1

    return windows


def compare_writing(text: str, options: argparse.Namespace) -> None:
    import keras

    model = CharLanguageModel(
        layers=options.layers, units=options.units, epochs=1, batch_size=1
    ).fit(text)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        model.save(folder)
        network = keras.models.model_from_json((folder / "model.json").read_text())
        network.load_weights(folder / "model.weights.h5")
    eye = np.eye(len(model.alphabet_), dtype=np.float32)

    def by_keras() -> None:
        symbol = 0
        for _ in range(WRITTEN):
            probabilities = network.predict(eye[[[symbol]]], verbose=0)[0, 0]
            symbol = int(probabilities.argmax())

    sides = {"this package": lambda: model.sample(WRITTEN, seed=0), "Keras, predict": by_keras}
    for side in sides.values():
        side()
    seconds = interleaved(sides, options.repeats)
    print("writing")
    first = seconds["this package"]
    for side_name, value in seconds.items():
        rate = WRITTEN / value
        print(f"{side_name:<36} {rate:>8,.0f} characters/s   1 / {value / first:.1f}")
    lengths = {
        str(length): lambda length=length: model.sample(length, seed=0)
        for length in (1000, 9000, 10_000)
    }
    seconds = interleaved(lengths, options.repeats)
    last = seconds["10000"] - seconds["9000"]
    print(f"the first 1,000 of 10,000 characters {seconds['1000']:.3f} s, the last {last:.3f} s")


if __name__ == "__main__":
    main()
