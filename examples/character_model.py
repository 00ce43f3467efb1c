"""Learns to write character by character: a recurrent network in nothing but NumPy.

    python examples/character_model.py FILE
    python examples/character_model.py FILE --optimizer adagrad --steps 100000 --temperature 0.7

The text is read in windows of 25 characters, each character a one-hot vector. At every one of them
the network says how probable each character is to come next, and is trained on which did: softmax
cross-entropy, backpropagation through the window, gradients clipped to [-5, 5]. The hidden state
is carried from window to window, or starts from zeros each time (``--no-carry-state``).

Samples are drawn character by character from these probabilities, and each that was drawn is read
next. What is printed as loss is the sum over a window, smoothed: 0.99 of it is what it was at the
window before. It starts at what knowing nothing costs, 25 times the logarithm of the number of
distinct characters.

Source: Karpathy, "Minimal character-level language model with a Vanilla Recurrent Neural Network",
2015, whose optimizer is ``--optimizer adagrad``.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.errors import DataError, ResourceError, SentimentRNNError
from sentiment_rnn.numpy_rnn import (
    RNN,
    SGD,
    Adagrad,
    Network,
    Optimizer,
    clip_by_value,
    generate,
    initial_weights,
    loss_and_gradient,
)

Array = np.ndarray

LEARNING_RATES = {"sgd": 1e-3, "adagrad": 0.1}
INTERRUPTED = 130


@dataclass(frozen=True, eq=False)
class CharacterModel:
    """A network and the characters that it knows.

    Args:
        characters: all of them, in the order of the one-hot vectors.
        network: one-hot characters ``(batch, time, characters)`` → the probability of each
            character to come next, of the same shape.
    """

    characters: str
    network: Network

    def encode(self, text: str) -> Array:
        """The place of each character among those known.

        Args:
            text: of any length.

        Returns:
            Whole numbers ``(len(text),)``.

        Raises:
            DataError: if a character isn't known.
        """
        places = {character: place for place, character in enumerate(self.characters)}
        try:
            return np.array([places[character] for character in text], np.int64)
        except KeyError as error:
            raise DataError(
                f"Unknown character {error.args[0]!r}. Expected one of the "
                f"{len(self.characters)} characters of the text."
            ) from None


def read_text(path: Path, length: int) -> str:
    """Reads a text to learn from.

    Args:
        path: a file of UTF-8 text.
        length: characters in a window.

    Returns:
        The text, with line ends as a single character each.

    Raises:
        ResourceError: if the file can't be read.
        DataError: if it isn't text, or too short or too monotonous to learn from.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ResourceError(f"Could not read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}") from error
    if "\0" in text:
        raise DataError(f"{path} holds zero bytes: expected a text, not a binary file.")
    if not text:
        raise DataError(f"{path} is empty. Expected a text of at least {length + 1} characters.")
    if len(text) <= length:
        raise DataError(
            f"{path} has {len(text)} characters. Expected at least {length + 1}: a window of "
            f"{length} and the one that comes next."
        )
    if len(set(text)) == 1:
        raise DataError(
            f"{path} has no character but {text[0]!r}. Expected at least 2 different ones."
        )
    return text


def untrained(
    text: str, random: np.random.Generator, *, hidden: int = 128, carry_state: bool = True
) -> CharacterModel:
    """Makes a model for the characters of a text, which has learned nothing yet.

    Args:
        text: whose characters are to be known.
        random: where the initial weights come from.
        hidden: recurrent neurons.
        carry_state: whether a window starts from the hidden state after the one before.

    Returns:
        The model.

    Example:
        >>> untrained("banana", np.random.default_rng(0)).characters
        'abn'
    """
    characters = "".join(sorted(set(text)))
    spec = NetworkSpec(
        (None, None, len(characters)),
        (
            LayerSpec(
                "SimpleRNN",
                {"units": hidden, "return_sequences": True, "stateful": carry_state},
            ),
            LayerSpec("Dense", {"units": len(characters), "activation": "softmax"}),
        ),
    )
    return CharacterModel(characters, Network(spec, initial_weights(spec, random)))


def windows(ids: Array, length: int) -> Iterator[tuple[Array, Array, bool]]:
    """Cuts a text into windows, again and again from its beginning.

    Args:
        ids: whole numbers ``(characters,)``, more than `length`.
        length: characters in a window.

    Yields:
        The characters of a window, those that come next, one further on, both ``(length,)``, and
        whether the text begins here. What is left at the end and fills no window is not read.

    Example:
        >>> cut = windows(np.array([7, 8, 9, 7, 8]), 2)
        >>> [next(cut) for _ in range(3)]
        [(array([7, 8]), array([8, 9]), True), (array([9, 7]), array([7, 8]), False),
         (array([7, 8]), array([8, 9]), True)]
    """
    while True:
        for start in range(0, len(ids) - length, length):
            yield ids[start : start + length], ids[start + 1 : start + length + 1], start == 0


def one_hot(ids: Array, characters: int) -> Array:
    """Characters as a batch of one sequence of vectors.

    Args:
        ids: their places, whole numbers ``(length,)``.
        characters: numbers in a vector.

    Returns:
        Floats ``(1, length, characters)``.

    Example:
        >>> one_hot(np.array([2, 0]), 3)
        array([[[0., 0., 1.],
                [1., 0., 0.]]], dtype=float32)
    """
    vectors = np.zeros((1, len(ids), characters), np.float32)
    vectors[0, np.arange(len(ids)), ids] = 1
    return vectors


def backpropagate(network: Network, inputs: Array, targets: Array) -> tuple[float, list[Array]]:
    """Reads a window and goes back through it.

    Args:
        network: as in `CharacterModel`; its weights are not changed.
        inputs: one-hot characters ``(1, length, characters)``.
        targets: those that come next, of the same shape.

    Returns:
        The sum of the cross-entropies over the window, and the gradients of ``network.weights``.
    """
    output = network.forward(inputs, training=True)
    found = loss_and_gradient("categorical_crossentropy", targets, output, activation="softmax")
    # The learning rates are those of the sum over the window, which is what the classic code
    # takes; here a loss is the mean.
    length = inputs.shape[1]
    gradients, _ = network.backward(
        found.gradient * length, of_sum=found.of_sum, input_gradient=False
    )
    return found.loss * length, gradients


def train_characters(
    model: CharacterModel,
    text: str,
    optimizer: Optimizer,
    *,
    length: int = 25,
    clip: float = 5.0,
) -> Iterator[float]:
    """Trains on one window for each result that is asked for, without an end.

    Args:
        model: its weights are changed in place.
        text: more than `length` characters that the model knows.
        optimizer: turns gradients into steps.
        length: characters in a window.
        clip: what no number of a gradient exceeds.

    Yields:
        The loss of each window, a sum over its characters, just before it was learned from.

    Raises:
        DataError: if the model doesn't know a character.
    """
    network, count = model.network, len(model.characters)
    state = optimizer.start(network.weights)
    for inputs, targets, begins in windows(model.encode(text), length):
        if begins:
            network.reset_states()
        loss, gradients = backpropagate(network, one_hot(inputs, count), one_hot(targets, count))
        optimizer.update(network.weights, clip_by_value(gradients, clip), state)
        yield loss


def smoothed(losses: Iterable[float], start: float) -> Iterator[float]:
    """A running mean of losses, of which a single window changes a hundredth.

    Args:
        losses: one a window.
        start: the mean before the first.

    Yields:
        The mean after each.

    Example:
        >>> [round(loss, 3) for loss in smoothed([90.0, 80.0], start=100.0)]
        [99.9, 99.701]
    """
    mean = start
    for loss in losses:
        mean = 0.99 * mean + 0.01 * loss
        yield mean


def sample(
    model: CharacterModel,
    prime: str,
    random: np.random.Generator,
    *,
    length: int = 200,
    temperature: float = 1.0,
) -> str:
    """Writes a text, each character drawn from what the network expects after those before.

    Args:
        model: trained or not.
        prime: at least one character, which the network reads first.
        random: where chance comes from.
        length: characters to write.
        temperature: see `sentiment_rnn.numpy_rnn.with_temperature`.

    Returns:
        What follows `prime`.

    Raises:
        DataError: if the model doesn't know a character of `prime`, or there is none.
    """
    if not prime:
        raise DataError("Expected a character to begin with. Received: ''")
    rnn = RNN(model.network.spec, model.network.weights)
    count = len(model.characters)
    [written] = generate(
        lambda ids: rnn.step(one_hot(ids, count)[0]),
        rnn.read(one_hot(model.encode(prime), count)),
        random,
        length=length,
        temperature=temperature,
    )
    return "".join(model.characters[place] for place in written)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0, or 3 where the text is at fault."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except SentimentRNNError as error:
        print(f"character_model: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("character_model: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _run(options: argparse.Namespace) -> None:
    text = read_text(options.file, options.length)
    random = np.random.default_rng(options.seed)
    model = untrained(text, random, hidden=options.hidden, carry_state=options.carry_state)
    prime = text[0] if options.prime is None else options.prime
    # An unknown character is found here, before time goes by in training.
    sample(model, prime, random, length=0)

    nothing_known = math.log(len(model.characters)) * options.length
    print(
        f"{len(text):,} characters, {len(model.characters)} distinct; {options.hidden} neurons, "
        f"{model.network.spec.count_params():,} weights; loss of knowing nothing "
        f"{nothing_known:.2f}"
    )
    losses = train_characters(model, text, _optimizer(options), length=options.length)
    began = time.perf_counter()
    for step, loss in enumerate(smoothed(losses, nothing_known), start=1):
        if step % options.sample_every == 0 or step == options.steps:
            speed = step / (time.perf_counter() - began)
            print(
                f"\nstep {step:,}: smoothed loss {loss:.2f}, {loss / options.length:.3f} a "
                f"character; {speed:,.0f} steps/s"
            )
            written = sample(
                model,
                prime,
                random,
                length=options.sample_length,
                temperature=options.temperature,
            )
            print(prime + written, flush=True)
        if step == options.steps:
            break


def _optimizer(options: argparse.Namespace) -> Optimizer:
    rate = options.learning_rate
    rate = LEARNING_RATES[options.optimizer] if rate is None else rate
    if options.optimizer == "sgd":
        return SGD(rate)
    # As the source has it; Keras starts the sum of squares at 0.1.
    return Adagrad(rate, initial_accumulator_value=0.0, epsilon=1e-8)


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, metavar="FILE", help="UTF-8 text to learn from")
    for name, default, text in (
        ("hidden", 128, "recurrent neurons"),
        ("length", 25, "characters in a window"),
        ("steps", 50_000, "windows to learn from"),
        ("sample-every", 10_000, "steps between samples"),
        ("sample-length", 200, "characters in a sample"),
    ):
        parser.add_argument(
            f"--{name}", type=_count, metavar="N", default=default, help=f"{text} ({default})"
        )
    parser.add_argument("--optimizer", choices=tuple(LEARNING_RATES), default="sgd")
    parser.add_argument(
        "--learning-rate",
        type=_number,
        metavar="X",
        help=", ".join(f"{rate:g} of {name}" for name, rate in LEARNING_RATES.items()),
    )
    parser.add_argument(
        "--carry-state",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="start a window from the state after the one before, or from zeros",
    )
    parser.add_argument(
        "--temperature",
        type=_number,
        metavar="X",
        default=1.0,
        help="of samples: 1 as learned, below 1 bolder, 0 the most probable always (1)",
    )
    parser.add_argument(
        "--prime", metavar="TEXT", help="what samples begin with (the text's first character)"
    )
    parser.add_argument(
        "--seed", type=_seed, metavar="N", default=0, help="of everything random (0)"
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1. Received: {text}")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected at least 0. Received: {text}")
    return number


def _number(text: str) -> float:
    number = float(text)
    # Nothing above makes sense, and weights that overflow are no numbers any more.
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 100. Received: {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
