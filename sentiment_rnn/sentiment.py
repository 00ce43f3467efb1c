"""`SentimentClassifier`: from texts and labels to a network that predicts, and back from disk."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentiment_rnn._classifier import Reading, TextClassifier, checked_texts, decisive, numbered
from sentiment_rnn._shipped import found_model, shipped
from sentiment_rnn._versions import versions
from sentiment_rnn.architectures.config import sentiment_network
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.architectures.transfer import places_to_begin_with
from sentiment_rnn.datasets.reviews import fingerprint_of
from sentiment_rnn.errors import DataError, ModelError, UsageError
from sentiment_rnn.evaluation import (
    best_temperature,
    evaluate_probabilities,
    tells_how_sure,
)
from sentiment_rnn.explaining import (
    Explainer,
    goes_backwards,
    logits_network,
    mean_network,
    thought_network,
)
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.persistence.folders import NETWORK_FILE, is_model_folder
from sentiment_rnn.persistence.keras_json import read_network
from sentiment_rnn.persistence.keras_weights import read_weights
from sentiment_rnn.persistence.model_folder import SavedModel, load_model, save_model
from sentiment_rnn.prediction import (
    Explanation,
    Prediction,
    TokenExplanation,
    class_probabilities,
)
from sentiment_rnn.preprocessing.preprocessor import PreprocessingConfig, Preprocessor
from sentiment_rnn.preprocessing.tokenized import (
    Corpus,
    tokenize_batches,
)
from sentiment_rnn.preprocessing.word_vectors import WordVectors
from sentiment_rnn.presets import NETWORK_OPTIONS, OPTIONS, PRESETS, Preset, find_preset

if TYPE_CHECKING:
    import keras

    from sentiment_rnn.training.config import PretrainingConfig
    from sentiment_rnn.training.fit import AfterEpoch, EncodedTexts, FitResult, Task

DEFAULT_MODEL = "distilled"
# Of fewer texts each weighs too much.
_FEWEST_TO_CALIBRATE = 20
_VECTORS_FILE = "word_vectors.npz"
# Whose versions a model's card has.
_MADE_WITH = ("sentiment_rnn", "keras", "tensorflow", "gensim", "nltk", "numpy")


class SentimentClassifier(TextClassifier):
    """A recurrent network that classifies the sentiment of texts; a scikit-learn estimator.

    Args:
        preset: the settings to begin with: the name of one of `PRESETS`, or a JSON file as
            `write_preset` and ``sentiment-rnn tune`` write it.
        vectors: "imdb" for the vectors that come with the package, "train" to train them on the
            texts given to `fit`, a path of a word2vec file, of an ``.npz`` file that
            `WordVectors.save` wrote or of a model folder whose vectors to take, or `WordVectors`.
        seed: of the initial weights, the dropout, the order of the texts and the validation part.
            The same seed on the same machine gives the same numbers.
        pretrained: a model folder, such as `pretrain` made, whose word vectors and recurrent layers
            `fit` begins with. They must be as the settings have them; one that reads forwards takes
            half of one that reads from both ends. None for none, but with the preset pretrained for
            the model of that name, which comes with the package.
        warm_start: whether `fit` goes on from the weights of the last fit, or of a loaded model,
            with a new optimizer, instead of beginning anew.

    All other arguments are the options of `PreprocessingConfig` (``maxlen`` to
    ``keep_break_tags``), `ArchitectureConfig` (``cell`` to ``vector_length``) and `TrainingConfig`
    (``engine`` to ``temperature_scaling``). None means as in the preset.

    Attributes:
        classes_: the labels, ascending; probabilities come in this order.
        history_: ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy`` of each epoch.
        metrics_: scores by the name of the part of the data they were taken on.
        provenance_: seed, data and versions that the model was made with.

    Example:
        >>> classifier = SentimentClassifier.load()
        >>> classifier.predict_proba(["A moving, beautifully acted film. I loved it."]).shape
        (1, 2)
    """

    history_: dict[str, list[float]]
    metrics_: dict[str, Any]
    provenance_: dict[str, Any]
    _network: NetworkSpec
    _weights: list[np.ndarray]
    _preprocessor: Preprocessor
    # None for a model that was converted.
    _trained_with: Preset | None

    def __init__(
        self,
        preset: str | Path = "textbook",
        *,
        vectors: str | Path | WordVectors = "imdb",
        seed: int = 0,
        pretrained: str | Path | None = None,
        warm_start: bool = False,
        maxlen: int | None = None,
        padding: str | None = None,
        truncating: str | None = None,
        unknown: str | None = None,
        lowercase: bool | None = None,
        keep_break_tags: bool | None = None,
        cell: str | None = None,
        units: int | None = None,
        layers: int | None = None,
        bidirectional: bool | None = None,
        go_backwards: bool | None = None,
        stateful: bool | None = None,
        window: int | None = None,
        head: str | None = None,
        masking: bool | None = None,
        dropout: float | None = None,
        trainable_vectors: bool | None = None,
        vector_length: float | None = None,
        engine: str | None = None,
        optimizer: str | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
        word_dropout: float | None = None,
        adversarial: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        validation_fraction: float | None = None,
        precision: str | None = None,
        validate_by: str | None = None,
        patience: int | None = None,
        temperature_scaling: bool | None = None,
    ) -> None:
        self.preset = preset
        self.vectors = vectors
        self.seed = seed
        self.pretrained = pretrained
        self.warm_start = warm_start
        self.maxlen = maxlen
        self.padding = padding
        self.truncating = truncating
        self.unknown = unknown
        self.lowercase = lowercase
        self.keep_break_tags = keep_break_tags
        self.cell = cell
        self.units = units
        self.layers = layers
        self.bidirectional = bidirectional
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.window = window
        self.head = head
        self.masking = masking
        self.dropout = dropout
        self.trainable_vectors = trainable_vectors
        self.vector_length = vector_length
        self.engine = engine
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.word_dropout = word_dropout
        self.adversarial = adversarial
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.validate_by = validate_by
        self.patience = patience
        self.temperature_scaling = temperature_scaling

    # scikit-learn's estimator interface

    @classmethod
    def _parameters(cls) -> dict[str, Any]:
        """The constructor's arguments and their defaults."""
        signature = inspect.signature(cls)
        return {name: parameter.default for name, parameter in signature.parameters.items()}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name; `deep` is there for scikit-learn."""
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> SentimentClassifier:
        """Changes constructor's arguments.

        Raises:
            UsageError: for a name that is none.
        """
        for name, value in params.items():
            if name not in self._parameters():
                raise UsageError(f"{type(self).__name__} has no parameter {name!r}.")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        parameters = self._parameters()
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value != parameters[name]
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    # Training

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[Any] | np.ndarray,
        *,
        groups: Sequence[Any] | np.ndarray | None = None,
        taught_texts: Sequence[str] = (),
        taught_probabilities: Sequence[float] | np.ndarray = (),
        callbacks: Sequence[keras.callbacks.Callback] = (),
        after_epoch: AfterEpoch | None = None,
        checkpoint: str | Path | None = None,
        cache: str | Path | None = None,
        verbose: bool = False,
    ) -> SentimentClassifier:
        """Trains on texts and keeps the weights of the epoch that was best in validation.

        Args:
            texts: the texts; not changed.
            labels: the class of each text, numbers or strings ``(texts,)``, of two kinds or more.
            groups: the film of each text, so that validation can be by film. Without them it is
                at random.
            taught_texts: further texts to learn from, which have no label; not changed.
            taught_probabilities: what a teacher says of each, such as better but slower models:
                the probability of the second of two classes ``(taught texts,)``, or of each class
                ``(taught texts, classes)``. They are learned from as the labels are, and never
                validate; those that are validation texts too are left out.
            callbacks: Keras callbacks to call in training; with the engine "keras" only. What they
                remember themselves is in no checkpoint.
            after_epoch: called after each epoch, whichever engine trains, with its number, from 1
                and going on where training goes on, and its scores, as ``history_`` names them.
                Training stops if it answers true.
            checkpoint: a file to go on from if it is there, written as training goes and when it
                is interrupted; the one before is kept beside it. A training that goes on gives the
                same weights and history as one that was never interrupted. When training has
                ended, the file is there still, and of no use once the model was saved.
            cache: a folder where the tokens and ids of large corpora are kept, so that the next
                training on the same texts begins at once; None keeps nothing. It changes no result.
            verbose: whether to show progress on standard error.

        Returns:
            Itself.

        Raises:
            UsageError: for settings that make no sense, or if the loss is no finite number any
                more.
            DataError: for texts and labels that nothing can be learned from.
            ModelError: if the checkpoint is one of other data or settings.

        Source: of learning from a teacher's probabilities: Hinton, Vinyals and Dean, "Distilling
        the Knowledge in a Neural Network", 2015.
        """
        from sentiment_rnn.training.fit import EncodedTexts, Task, with_vectors
        from sentiment_rnn.training.splits import validation_split

        started = time.perf_counter()
        texts = checked_texts(texts)
        classes, numbers = numbered(labels, len(texts))
        taught_texts = checked_texts(taught_texts)
        taught = _checked_probabilities(taught_probabilities, len(taught_texts), len(classes))
        fingerprint = fingerprint_of(texts, numbers)
        warm = self.warm_start and hasattr(self, "classes_")
        settings = self._warm_settings(classes) if warm else self._settings()
        training = settings.training
        begins_with = self._begins_with(warm)
        if callbacks and training.engine != "keras":
            raise UsageError(
                f"Callbacks are Keras's: the engine {training.engine} calls none. Leave them out, "
                'or train with engine="keras".'
            )
        _log(verbose, f"reading {len(texts):,} texts")
        # Other random numbers for the epochs to come than for those that were.
        epochs_before = len(self.history_["loss"]) if warm else 0
        tokenizer = settings.preprocessing.tokenizer()
        folder = None if cache is None else Path(cache)
        corpus = Corpus(texts, tokenizer, cache=folder, fingerprint=fingerprint)
        weights: list[np.ndarray] | None
        if warm:
            preprocessor, network, weights = self._preprocessor, self._network, self._weights
            vectors_name = self.provenance_["vectors"]
            if fingerprint != self.provenance_["trained_on"]["fingerprint"]:
                _log(verbose, "these are other texts than the model was trained on before")
        else:
            preprocessor, network, weights, vectors_name = self._beginning(
                corpus, settings, len(classes), begins_with
            )
        by_film = training.validate_by == "film" and groups is not None
        if training.validate_by == "film" and groups is None:
            _log(verbose, "the films of these texts are not known: validating on random texts")
        if training.validate_by == "random" and groups is not None:
            _log(verbose, "validating on random texts, whose films may be among the others")
        part, validation_part = validation_split(
            numbers,
            training.validation_fraction,
            seed=self.seed,
            groups=groups if by_film else None,
        )
        if training.temperature_scaling and len(validation_part) < _FEWEST_TO_CALIBRATE:
            raise UsageError(
                f"temperature_scaling takes at least {_FEWEST_TO_CALIBRATE} validation texts. "
                f"Received: {len(validation_part)} of {len(texts)} texts, as validation_fraction "
                f"is {training.validation_fraction}"
            )
        data = EncodedTexts(preprocessor.encode_corpus(corpus), _targets(numbers, len(classes)))
        _check_words(data.encoded, verbose)
        validation, learned = data.take(validation_part), data.take(part)
        if taught_texts:
            validating = {texts[row] for row in validation_part}
            kept = [row for row, text in enumerate(taught_texts) if text not in validating]
            if len(kept) < len(taught_texts):
                _log(
                    verbose, f"leaving out {len(taught_texts) - len(kept):,} of them that validate"
                )
            taught_texts, taught = [taught_texts[row] for row in kept], taught[kept]
        if taught_texts:
            _log(verbose, f"reading {len(taught_texts):,} texts that a teacher has read")
            more = preprocessor.encode_corpus(Corpus(taught_texts, tokenizer, cache=folder))
            learned = EncodedTexts(
                [*learned.encoded, *more], np.concatenate([learned.targets, taught])
            )
        _log(
            verbose,
            f"training {network.count_params():,} parameters on {len(learned.encoded):,} texts, "
            f"validating on {len(validation_part):,}" + (" of other films" if by_film else ""),
        )
        task = Task(
            network,
            weights,
            preprocessor,
            learned,
            validation,
            training,
            seed=self.seed + epochs_before,
            trainable_vectors=settings.architecture.trainable_vectors,
            initial_accuracy=(
                self._scores(validation, numbers[validation_part])["accuracy"] if warm else None
            ),
            settings={
                "preset": str(self.preset),
                "vectors": None if isinstance(self.vectors, WordVectors) else str(self.vectors),
                "seed": int(self.seed),
                "pretrained": None if self.pretrained is None else str(self.pretrained),
                "warm_start": warm,
                **settings.options(),
            },
        )

        def end_epoch(epoch: int, scores: Mapping[str, float]) -> bool | None:
            return None if after_epoch is None else after_epoch(epochs_before + epoch, scores)

        place = None if checkpoint is None else Path(checkpoint)
        result = _run(task, callbacks, end_epoch, place, verbose)
        if result.vectors is not None:
            preprocessor = with_vectors(preprocessor, result.vectors)
        before = self.history_ if warm else {}
        best_before = self.provenance_["best_epoch"] if warm else 0
        self.classes_ = classes
        self.history_ = {
            name: [*before.get(name, []), *values] for name, values in result.history.items()
        }
        self._set_model(network, result.weights, preprocessor)
        self._trained_with = settings
        # Weights from before were divided by what they were divided by then.
        known = self.provenance_ if warm and not result.best_epoch else {}
        names = ["temperature", "calibrated_on"]
        calibrated = {name: known[name] for name in names if name in known}
        if training.temperature_scaling:
            try:
                found = self._scale(validation.encoded, numbers[validation_part])
                calibrated = {
                    "temperature": round(found * calibrated.get("temperature", 1), 4),
                    "calibrated_on": {"validation": len(validation_part)},
                }
            except DataError as error:
                # Hours of training aren't thrown away for it.
                _log(verbose, f"left as sure as it is: {error}")
        self.metrics_ = {"validation": self._scores(validation, numbers[validation_part])}
        self.provenance_ = {
            **self._named_settings(settings),
            "seed": int(self.seed),
            "trained_on": {
                "texts": len(texts),
                "taught": len(taught_texts),
                "validation": len(validation_part),
                "validated_by": "film" if by_film else "random",
                "fingerprint": fingerprint,
            },
            "epochs": len(self.history_["loss"]),
            "best_epoch": epochs_before + result.best_epoch if result.best_epoch else best_before,
            "vectors": vectors_name,
            **({} if begins_with is None else {"pretrained": Path(begins_with).name}),
            "continued": warm,
            "seconds": round(time.perf_counter() - started, 1),
            **calibrated,
            "versions": versions(*_MADE_WITH),
        }
        return self

    def pretrain(
        self,
        texts: Sequence[str],
        config: PretrainingConfig | None = None,
        *,
        checkpoint: str | Path | None = None,
        cache: str | Path | None = None,
        verbose: bool = False,
    ) -> SentimentClassifier:
        """Lets word vectors and recurrent layers learn which word comes next, in any texts.

        It is for another model's ``pretrained``: this one knows of no class yet, and gives each
        half of the probability.

        Args:
            texts: the texts, of which no label is asked; not changed.
            config: epochs, batches and candidates; None for the defaults.
            checkpoint: a file to go on from if it is there, written as training goes.
            cache: as for `fit`.
            verbose: whether to show progress on standard error.

        Returns:
            Itself. Its ``history_`` has ``loss`` and ``val_loss``, in nats a word, of which the
            second is that of texts held out; to the power of e it is the perplexity.

        Raises:
            UsageError: for settings that make no sense, a network that can't learn it, or if the
                loss is no finite number any more.
            DataError: for fewer than two texts, or if no known word follows another in those that
                are learned from, or in those held out.
            ModelError: if the checkpoint is one of other texts or settings.

        Source: see `sentiment_rnn.training.pretraining`.
        """
        from sentiment_rnn.numpy_rnn import initial_weights
        from sentiment_rnn.training.config import PretrainingConfig
        from sentiment_rnn.training.fit import with_vectors
        from sentiment_rnn.training.pretraining import PretrainingTask, pretrain

        started = time.perf_counter()
        config = config or PretrainingConfig()
        texts = checked_texts(texts)
        if len(texts) < 2:
            raise DataError(f"Expected at least two texts. Received: {len(texts)}")
        settings = self._settings()
        _log(verbose, f"reading {len(texts):,} texts")
        corpus = Corpus(
            texts, settings.preprocessing.tokenizer(), cache=None if cache is None else Path(cache)
        )
        preprocessor = self._new_preprocessor(corpus, settings)
        network = _network(settings, preprocessor.word_vectors.vector_size)
        weights = initial_weights(network, np.random.default_rng([self.seed, 1]), np.float32)
        # What is behind the recurrent layers says nothing as long as it knows of no class.
        last = max(place for place, one in enumerate(network.layers) if one.cell.is_recurrent)
        for array, weight in zip(weights, network.weights(), strict=True):
            if weight.layer > last:
                array[...] = 0
        encoded = preprocessor.truncate(preprocessor.encode_corpus(corpus))
        _log(
            verbose,
            f"training {network.count_params():,} parameters and the vectors of "
            f"{len(preprocessor.word_vectors):,} words on {sum(map(len, encoded)):,} words",
        )
        options = settings.options()
        task = PretrainingTask(
            network,
            weights,
            preprocessor.embedding_matrix(),
            encoded,
            config,
            self.seed,
            settings={
                "preset": str(self.preset),
                "vectors": None if isinstance(self.vectors, WordVectors) else str(self.vectors),
                "seed": int(self.seed),
                **{name: options[name] for name in NETWORK_OPTIONS},
            },
        )
        result = pretrain(
            task, checkpoint=None if checkpoint is None else Path(checkpoint), verbose=verbose
        )
        self.classes_ = np.array([0, 1])
        self.history_ = result.history
        after = with_vectors(preprocessor, result.vectors)
        if preprocessor.word_vectors.scales is not None:
            # What came rounded to 8 bits stays so, a quarter of the size.
            after = Preprocessor(after.config, after.word_vectors.to_int8())
        self._set_model(network, result.weights, after)
        self._trained_with = settings
        self.metrics_ = {}
        self.provenance_ = {
            **self._named_settings(settings),
            "seed": int(self.seed),
            "pretrained_on": {"texts": len(texts), "words": sum(map(len, encoded))},
            "pretraining": dataclasses.asdict(config),
            "perplexity": round(float(np.exp(result.history["val_loss"][-1])), 2),
            "epochs": len(result.history["loss"]),
            "vectors": _name_of(self.vectors),
            "continued": False,
            "seconds": round(time.perf_counter() - started, 1),
            "versions": versions(*_MADE_WITH),
        }
        return self

    def _beginning(
        self, corpus: Corpus, settings: Preset, classes: int, pretrained: str | Path | None
    ) -> tuple[Preprocessor, NetworkSpec, list[np.ndarray] | None, str]:
        """What a training that isn't continued begins with, and what a card calls its vectors.

        The weights are None where the engine draws them.

        Args:
            corpus: the texts, which may have to say which words there are.
            settings: of preprocessing and architecture.
            classes: how many there are.
            pretrained: the model folder of layers that have learned before; None for none.
        """
        if pretrained is None:
            preprocessor = self._new_preprocessor(corpus, settings)
            vector_size = preprocessor.word_vectors.vector_size
            network = _network(settings, vector_size, classes)
            return preprocessor, network, None, _name_of(self.vectors)
        begun = SentimentClassifier.load(pretrained)
        self._check_vectors(begun)
        network = _network(settings, begun.word_vectors.vector_size, classes)
        weights = _begin_with(begun, network, self.seed)
        preprocessor = Preprocessor(settings.preprocessing, begun.word_vectors)
        name = begun.provenance_.get("vectors", _name_of(begun.word_vectors))
        return preprocessor, network, weights, name

    def _check_vectors(self, begun: SentimentClassifier) -> None:
        """Refuses other word vectors than those of the model that training begins with."""
        own = begun.word_vectors.words
        mine = self.vectors.words if isinstance(self.vectors, WordVectors) else None
        if mine != own and (mine is not None or self.vectors != "imdb"):
            raise UsageError("A pretrained model has word vectors of its own: leave vectors out.")
        made = begun._trained_with
        if made is None or self.vector_length in (None, made.architecture.vector_length):
            return
        raise UsageError(
            "A pretrained model's word vectors stay as long as they are. Expected no "
            f"vector_length, or {made.architecture.vector_length}. Received: {self.vector_length}"
        )

    def _new_preprocessor(self, corpus: Corpus, settings: Preset) -> Preprocessor:
        return _preprocessor(
            corpus,
            settings.preprocessing,
            self.vectors,
            settings.architecture.vector_length,
            self.seed,
        )

    def _scores(self, data: EncodedTexts, numbers: np.ndarray) -> dict[str, Any]:
        probabilities = class_probabilities(self._output(data.encoded))
        return evaluate_probabilities(numbers, decisive(probabilities))

    def settings(self, *, to_fit: bool = False) -> Preset:
        """The preset with the options that were given.

        Args:
            to_fit: whether `fit` is to follow, so that they must go with what it begins with.

        Raises:
            UsageError: if the settings make no sense.
            ModelError: if what training is to begin with can't be read.
        """
        settings = self._settings()
        begins_with = self._begins_with() if to_fit else None
        if begins_with is None:
            _network(settings, _VECTOR_SIZE)
        else:
            begun = read_network(found_model(begins_with) / NETWORK_FILE).network
            places_to_begin_with(begun, _network(settings, begun.batch_shape[2] or _VECTOR_SIZE))
        return settings

    def _begins_with(self, warm: bool | None = None) -> str | Path | None:
        """The model whose layers `fit` begins with; None for none, as when it goes on."""
        if warm is None:
            warm = self.warm_start and hasattr(self, "classes_")
        if self.pretrained is None and self.preset == "pretrained" and not warm:
            return found_model(None, "pretrained")
        return self.pretrained

    def count_params(self) -> int:
        """Trained numbers in the network, without the word vectors."""
        self._check_is_fitted()
        return self._network.count_params()

    def _settings(self) -> Preset:
        preset = find_preset(self.preset)
        if not isinstance(self.seed, (int, np.integer)) or not 0 <= self.seed < 2**32:
            raise UsageError(f"The seed must be a whole number below 2^32. Received: {self.seed!r}")
        return preset.replace(**self._options())

    def _named_settings(self, settings: Preset) -> dict[str, Any]:
        """The settings as a preset's name and what differs from it, for the provenance."""
        # A file may be another one tomorrow.
        name = str(self.preset) if self.preset in PRESETS else "textbook"
        return {"preset": name, "options": settings.changes_from(PRESETS[name])}

    def _options(self) -> dict[str, Any]:
        options = {name: getattr(self, name) for name in OPTIONS}
        return {
            # What scikit-learn takes from an array of values to try is a number of NumPy's.
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in options.items()
            if value is not None
        }

    def _warm_settings(self, classes: np.ndarray) -> Preset:
        """The settings of the model that training goes on with; only those of training change."""
        if "pretraining" in self.provenance_:
            raise UsageError(
                "This model has learned which word comes next, and no class that training could go "
                "on with. Save it, and name its folder as pretrained (train --pretrained) instead."
            )
        if classes.tolist() != self.classes_.tolist():
            raise DataError(
                f"The model was trained on the classes {self.classes_.tolist()}. "
                f"Received: {classes.tolist()}"
            )
        if self._trained_with is None:
            raise UsageError("A converted model has no training settings: it can't be continued.")
        known = {"seed", "trained_on", "best_epoch", "vectors"}
        if not known <= self.provenance_.keys():
            raise UsageError("Where this model comes from is not known: it can't be continued.")
        if self.seed != self.provenance_["seed"]:
            raise UsageError(
                f"A model that is continued keeps its seed, {self.provenance_['seed']}, so that "
                f"what it was trained on does not validate it. Received: {self.seed}"
            )
        settings = self._trained_with.replace(**self._options())
        changes = settings.changes_from(self._trained_with)
        name = next((name for name in changes if name in NETWORK_OPTIONS), None)
        if name is not None:
            raise UsageError(
                "A model that is continued keeps its preprocessing and architecture, such as "
                f"{name}, {self._trained_with.options()[name]}.\nReceived: {changes[name]}. Give "
                "only options of training, such as epochs or learning_rate."
            )
        if (
            self._network.is_stateful
            and settings.training.batch_size != self._network.batch_shape[0]
        ):
            raise UsageError(
                f"A stateful model is continued with the batch size that it was made for, "
                f"{self._network.batch_shape[0]}. Received: {settings.training.batch_size}"
            )
        return settings

    # Predicting

    def _read(self, texts: list[str]) -> Reading:
        encoded = self._preprocessor.encode(texts)
        return Reading(
            class_probabilities(self._output(encoded)),
            np.array([len(ids) for ids in encoded]),
            self._preprocessor.is_truncated(encoded),
        )

    def predict_stream(self, pieces: Iterable[str]) -> np.ndarray:
        """The probability of each class for one document, however long, in constant memory.

        The document is tokenized and read as it comes, and nothing of it is kept but the state of
        the network. Where ``maxlen`` cuts the end of long texts off, it isn't read.

        Args:
            pieces: the document, cut anywhere: inside words or tags too.

        Returns:
            float64 ``(classes,)``: that of ``predict_proba(["".join(pieces)])``.

        Raises:
            UsageError: if a text of any length goes into the network, and it needs the end first:
                where it reads backwards, or from both ends.
            DataError: for a piece that is no str, or for more than some 1,000,000 characters in a
                row without white space.
            ModelError: if there is no trained network yet.

        Example:
            >>> classifier = SentimentClassifier.load()
            >>> pieces = ["A mov", "ing film.<b", "r />I loved it."]
            >>> whole = classifier.predict_proba(["A moving film.<br />I loved it."])
            >>> np.allclose(classifier.predict_stream(pieces), whole[0])
            True
        """
        return self._read_stream(pieces).probabilities[0]

    def document_prediction(self, pieces: Iterable[str], name: str) -> Prediction:
        """Label, probability and whether the model read it whole, for one document in pieces.

        Args:
            pieces: as in `predict_stream`.
            name: what the document is called in place of its text.

        Raises:
            UsageError: as in `predict_stream`; likewise `DataError` and `ModelError`.
        """
        (probabilities,), (length,), (truncated,) = self._read_stream(pieces)
        label = self.class_names[int(probabilities.argmax())]
        return Prediction(
            name, label, tuple(probabilities.tolist()), bool(truncated), known=bool(length)
        )

    def explain(self, text: str, *, method: str = "gradient") -> list[TokenExplanation]:
        """What each token of a text has to do with what the model says of it.

        Args:
            text: the text.
            method: how contributions are computed: "gradient", times the token's vector; or
                "occlusion", what changes without the token, which takes longer.

        Returns:
            The tokens in order, each ``(token, start, end, probability, contribution)``: its place
            in the text, ``text[start:end]``; the probability of the positive class after reading
            it, which is that of the text up to there; and by how much it raises the log odds of
            the positive class in the end, or None if the model doesn't read it. Of more than two
            classes the likeliest one stands in for the positive one.

        Raises:
            UsageError: for another method.
            ModelError: if there is no trained network yet.

        Example:
            >>> classifier = SentimentClassifier.load()
            >>> dull, _, wonderful, _ = classifier.explain("Dull? Wonderful!")
            >>> dull.contribution < 0 < wonderful.contribution
            True
            >>> wonderful.token, wonderful.start, wonderful.end
            ('Wonderful', 6, 15)

        Sources: see `sentiment_rnn.explaining`.
        """
        return self.explanations([text], method=method)[0].tokens

    def explanations(self, texts: Sequence[str], *, method: str = "gradient") -> list[Explanation]:
        """What `predictions` says of each text, and why.

        Args:
            texts: the texts.
            method: as in `explain`.

        Raises:
            UsageError: for another method.
            ModelError: if there is no trained network yet.
        """
        self._check_is_fitted()
        if method not in self._explainers:
            self._explainers[method] = Explainer(
                self._network,
                self._weights,
                self._preprocessor,
                self._made_predictor(),
                method=method,
            )
        explainer, names = self._explainers[method], self.class_names
        return [explainer.explain(text, names) for text in checked_texts(texts)]

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """The thought vector of each text: what the network makes of it, before it decides.

        That is what the last layer reads; of a network with the head flatten the state after the
        last token. Texts that mean something like it have vectors that lie close together.

        Returns:
            float32 ``(texts, features)``.

        Raises:
            ModelError: if there is no trained network yet.

        Example:
            >>> SentimentClassifier.load("textbook").transform(["A moving film.", "Dull."]).shape
            (2, 50)
        """
        self._check_is_fitted()
        return self._features(thought_network(self._network), texts)

    def mean_states(self, texts: Sequence[str]) -> np.ndarray:
        """What each cell of the last recurrent layer says on average while a text is read.

        Args:
            texts: the texts; one without a word that the model knows has zeros.

        Returns:
            float32 ``(texts, 1, units)``, as `rank_by_label` and `linear_probe` take it; of a layer
            that reads from both ends the cells that read forwards come first.

        Raises:
            ModelError: if there is no trained network yet.

        Example:
            >>> classifier = SentimentClassifier.load("textbook")
            >>> classifier.mean_states(["A moving film.", "Dull."]).shape
            (2, 1, 50)
        """
        self._check_is_fitted()
        return self._features(mean_network(self._network), texts)[:, np.newaxis]

    def _features(self, network: NetworkSpec, texts: Sequence[str]) -> np.ndarray:
        """What the first layers of the network, as they are here, make of texts."""
        encoded = self._preprocessor.truncate(self._preprocessor.encode(checked_texts(texts)))
        if goes_backwards(self._network) and not goes_backwards(network):
            encoded = [ids[::-1] for ids in encoded]
        weights = self._weights[: len(network.weights())]
        return Predictor(network, weights, self._preprocessor).predict(encoded)

    def _thoughts(self, texts: list[str]) -> np.ndarray:
        return self.transform(texts)

    def calibrate(
        self, texts: Sequence[str], labels: Sequence[Any] | np.ndarray
    ) -> SentimentClassifier:
        """Makes probabilities as sure as they are right; the predicted classes stay as they are.

        The logits are divided by the temperature that fits best, which then is part of the last
        layer's weights. What was measured before, `metrics_`, is of another model then, and is
        forgotten.

        Args:
            texts: texts that the model has not learned from, some hundreds if there are.
            labels: their labels.

        Returns:
            Itself.

        Raises:
            DataError: for a label that the model doesn't know, or texts that don't tell how sure
                to be: fewer than 20, or all of them classified rightly, or no more than by chance.
            UsageError: for a network that doesn't end in a sigmoid or softmax.

        Source: see `best_temperature`.
        """
        self._check_is_fitted()
        texts = checked_texts(texts)
        numbers = self._numbers(labels, len(texts))
        if len(texts) < _FEWEST_TO_CALIBRATE:
            raise DataError(
                f"Calibrating takes at least {_FEWEST_TO_CALIBRATE} texts. Received: {len(texts)}"
            )
        before = self.provenance_.get("temperature", 1)
        temperature = self._scale(self._preprocessor.encode(texts), numbers)
        self.metrics_ = {}
        self.provenance_ = {
            **self.provenance_,
            "temperature": round(temperature * before, 4),
            "calibrated_on": {"texts": len(texts)},
        }
        return self

    def _scale(self, encoded: Sequence[np.ndarray], numbers: np.ndarray) -> float:
        """Divides the logits by the temperature that fits best, and gives it.

        Raises:
            DataError: if the texts don't tell how sure to be.
        """
        network = logits_network(self._network)
        logits = Predictor(network, self._weights, self._preprocessor).predict(encoded)
        temperature = best_temperature(numbers, logits[:, 0] if logits.shape[1] == 1 else logits)
        if not tells_how_sure(temperature):
            how = "as good as always right" if temperature < 1 else "no better than chance"
            raise DataError(
                f"These {len(encoded)} texts don't tell how sure to be, as the model is {how} on "
                "them. Expected more of them, or others."
            )
        arrays = 2 if self._network.layers[-1]["use_bias"] else 1
        scaled = [(array / temperature).astype(array.dtype) for array in self._weights[-arrays:]]
        self._set_model(self._network, [*self._weights[:-arrays], *scaled], self._preprocessor)
        return round(temperature, 4)

    @property
    def word_vectors(self) -> WordVectors:
        """The vocabulary of the trained model."""
        self._check_is_fitted()
        return self._preprocessor.word_vectors

    @property
    def preprocessor(self) -> Preprocessor:
        """What turns texts into the network's input."""
        self._check_is_fitted()
        return self._preprocessor

    def summary(self) -> str:
        """Keras's summary of the network, trained or as the settings would make it."""
        from sentiment_rnn.architectures.builder import build_network

        if hasattr(self, "classes_"):
            network = self._network
        else:
            network = _network(self._settings(), _VECTOR_SIZE)
        lines: list[str] = []
        build_network(network).summary(
            print_fn=lambda line, **_: lines.append(line), line_length=80
        )
        return "\n".join(lines)

    def _set_model(
        self, network: NetworkSpec, weights: Sequence[np.ndarray], preprocessor: Preprocessor
    ) -> None:
        self._network = network
        self._weights = list(weights)
        self._preprocessor = preprocessor
        # Made when they are first asked for.
        self._predictor: Predictor | None = None
        self._explainers: dict[str, Explainer] = {}

    def _output(self, encoded: Sequence[np.ndarray]) -> np.ndarray:
        """The network's output ``(texts, outputs)``, computed without Keras."""
        # Weights without measure show in what comes out.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._made_predictor().predict(encoded)

    def _read_stream(self, pieces: Iterable[str]) -> Reading:
        """Reads one document, of which ``maxlen`` may cut something off."""
        self._check_is_fitted()
        preprocessor = self._preprocessor
        parts: Iterable[np.ndarray] = preprocessor.encode_stream(_checked_pieces(pieces))
        truncated = np.array([False])
        if preprocessor.config.maxlen:
            ids = preprocessor.truncate_stream(parts)
            parts, truncated = [ids], preprocessor.is_truncated([ids])
        length = 0

        def counted() -> Iterator[np.ndarray]:
            nonlocal length
            for part in parts:
                length += len(part)
                yield part

        output = self._made_predictor().predict_stream(counted())
        return Reading(class_probabilities(output[np.newaxis]), np.array([length]), truncated)

    def _made_predictor(self) -> Predictor:
        if self._predictor is None:
            self._predictor = Predictor(self._network, self._weights, self._preprocessor)
        return self._predictor

    # Saving and loading

    def save(self, folder: str | Path) -> None:
        """Writes a model folder that predicts by itself; see `save_model`."""
        self._check_is_fitted()
        trained_with = self._trained_with
        save_model(
            SavedModel(
                network=self._network,
                weights=self._weights,
                word_vectors=self._preprocessor.word_vectors,
                preprocessing=self._preprocessor.config,
                classes=tuple(self.classes_.tolist()),
                architecture=None if trained_with is None else trained_with.architecture,
                training=None if trained_with is None else trained_with.training,
                provenance=self.provenance_,
                history=self.history_,
                metrics=self.metrics_,
            ),
            folder,
        )

    @classmethod
    def load(cls, folder: str | Path | None = None) -> SentimentClassifier:
        """Reads a model folder.

        Args:
            folder: the folder; or, where there is none of that name, a model that comes with the
                package: "distilled", which is meant where none is named, "large", "largest",
                "textbook" or "pretrained".

        Raises:
            ModelError: if there is none, or it is damaged, or not to be trusted.

        Example:
            >>> SentimentClassifier.load("textbook").count_params()
            37551
        """
        path = found_model(folder, DEFAULT_MODEL)
        saved = load_model(path)
        classifier = cls(vectors=saved.word_vectors)
        classifier._trained_with = None
        if saved.architecture is not None and saved.training is not None:
            # So that a copy of the estimator, or the next fit, has the settings of this one. Not
            # `pretrained`: what it began with may be gone.
            trained_with = Preset(saved.preprocessing, saved.architecture, saved.training)
            preset = saved.provenance.get("preset")
            seed = saved.provenance.get("seed")
            preset = preset if preset in PRESETS else "textbook"
            classifier.set_params(preset=preset, seed=seed if isinstance(seed, int) else 0)
            classifier.set_params(**trained_with.changes_from(PRESETS[preset]))
            classifier._trained_with = trained_with
        classifier._restore(saved)
        return classifier

    @classmethod
    def from_keras_files(
        cls,
        model: str | Path,
        weights: str | Path | None = None,
        *,
        vectors: str | Path | WordVectors,
        preprocessing: PreprocessingConfig | None = None,
        texts: Iterable[str] | None = None,
        limit: int | None = None,
    ) -> SentimentClassifier:
        """Reads a pair of files that Keras 1, 2 or 3 wrote, as the textbook saves its models.

        Args:
            model: the network, from ``model.to_json()``.
            weights: the weights, from ``save_weights``; by default the file beside `model` with
                the same name and ``.h5`` or ``.weights.h5``.
            vectors: the word vectors that the network was trained with, as for the constructor.
            preprocessing: how texts are cut and padded; ``maxlen`` is the network's own.
            texts: keep only the words of these texts from a vectors file.
            limit: keep only the first words of a vectors file.

        Raises:
            ModelError: if the files are no such pair, or don't fit the vectors.
        """
        path = Path(model)
        weights = _weights_beside(path) if weights is None else Path(weights)
        saved = read_network(path)
        network = saved.network
        config = preprocessing or PreprocessingConfig()
        maxlen = 0 if network.is_stateful else network.batch_shape[1] or 0
        config = PreprocessingConfig(**{**dataclasses.asdict(config), "maxlen": maxlen})

        def tokens() -> set[str] | None:
            if texts is None:
                return None
            batches = tokenize_batches(texts, config.tokenizer())
            return {token for batch in batches for token in batch.vocabulary}

        word_vectors = _word_vectors(vectors, tokens, limit)
        if word_vectors.vector_size != network.batch_shape[2]:
            raise ModelError(
                f"{path}: the network takes vectors of {network.batch_shape[2]} numbers. "
                f"Received word vectors of {word_vectors.vector_size}."
            )
        outputs = network.output_shape
        if len(outputs) != 2:
            raise ModelError(f"{path}: expected outputs (batch, classes). Received: {outputs}")
        classifier = cls(vectors=word_vectors)
        classifier._trained_with = None
        classifier._restore(
            SavedModel(
                network=network,
                weights=read_weights(weights, saved),
                word_vectors=word_vectors,
                preprocessing=config,
                classes=tuple(range(max(2, outputs[1] or 0))),
                provenance={"converted_from": f"Keras {saved.keras_version}"},
            )
        )
        return classifier

    def _restore(self, saved: SavedModel) -> None:
        self.classes_ = np.array(saved.classes)
        self.history_ = saved.history
        self.metrics_ = saved.metrics
        self.provenance_ = saved.provenance
        preprocessor = Preprocessor(saved.preprocessing, saved.word_vectors)
        self._set_model(saved.network, saved.weights, preprocessor)


_VECTOR_SIZE = 300


def _checked_pieces(pieces: Iterable[str]) -> Iterator[str]:
    if isinstance(pieces, str):
        raise DataError("Expected a document in pieces. Received one text: put it in a list.")
    return map(_checked_piece, pieces, itertools.count())


def _checked_piece(piece: str, number: int) -> str:
    if not isinstance(piece, str):
        raise DataError(
            f"Expected pieces of type str. Received {type(piece).__name__} at index {number}."
        )
    return piece


def _checked_probabilities(
    probabilities: Sequence[float] | np.ndarray, texts: int, classes: int
) -> np.ndarray:
    """As targets of the network, ``(texts, outputs)``."""
    probabilities = np.asarray(probabilities, np.float32)
    shape = (texts,) if classes == 2 else (texts, classes)
    if (probabilities.shape != shape) if texts else probabilities.size:
        what = "a probability" if classes == 2 else f"the probabilities of {classes} classes"
        raise DataError(
            f"Expected {what} for each of {texts} taught texts. Received: {probabilities.shape}"
        )
    probabilities = probabilities.reshape(texts, -1 if texts else classes)
    wrong = np.argwhere(~((probabilities >= 0) & (probabilities <= 1)))
    if wrong.size:
        text, column = wrong[0]
        raise DataError(
            f"Expected probabilities from 0 to 1. Received: {probabilities[text, column]} for "
            f"taught text {text}"
        )
    return probabilities


def _begin_with(begun: SentimentClassifier, network: NetworkSpec, seed: int) -> list[np.ndarray]:
    """Initial weights of a network, the recurrent layers' from a model that has learned before."""
    from sentiment_rnn.numpy_rnn import initial_weights

    weights = initial_weights(network, np.random.default_rng([seed, 1]), np.float32)
    for place, other in places_to_begin_with(begun._network, network):
        weights[place] = begun._weights[other].copy()
    return weights


def _network(settings: Preset, vector_size: int, classes: int = 2) -> NetworkSpec:
    """The network that the settings stand for."""
    try:
        return sentiment_network(
            settings.architecture,
            maxlen=settings.preprocessing.maxlen,
            vector_size=vector_size,
            batch_size=settings.training.batch_size,
            classes=classes,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _run(
    task: Task,
    callbacks: Sequence[keras.callbacks.Callback],
    after_epoch: AfterEpoch,
    checkpoint: Path | None,
    verbose: bool,
) -> FitResult:
    """Trains with the engine that the task names."""
    if task.config.engine == "numpy":
        from sentiment_rnn.training.numpy_engine import fit_with_numpy

        return fit_with_numpy(task, after_epoch=after_epoch, checkpoint=checkpoint, verbose=verbose)
    from sentiment_rnn.training.keras_engine import fit_with_keras

    return fit_with_keras(
        task,
        callbacks=callbacks,
        after_epoch=after_epoch,
        checkpoint=checkpoint,
        verbose=verbose,
    )


def _preprocessor(
    corpus: Corpus,
    config: PreprocessingConfig,
    vectors: str | Path | WordVectors,
    length: float,
    seed: int,
) -> Preprocessor:
    """Finds or trains the word vectors, and scales them to a length, if it is not 0."""
    if isinstance(vectors, str) and vectors == "train":
        trained = WordVectors.train(corpus.tokenized, vector_size=_VECTOR_SIZE, seed=seed)
        return Preprocessor(config, trained.with_length(length or 1))
    found = _word_vectors(vectors, lambda: set(corpus.tokenized.vocabulary), None)
    return Preprocessor(config, found.with_length(length) if length else found)


def _word_vectors(
    vectors: str | Path | WordVectors, keep: Callable[[], set[str] | None], limit: int | None
) -> WordVectors:
    if isinstance(vectors, WordVectors):
        return vectors
    if vectors == "imdb":
        return WordVectors.load(shipped("models") / "imdb_vectors" / _VECTORS_FILE)
    path = Path(vectors)
    if is_model_folder(path):
        path = path / _VECTORS_FILE
    if path.suffix == ".npz":
        return WordVectors.load(path)
    return WordVectors.from_word2vec(path, keep=keep(), limit=limit)


def _name_of(vectors: str | Path | WordVectors) -> str:
    """What a model card calls the vectors: "imdb", "train" or a file's name, but no path."""
    return "given in memory" if isinstance(vectors, WordVectors) else Path(vectors).name


def _weights_beside(path: Path) -> Path:
    candidates = [path.with_suffix(".h5"), path.with_suffix(".weights.h5")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ModelError(f"Expected the weights of {path} at {candidates[0]}. There is no such file.")


def _check_words(encoded: Sequence[np.ndarray], verbose: bool) -> None:
    """Refuses texts of which nothing is read."""
    empty = sum(not len(ids) for ids in encoded)
    if empty == len(encoded):
        raise DataError(
            f"None of these {empty:,} texts has a word that the word vectors know. Expected texts "
            "in their language, or vectors that are trained on the texts (vectors: train)."
        )
    if empty:
        _log(verbose, f"{empty:,} texts have no word that the word vectors know")


def _targets(numbers: np.ndarray, classes: int) -> np.ndarray:
    """What the network is to say of texts whose classes are known, ``(texts, outputs)``."""
    if classes == 2:
        return numbers[:, np.newaxis].astype(np.float32)
    return np.eye(classes, dtype=np.float32)[numbers]


def _log(verbose: bool, message: str) -> None:
    if verbose:
        print(message, file=sys.stderr)
