"""`CharLanguageModel`: from a text to a network that writes, and back from disk."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn._checks import check_choice, check_whole
from sentiment_rnn._shipped import found_model
from sentiment_rnn._threads import count_processors, one_thread
from sentiment_rnn._versions import versions
from sentiment_rnn.architectures.characters import character_network
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.errors import DataError, ModelError, UsageError
from sentiment_rnn.numpy_rnn import RNN, Network
from sentiment_rnn.numpy_rnn.output_feedback import free
from sentiment_rnn.numpy_rnn.sampling import ProbabilityError, beam_search, generate
from sentiment_rnn.persistence.character_folder import (
    SavedCharacterModel,
    load_character_model,
    save_character_model,
)
from sentiment_rnn.preprocessing.alphabet import UNITS, Alphabet
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.presets import character_configs
from sentiment_rnn.training.character_engine import (
    CharacterRun,
    CharacterSample,
    CharacterTask,
    cross_entropy,
    fit_characters,
)

DEFAULT_MODEL = "shakespeare"
_LARGEST_SEED = 2**32 - 1
# Of a text to write, in characters, and texts that beam search keeps: more would take days.
_LARGEST_LENGTH, _LARGEST_WIDTH = 1_000_000_000, 10_000
# Characters that are read at a time where the outputs of all are wanted.
_READ = 256
# Texts that are read side by side, and characters of each at a time.
_TEXTS_READ, _STEPS_READ = 256, 32
# Characters that are written while it is trained, to show how the model learns.
_SAMPLE = 200
# Of its text what a model reads before it writes where nothing else is given to it, and after which
# symbols a text may begin, the best first.
_BEGINNING, _BEFORE_A_TEXT = 100, "\n "


class CharLanguageModel:
    """A recurrent network that says which character comes next, and writes.

    Args:
        architecture: "lstm", "gru", "simple", "hidden-feedback" or "output-feedback".
        unit: what it reads and writes: a "character" (a code point) or a "byte" of UTF-8.
        seed: of initial weights, dropout and the samples that show how it learns.
        **options: of `CharacterArchitectureConfig`, such as ``layers`` and ``units``, and of
            `CharacterTrainingConfig`, such as ``epochs`` and ``window``. Those left out are the
            configs' own, or what the source of the architecture says: see `CHARACTER_PRESETS`.

    Attributes:
        alphabet_: what it knows.
        history_: ``loss`` and ``val_loss`` (nats a character) and ``learning_rate`` of each epoch.
        metrics_: ``bits_per_character`` by the name of the part of the text.
        provenance_: seed, data and versions that the model was made with.
        samples_: what it wrote after each epoch, and every ``sample_every`` windows: records with
            ``text``, ``epoch``, ``step``, ``loss`` and ``val_loss``; see `CharacterSample`.

    Raises:
        UsageError: for settings that make no sense.

    Example:
        >>> model = CharLanguageModel(
        ...     "gru", layers=1, units=16, epochs=8, batch_size=2, window=20, learning_rate=0.02)
        >>> model.fit("to be or not to be, " * 40).sample(9, prime="to ", temperature=0)
        'be or not'
    """

    alphabet_: Alphabet
    history_: dict[str, list[float]]
    metrics_: dict[str, Any]
    provenance_: dict[str, Any]
    samples_: list[CharacterSample]
    _beginning: np.ndarray

    def __init__(
        self,
        architecture: str = "lstm",
        *,
        unit: str = "character",
        seed: int = 0,
        **options: Any,
    ) -> None:
        self.architecture, self.training = character_configs(architecture, **options)
        try:
            check_choice("unit", unit, UNITS)
            check_whole("seed", seed, 0, _LARGEST_SEED)
        except ValueError as error:
            raise UsageError(str(error)) from error
        self.unit = unit
        self.seed = seed

    def get_params(self) -> dict[str, Any]:
        """The constructor's arguments by name.

        Example:
            >>> model = CharLanguageModel("gru", epochs=3)
            >>> params = model.get_params()
            >>> params["architecture"], params["epochs"], params["seed"]
            ('gru', 3, 0)
            >>> CharLanguageModel(**params).get_params() == params
            True
        """
        return {
            **dataclasses.asdict(self.architecture),
            "unit": self.unit,
            "seed": self.seed,
            **dataclasses.asdict(self.training),
        }

    # Training

    def fit(
        self, text: str, *, checkpoint: str | Path | None = None, verbose: bool = False
    ) -> CharLanguageModel:
        """Learns from a text, and keeps the weights of the epoch that was best on its end.

        Args:
            text: of any length.
            checkpoint: a file to go on from if it is there; written as training goes. A run that
                goes on gives the same weights and samples as one that was never interrupted.
            verbose: whether to show progress on standard error.

        Returns:
            Itself.

        Raises:
            UsageError: if the loss is no finite number any more.
            DataError: if the text is none, or too short for the windows.
            ModelError: if the checkpoint is one of other data or settings.
        """
        started = time.perf_counter()
        if not isinstance(text, str):
            raise DataError(f"Expected one text of type str. Received: {type(text).__name__}")
        if self.training.shuffle_lines:
            lines = text.splitlines()
            random.Random(self.seed).shuffle(lines)
            text = "\n".join(lines) + "\n"
        alphabet = Alphabet.of(text, self.unit)
        ids = alphabet.encode(text)
        split = len(ids) - max(2, round(len(ids) * self.training.validation_fraction))
        if split < 1:
            raise DataError(
                f"Expected a text that can be divided with a validation_fraction of "
                f"{self.training.validation_fraction}. Received: {len(ids)} characters"
            )
        try:
            network = character_network(
                self.architecture, symbols=len(alphabet), batch_size=self.training.batch_size
            )
        except ValueError as error:
            raise UsageError(str(error)) from error
        task = CharacterTask(
            network, ids[:split], ids[split:], self.training, self.seed, self.get_params()
        )
        if verbose:
            print(
                f"training {network.count_params():,} parameters on {split:,} characters, "
                f"{len(alphabet)} of them different; validating on {len(ids) - split:,}",
                file=sys.stderr,
            )

        beginning = _beginning(ids[:split], alphabet)
        # What an interruption leaves is the model that was there before.
        writer = copy.copy(self)
        writer._beginning = beginning

        def show(run: CharacterRun) -> str:
            writer._set_model(network, run.weights, alphabet)
            return writer.sample(_SAMPLE, temperature=0.8, seed=self.seed)

        run = fit_characters(
            task,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            show=show,
            verbose=verbose,
        )
        nats = cross_entropy(network, run.best, task.validation, rows=1)
        self._set_model(network, run.best, alphabet)
        self._beginning = beginning
        self.history_ = run.history
        self.samples_ = run.samples
        self.metrics_ = {"bits_per_character": {"validation": nats / math.log(2)}}
        self.provenance_ = {
            "seed": self.seed,
            "characters": len(ids),
            "validation": len(ids) - split,
            "fingerprint": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            "epochs": len(run.history["loss"]),
            "best_epoch": run.best_epoch,
            "seconds": round(time.perf_counter() - started, 1),
            "versions": versions("sentiment_rnn", "keras", "numpy"),
        }
        return self

    # Writing and measuring

    def sample(
        self,
        length: int,
        *,
        prime: str = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | None = None,
        seed: int | None = None,
    ) -> str:
        """Writes a text, each character drawn from what is expected after those before.

        Args:
            length: characters to write.
            prime: what has been written before; the model reads it, and it is not repeated. Where
                there is nothing, it reads a piece of the text that it learned from: what follows
                upon nothing, it has never been told.
            temperature: 1 as learned; below, bolder; 0 the most probable character always.
            top_k: draw from so many most probable characters only.
            top_p: draw from the most probable characters that have this probability together.
            stop: a character that ends the text early and is not written.
            seed: of chance; None for another text each time.

        Returns:
            At most `length` characters.

        Raises:
            UsageError: for settings that make no sense.
            DataError: for a character that the model doesn't know.
            ModelError: if there is no trained network yet.
        """
        return self.samples(
            1,
            length,
            prime=prime,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
            seed=seed,
        )[0]

    def samples(
        self,
        count: int,
        length: int,
        *,
        prime: str = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | None = None,
        seed: int | None = None,
    ) -> list[str]:
        """Writes `count` texts side by side; otherwise as `sample`."""
        self._check_is_fitted()
        try:
            check_whole("count", count, 1)
            check_whole("length", length, 0, _LARGEST_LENGTH)
            check_whole("seed", 0 if seed is None else seed, 0, _LARGEST_SEED)
        except ValueError as error:
            raise UsageError(str(error)) from error
        alphabet = self.alphabet_
        read, end = self._before(prime), self._id_of_stop(stop)
        rnn, table = self._rnn()

        def step(ids: np.ndarray) -> np.ndarray:
            return rnn.read_projected(table[ids][:, np.newaxis])

        # Before anything is read, each character is as probable as the next.
        probabilities = np.full((count, len(alphabet)), 1 / len(alphabet))
        for symbol in read:
            probabilities = step(np.full(count, symbol))
        with _errors_of_writing():
            written = generate(
                step,
                probabilities,
                np.random.default_rng(seed),
                length=length,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                stop=end,
            )
        return [alphabet.decode(ids) for ids in written]

    def _before(self, prime: str) -> np.ndarray:
        """Ids of what the model reads before it writes."""
        return self.alphabet_.encode(prime) if prime else self._beginning

    def beam_search(
        self, length: int, *, prime: str = "", width: int = 10, stop: str | None = None
    ) -> list[tuple[str, float]]:
        """Looks for the most probable texts, of which it keeps some while they grow.

        With a width of 1 it writes what `sample` writes at temperature 0. The most probable texts
        are often dull: they repeat themselves.

        Args:
            length: characters to write, at least 1.
            prime: what has been written before; the model reads it, and it is not repeated.
            width: texts that are kept, at most 10,000. Each takes as long as one of `samples`.
            stop: a character that ends a text early and is not written.

        Returns:
            Up to `width` texts of at most `length` characters, each with the logarithm of its
            probability after `prime`, in nats, that of the stop included; the most probable first.

        Raises:
            UsageError: for settings that make no sense.
            DataError: for a character that the model doesn't know.
            ModelError: if there is no trained network yet.

        Example:
            >>> found = CharLanguageModel.load().beam_search(20, prime="ROMEO:", width=3)
            >>> [len(text) for text, _ in found], found[0][1] > found[1][1] > found[2][1]
            ([20, 20, 20], True)

        Source: Graves, "Sequence Transduction with Recurrent Neural Networks", 2012.
        """
        self._check_is_fitted()
        try:
            check_whole("length", length, 1, _LARGEST_LENGTH)
            check_whole("width", width, 1, _LARGEST_WIDTH)
        except ValueError as error:
            raise UsageError(str(error)) from error
        alphabet = self.alphabet_
        read, end = self._before(prime), self._id_of_stop(stop)
        network, table = self._network_and_table(self._network)

        def step(states: Sequence[np.ndarray], ids: np.ndarray) -> tuple[np.ndarray, list[Any]]:
            arrays = iter(states)
            # Before the first step there is no state, and none to be set.
            network.states = {
                key: tuple(next(arrays) for _ in state) for key, state in network.states.items()
            }
            output = network.forward_projected([table[ids][:, np.newaxis]])
            return output[:, -1], [array for state in network.states.values() for array in state]

        states: list[np.ndarray] = []
        # Before anything is read, each character is as probable as the next.
        probabilities = np.full((1, len(alphabet)), 1 / len(alphabet))
        for symbol in read:
            probabilities, states = step(states, np.array([symbol]))
        with _errors_of_writing():
            beams = beam_search(
                step, states, probabilities[0], length=length, width=width, stop=end
            )
        return [(alphabet.decode(beam.ids), beam.log_probability) for beam in beams]

    def bits_per_character(self, text: str) -> float:
        """How many bits a character of a text takes if it is coded as the model expects.

        The first character is given. It is ``-log2 p``, the mean over all others. Of a model of
        bytes it is of bytes, of which a character may have several.

        Raises:
            DataError: for a character that the model doesn't know, or fewer than two.
        """
        self._check_is_fitted()
        nats = cross_entropy(self._network, self._weights, self.alphabet_.encode(text), rows=1)
        return nats / math.log(2)

    def probabilities(self, text: str) -> np.ndarray:
        """What the model expects after each character: float32 ``(characters, symbols)``."""
        self._check_is_fitted()
        return np.concatenate(list(self._read(text, self._network)))

    def states(self, text: str) -> np.ndarray:
        """What each neuron says after each character: float32 ``(characters, layers, units)``.

        Of output-feedback, and of hidden-feedback whose ``merge_mode`` is "concat", there are twice
        as many neurons as units: those that read the input, and behind them those that read what
        is fed back.
        """
        self._check_is_fitted()
        if self.architecture.architecture == "output-feedback":
            return self._hidden_of_output_feedback(text)
        recurrent = [
            place for place, layer in enumerate(self._network.layers) if layer.is_recurrent
        ]
        outputs = []
        for place in recurrent:
            below = dataclasses.replace(self._network, layers=self._network.layers[: place + 1])
            outputs.append(np.concatenate(list(self._read(text, below))))
        return np.stack(outputs, axis=1)

    def mean_states(self, texts: Sequence[str]) -> np.ndarray:
        """What each neuron says on average while the model reads a text.

        Args:
            texts: each of which is read from a state of zeros. Characters that the model doesn't
                know are left out; a text without any other has zeros.

        Returns:
            float32 ``(texts, layers, units)``.

        Raises:
            UsageError: for output-feedback, whose neurons don't depend on the text alone.

        Example:
            >>> model = CharLanguageModel.load()
            >>> means = model.mean_states(["ROMEO:", "O, speak again!"])
            >>> np.allclose(means[1], model.states("O, speak again!").mean(axis=0), atol=1e-6)
            True
        """
        self._check_is_fitted()
        if self.architecture.architecture == "output-feedback":
            raise UsageError("The neurons of output-feedback are fed with what it expects itself.")
        encoded = [self.alphabet_.encode(text, unknown="drop") for text in texts]
        recurrent = [
            place for place, layer in enumerate(self._network.layers) if layer.is_recurrent
        ]
        networks = []
        for place in recurrent:
            mean = LayerSpec("MaskedPooling1D", {"mode": "mean"})
            below = dataclasses.replace(
                self._network, layers=(*self._network.layers[: place + 1], mean)
            )
            networks.append(self._network_and_table(below))
        means = np.zeros((len(texts), len(recurrent), self._network.layers[recurrent[0]].units))
        means = means.astype(np.float32)
        # Texts of like length side by side, so that little padding is read.
        order = np.argsort([len(ids) for ids in encoded], kind="stable")
        batches = [
            order[start : start + _TEXTS_READ] for start in range(0, len(order), _TEXTS_READ)
        ]

        def read(rows: np.ndarray) -> None:
            ids = pad_sequences([encoded[row] for row in rows], max(len(encoded[rows[-1]]), 1))
            lengths = np.array([len(encoded[row]) for row in rows])
            mask = np.arange(ids.shape[1]) < lengths[:, np.newaxis]
            for layer, (network, table) in enumerate(networks):
                rnn = RNN(network.spec, network.weights)
                for start in range(0, ids.shape[1], _STEPS_READ):
                    steps = slice(start, start + _STEPS_READ)
                    found = rnn.read_projected(table[ids[:, steps]], mask[:, steps])
                means[rows, layer] = found

        with one_thread(), ThreadPoolExecutor(count_processors()) as pool:
            for done in [pool.submit(read, rows) for rows in batches]:
                done.result()
        return means

    def _hidden_of_output_feedback(self, text: str) -> np.ndarray:
        """The neurons of a layer whose outputs are probabilities."""
        network, table = self._network_and_table(self._network)
        names = [weight.name for weight in network.spec.weights()]
        weights = dict(zip(names, self._weights, strict=True))
        projected = table[self._encode_some(text)][np.newaxis]
        hidden, _ = free(network.spec.layers[0], projected, weights)
        return hidden[0][:, np.newaxis]

    def _encode_some(self, text: str) -> np.ndarray:
        ids = self.alphabet_.encode(text)
        if not len(ids):
            raise DataError("Expected a text of at least 1 character. Received: ''")
        return ids

    def _read(self, text: str, spec: NetworkSpec) -> Iterator[np.ndarray]:
        """The outputs at all characters of a network that begins as this one does."""
        ids = self._encode_some(text)
        network, table = self._network_and_table(spec)
        for start in range(0, len(ids), _READ):
            yield network.forward_projected([table[ids[np.newaxis, start : start + _READ]]])[0]

    def _rnn(self) -> tuple[RNN, np.ndarray]:
        """A network to be read step by step, and what its kernel makes of each symbol."""
        network, table = self._network_and_table(self._network)
        return RNN(network.spec, self._weights), table

    def _network_and_table(self, spec: NetworkSpec) -> tuple[Network, np.ndarray]:
        """A network that begins as this one does, for any batch, and what `_rnn` says."""
        spec = dataclasses.replace(spec, batch_shape=(None, None, spec.batch_shape[2]))
        network = Network(spec, self._weights[: len(spec.weights())])
        (table,) = network.project_inputs(np.eye(len(self.alphabet_), dtype=np.float32))
        return network, table

    def _id_of_stop(self, stop: str | None) -> int | None:
        if stop is None:
            return None
        found = self.alphabet_.encode(stop)
        if len(found) != 1:
            raise UsageError(f"stop must be one {self.alphabet_.unit}. Received: {stop!r}")
        return int(found[0])

    def _set_model(
        self, network: NetworkSpec, weights: list[np.ndarray], alphabet: Alphabet
    ) -> None:
        self._network = network
        self._weights = [array.copy() for array in weights]
        self.alphabet_ = alphabet

    def _check_is_fitted(self) -> None:
        if not hasattr(self, "alphabet_"):
            raise ModelError("This CharLanguageModel is not trained yet: call fit or load first.")

    # Saving and loading

    def save(self, folder: str | Path) -> None:
        """Writes a model folder; see `save_character_model`."""
        self._check_is_fitted()
        save_character_model(
            SavedCharacterModel(
                network=self._network,
                weights=self._weights,
                alphabet=self.alphabet_,
                architecture=self.architecture,
                training=self.training,
                provenance=self.provenance_,
                history=self.history_,
                metrics=self.metrics_,
                samples=tuple(self.samples_),
                beginning=tuple(self._beginning.tolist()),
            ),
            folder,
        )

    @classmethod
    def load(cls, folder: str | Path | None = None) -> CharLanguageModel:
        """Reads a model folder.

        Args:
            folder: the folder; or, where there is none of that name, a model that comes with the
                package: "shakespeare", which is meant where none is named.

        Raises:
            ModelError: if there is none, or it is damaged, or not to be trusted.
        """
        saved = load_character_model(found_model(folder, DEFAULT_MODEL))
        seed = saved.provenance.get("seed")
        model = cls(
            **dataclasses.asdict(saved.architecture),
            **dataclasses.asdict(saved.training),
            unit=saved.alphabet.unit,
            seed=seed if isinstance(seed, int) else 0,
        )
        model._set_model(saved.network, list(saved.weights), saved.alphabet)
        model.history_ = saved.history
        model.metrics_ = saved.metrics
        model.provenance_ = saved.provenance
        model.samples_ = list(saved.samples)
        model._beginning = np.array(saved.beginning, np.int64)
        return model


def _beginning(ids: np.ndarray, alphabet: Alphabet) -> np.ndarray:
    """Of a text its last symbols up to the end of a line, or else of a word."""
    for symbol in _BEFORE_A_TEXT:
        # Empty where the alphabet has none.
        ends = np.flatnonzero(np.isin(ids, alphabet.encode(symbol, unknown="drop")))
        if len(ends):
            return ids[: ends[-1] + 1][-_BEGINNING:]
    return ids[-_BEGINNING:]


@contextmanager
def _errors_of_writing() -> Iterator[None]:
    """Tells settings that make no sense from a model that makes none."""
    try:
        # Weights without measure show in what comes out.
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except ProbabilityError as error:
        raise ModelError(f"{error}. The model's weights are too large.") from error
    except ValueError as error:
        raise UsageError(str(error)) from error
