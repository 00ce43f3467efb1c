"""Character language models: learning and writing.

They learn from windows of 64 characters in 32 rows, with Adam and clipped gradients, and carry the
state from window to window.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import operations
from benchmarks.measuring import Call, Comparison, Side
from benchmarks.networks import JAX
from benchmarks.settings import Settings
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig, character_network
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.numpy_rnn import initial_weights
from sentiment_rnn.numpy_rnn.stepping import RNN
from sentiment_rnn.preprocessing import Alphabet
from sentiment_rnn.training.character_batches import CharacterBatches
from sentiment_rnn.training.character_engine import CharacterTask, CharacterTrainer
from sentiment_rnn.training.config import CharacterTrainingConfig

if TYPE_CHECKING:
    import torch

LAYERS, RATE, LARGEST_NORM = 2, 0.002, 5.0


def comparisons(settings: Settings) -> list[Comparison]:
    sizes = settings.size((128, 512), (32,))
    found = [_learning(settings, units) for units in sizes]
    return [*found, _writing(settings), _writing_on(settings)]


@functools.cache
def _text(settings: Settings) -> tuple[np.ndarray, int]:
    """Ids of a text, and how many symbols there are."""
    text = settings.characters(settings.size(1_000_000, 50_000))
    alphabet = Alphabet.of(text)
    return alphabet.encode(text), len(alphabet)


def _spec(units: int, symbols: int, rows: int) -> NetworkSpec:
    config = CharacterArchitectureConfig("lstm", LAYERS, units)
    return character_network(config, symbols=symbols, batch_size=rows)


def _operations(characters: float, units: int, symbols: int) -> float:
    """Of reading characters; the first layer's input is one of the symbols."""
    found = operations.dense(characters, units, symbols)
    for features in (symbols, *[units] * (LAYERS - 1)):
        found += operations.projection(characters, features, units, "lstm")
        found += operations.recurrence(characters, units, "lstm")
    return found


def _keras_network(units: int, symbols: int, rows: int) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input(batch_shape=(rows, None, symbols)),
            *(
                keras.layers.LSTM(units, return_sequences=True, stateful=True)
                for _ in range(LAYERS)
            ),
            keras.layers.Dense(symbols, activation="softmax"),
        ]
    )


def _torch_network(units: int, symbols: int) -> torch.nn.Module:
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = torch.nn.LSTM(symbols, units, LAYERS, batch_first=True)
            self.dense = torch.nn.Linear(units, symbols)

        def forward(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
            outputs, state = self.rnn(x, state)
            return self.dense(outputs), state

    return Network()


def _learning(settings: Settings, units: int) -> Comparison:
    steps = settings.size(20 if units < 512 else 3, 2)
    config = CharacterTrainingConfig()
    rows, window = config.batch_size, config.window

    def batches() -> CharacterBatches:
        return CharacterBatches(_text(settings)[0], rows, window)

    def here() -> Call:
        ids, symbols = _text(settings)
        spec = _spec(units, symbols, rows)
        trainer = CharacterTrainer(CharacterTask(spec, ids, ids[:1000], config, seed=0))

        def learn() -> None:
            with trainer.at_work():
                for _ in range(steps):
                    trainer.train_window()

        return learn

    def with_keras() -> Call:
        import keras

        symbols = _text(settings)[1]
        model = _keras_network(units, symbols, rows)
        model.compile(
            keras.optimizers.Adam(RATE, global_clipnorm=LARGEST_NORM),
            "sparse_categorical_crossentropy",
        )
        given, eye = batches(), np.eye(symbols, dtype=np.float32)
        step = 0

        def learn() -> None:
            nonlocal step
            for _ in range(steps):
                inputs, targets = given.batch(step)
                model.train_on_batch(eye[inputs], targets)
                step += 1

        return learn

    def with_torch() -> Call:
        import torch

        symbols = _text(settings)[1]
        model: Any = _torch_network(units, symbols)
        optimizer = torch.optim.Adam(model.parameters(), RATE)
        given = batches()
        step, state = 0, None

        def learn() -> None:
            nonlocal step, state
            for _ in range(steps):
                inputs, targets = map(torch.from_numpy, given.batch(step))
                one_hot = torch.nn.functional.one_hot(inputs.long(), symbols).float()
                outputs, state = model(one_hot, state)
                state = tuple(part.detach() for part in state)
                loss = torch.nn.functional.cross_entropy(
                    outputs.reshape(-1, symbols), targets.long().reshape(-1)
                )
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_NORM)
                optimizer.step()
                step += 1

        return learn

    characters = steps * rows * window
    return Comparison(
        f"learning by {LAYERS} layers of {units} LSTM units",
        f"{steps} windows of {window} characters in {rows} rows",
        [
            Side("this package", here),
            Side("Keras on TensorFlow, train_on_batch", with_keras, ("tensorflow",)),
            Side(
                "Keras on JAX, train_on_batch",
                with_keras,
                ("jax",),
                process="child",
                environment=JAX,
            ),
            Side("torch, nn.LSTM", with_torch, ("torch",)),
        ],
        amount=characters,
        unit="characters",
        operations=lambda: 3 * _operations(characters, units, _text(settings)[1]),
    )


def _weights(settings: Settings, units: int) -> list[np.ndarray]:
    # How fast a network is doesn't depend on what it has learned.
    spec = _spec(units, _text(settings)[1], rows=1)
    return initial_weights(spec, np.random.default_rng(0), np.float32)


def _write(settings: Settings, units: int, length: int) -> Call:
    """Writes the likeliest character always, as the other sides do."""
    symbols = _text(settings)[1]
    rnn = RNN(_spec(units, symbols, rows=1), _weights(settings, units))
    eye = np.eye(symbols, dtype=np.float32)

    def write() -> np.ndarray:
        rnn.reset_states()
        symbol, written = 0, []
        for _ in range(length):
            symbol = int(rnn.step(eye[symbol]).argmax())
            written.append(symbol)
        return np.array(written)

    return write


def _writing(settings: Settings) -> Comparison:
    length, units = settings.size((200, 128), (20, 32))

    def with_keras() -> Call:
        symbols = _text(settings)[1]
        model = _keras_network(units, symbols, rows=1)
        model.set_weights(_weights(settings, units))
        eye = np.eye(symbols, dtype=np.float32)

        def write() -> np.ndarray:
            for layer in model.layers[:LAYERS]:
                layer.reset_states()
            symbol, written = 0, []
            for _ in range(length):
                symbol = int(model.predict(eye[[[symbol]]], verbose=0)[0, 0].argmax())
                written.append(symbol)
            return np.array(written)

        return write

    def with_torch() -> Call:
        import torch

        symbols = _text(settings)[1]
        model: Any = _torch_network(units, symbols)
        *recurrent, kernel, bias = map(torch.from_numpy, _weights(settings, units))
        with torch.no_grad():
            for layer in range(LAYERS):
                of_input, of_state, of_bias = recurrent[3 * layer : 3 * layer + 3]
                getattr(model.rnn, f"weight_ih_l{layer}").copy_(of_input.T)
                getattr(model.rnn, f"weight_hh_l{layer}").copy_(of_state.T)
                getattr(model.rnn, f"bias_ih_l{layer}").copy_(of_bias)
                getattr(model.rnn, f"bias_hh_l{layer}").zero_()
            model.dense.weight.copy_(kernel.T)
            model.dense.bias.copy_(bias)
        eye = torch.eye(symbols)

        def write() -> np.ndarray:
            symbol, written, state = 0, [], None
            with torch.inference_mode():
                for _ in range(length):
                    outputs, state = model(eye[symbol][None, None], state)
                    symbol = int(outputs.argmax())
                    written.append(symbol)
            return np.array(written)

        return write

    return Comparison(
        f"writing by {LAYERS} layers of {units} LSTM units",
        f"{length} characters, one after the other, always the likeliest",
        [
            Side("this package", lambda: _write(settings, units, length)),
            Side("Keras on TensorFlow, predict", with_keras, ("tensorflow",)),
            Side("torch, nn.LSTM", with_torch, ("torch",)),
        ],
        amount=length,
        unit="characters",
        operations=lambda: _operations(length, units, _text(settings)[1]),
        check=_same_text,
    )


def _writing_on(settings: Settings) -> Comparison:
    """What a character costs doesn't depend on how much is written already."""
    units = settings.size(128, 32)
    lengths = settings.size((1000, 4000, 16_000), (200, 800))
    return Comparison(
        "writing on",
        "longer and longer texts by this package",
        [
            Side(
                f"{length:,} characters",
                functools.partial(_write, settings, units, length),
                line="this package",
                at=length,
            )
            for length in lengths
        ],
        variable="characters",
        rounds=3,
    )


def _same_text(outputs: Any) -> None:
    expected = list(next(iter(outputs.values())))
    for name, output in outputs.items():
        assert list(output) == expected, f"Expected of {name}: {expected}. Received: {list(output)}"
