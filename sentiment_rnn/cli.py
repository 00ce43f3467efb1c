"""The command line: each command is a few lines over the library.

Results go to standard output, progress and messages to standard error. What a user can cause ends
with a message of at most three lines and the exit code of `sentiment_rnn.errors`.
"""

from __future__ import annotations

import argparse
import codecs
import csv
import dataclasses
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from sentiment_rnn._files import atomic_file
from sentiment_rnn.errors import DataError, ResourceError, SentimentRNNError, UsageError
from sentiment_rnn.prediction import Prediction
from sentiment_rnn.presets import (
    CHARACTER_OPTIONS,
    NETWORK_OPTIONS,
    OPTIONS,
    PRESETS,
    PRETRAINING_OPTIONS,
    Preset,
)

if TYPE_CHECKING:
    import numpy as np

    from sentiment_rnn.datasets import Reviews
    from sentiment_rnn.preprocessing import PreprocessingConfig
    from sentiment_rnn.sentiment import SentimentClassifier

TRAINED = Path("trained")
INTERRUPTED = 130
# Texts that are read, predicted and written at a time: memory doesn't grow with the input.
_CHUNK = 2000
# Bytes of a document that are read at a time, and how much of it stands for it in the output.
_PIECE = 1 << 16
_BEGINNING = 80
# Lines that a model reads before it writes one.
_LINES_BEFORE = 20
# Characters of a page that shows cells, and of the text that they are ranked on.
_SHOWN, _RANKED = 20_000, 100_000
# What the benchmarks measure, told without importing them.
_SUITES = (
    "training",
    "prediction",
    "preprocessing",
    "memory",
    "startup",
    "growth",
    "accuracy",
    "characters",
)
# What an old pair of Keras files says nothing of; its maxlen is the network's own.
_CONVERTED = ("padding", "truncating", "unknown", "lowercase", "keep_break_tags")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code.

    Example:
        >>> main(["predict", "--model", "no/such/folder", "Lovely."])
        4
    """
    options = _parser().parse_args(arguments)
    # TensorFlow reports on its own start-up; only its errors concern the user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        if sys.stdout is None:
            raise ResourceError("Standard output is closed: there is nowhere to write results to.")
        options.run(options)
        sys.stdout.flush()
    except SentimentRNNError as error:
        if options.debug:
            raise
        print(f"sentiment-rnn: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever reads the output has had enough. Python would complain when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        if options.debug:
            raise
        # A progress bar may stand on the line.
        print("\nsentiment-rnn: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


# Commands


def _train(options: argparse.Namespace) -> None:
    from sentiment_rnn.persistence import is_model_folder
    from sentiment_rnn.sentiment import SentimentClassifier
    from sentiment_rnn.training.run_log import append_run

    out = options.out or TRAINED / f"{_name_of(options.data)}-{options.preset or 'textbook'}"
    settings = {name: getattr(options, name) for name in OPTIONS}
    if options.resume:
        own = ("preset", "vectors", "seed", "pretrained")
        given = [name for name in own if getattr(options, name) is not None]
        if given:
            raise UsageError(f"--resume goes on with the model's own {given[0]}: leave it out.")
        changed = {name: value for name, value in settings.items() if value is not None}
        classifier = SentimentClassifier.load(out).set_params(**changed, warm_start=True)
    else:
        if out.exists() and not options.overwrite:
            what = "a model" if is_model_folder(out) else "something else"
            raise UsageError(
                f"{out} is there already and holds {what}.\nName another --out, --resume training "
                "it, or replace it with --overwrite."
            )
        # Before hours of training, not after them.
        if out.exists() and not is_model_folder(out):
            raise UsageError(f"{out} is there and is no model folder: it is not overwritten.")
        if options.pretrained is not None and options.vectors is not None:
            raise UsageError("--pretrained has word vectors of its own: leave --vectors out.")
        classifier = SentimentClassifier(
            options.preset or "textbook",
            vectors=options.vectors or "imdb",
            seed=options.seed or 0,
            pretrained=options.pretrained,
            **settings,
        )
    if classifier.settings().training.engine == "keras":
        _import_keras()
    teachers = [SentimentClassifier.load(folder) for folder in options.teacher or []]
    train, test = _load_data(options, unsupervised=bool(teachers))
    taught_texts, taught = _taught(teachers, train.unsupervised or [])
    if options.limit is not None:
        train = train.limit(options.limit, classifier.seed)
    classifier.fit(
        train.texts,
        train.labels,
        groups=train.groups,
        taught_texts=taught_texts,
        taught_probabilities=taught,
        cache=_cache(options),
        verbose=True,
    )
    if test is not None and options.test:
        print(f"evaluating on {len(test):,} test texts", file=sys.stderr)
        classifier.metrics_["test"] = classifier.evaluate(test.texts, test.labels)
    classifier.save(out)
    append_run(
        out.parent,
        {
            "name": out.name,
            "data": str(options.data),
            "limit": options.limit,
            "parameters": classifier.count_params(),
            "metrics": classifier.metrics_,
            **classifier.provenance_,
        },
    )
    print(f"saved {out}", file=sys.stderr)
    print(_format_scores(classifier.metrics_))


def _pretrain(options: argparse.Namespace) -> None:
    from sentiment_rnn.persistence import is_model_folder
    from sentiment_rnn.sentiment import SentimentClassifier
    from sentiment_rnn.training.config import PretrainingConfig

    out: Path = options.out
    if out.exists() and not (options.overwrite and is_model_folder(out)):
        raise UsageError(
            f"{out} is there already. Name another --out, or replace a model with --overwrite."
        )
    checkpoint = out.with_name(f"{out.name}.checkpoint.npz")
    if not options.resume:
        checkpoint.unlink(missing_ok=True)
    elif not checkpoint.exists():
        raise UsageError(f"There is nothing to resume: {checkpoint} is missing.")
    settings = {name: getattr(options, name) for name in NETWORK_OPTIONS}
    classifier = SentimentClassifier(
        options.preset, vectors=options.vectors, seed=options.seed, **settings
    )
    chosen = {name: getattr(options, name) for name in PRETRAINING_OPTIONS}
    try:
        config = PretrainingConfig(**{k: v for k, v in chosen.items() if v is not None})
    except ValueError as error:
        raise UsageError(str(error)) from error
    classifier.settings()
    _import_keras()
    train, _ = _load_data(options, unsupervised=options.unsupervised)
    texts = train.texts + (train.unsupervised or [])
    classifier.pretrain(texts, config, checkpoint=checkpoint, cache=_cache(options), verbose=True)
    classifier.save(out)
    checkpoint.unlink(missing_ok=True)
    print(f"saved {out}", file=sys.stderr)
    print(f"perplexity of the texts held out: {classifier.provenance_['perplexity']:,}")


def _taught(
    teachers: Sequence[SentimentClassifier], texts: list[str]
) -> tuple[list[str], Sequence[float] | np.ndarray]:
    """The reviews without label, and what the teachers say of them on average."""
    if not teachers:
        return [], []
    print(f"reading {len(texts):,} reviews without label, to teach", file=sys.stderr)
    said, *others = (teacher.predict_proba(texts)[:, 1] for teacher in teachers)
    for other in others:
        said += other
    return texts, said / len(teachers)


def _evaluate(options: argparse.Namespace) -> None:
    classifier = _load_model(options)
    train, test = _load_data(options)
    # A table has one part, which is what it is evaluated on.
    part = train if options.split == "train" or test is None else test
    if options.limit is not None:
        part = part.limit(options.limit, seed=0)
    scores = classifier.evaluate(part.texts, part.labels)
    if options.json:
        print(json.dumps(scores))
        return
    print(_format_scores({"all" if test is None else options.split: scores}))
    print("\nconfusion matrix    " + "".join(f"{name:>12}" for name in classifier.class_names))
    for name, row in zip(classifier.class_names, scores["confusion_matrix"], strict=True):
        print(f"{name:>12} called" + "".join(f"{count:>13}" for count in row))
    rows = [
        [f"{one['from']} to {one['to']}", f"{one['texts']:,}", f"{one['accuracy']:.4g}"]
        for one in scores["accuracy_by_length"]
    ]
    print("\n" + _format_table(["known tokens", "texts", "accuracy"], rows))


def _predict(options: argparse.Namespace) -> None:
    if options.text and options.input:
        raise UsageError("Give texts as arguments or in --input, not both.")
    if options.text and options.document:
        raise UsageError(
            "--document takes the document from --input or standard input: leave the texts out."
        )
    # Python has no standard input at all where the caller closed it.
    nothing_comes = sys.stdin is None or sys.stdin.isatty()
    if not options.text and not options.input and nothing_comes:
        raise UsageError(
            "No text to predict. Give it as an argument, in a file with --input, or on standard "
            "input, one text a line."
        )
    with _input_texts(options) as texts, _output(options.output) as output:
        predictions: Iterable[Prediction]
        if options.document:
            beginning = next(texts)
            name = _shortened(beginning, _BEGINNING)
            document = chain([beginning], texts)
            predictions = [_load_model(options).document_prediction(document, name)]
        else:
            first = next(iter(chunks := _chunked(texts, _CHUNK)), [])
            classifier = _load_model(options, texts=first)
            predictions = (
                prediction
                for chunk in _chain(first, chunks)
                for prediction in classifier.predictions(chunk)
            )
        _write_predictions(predictions, options.format, output)


def _download(options: argparse.Namespace) -> None:
    from sentiment_rnn.datasets import download

    print(download(options.name))


def _vectors(options: argparse.Namespace) -> None:
    from sentiment_rnn.preprocessing import TreebankTokenizer, WordVectors
    from sentiment_rnn.preprocessing.tokenized import Corpus

    unsupervised = options.unsupervised
    train, _ = _load_data(options, unsupervised=unsupervised)
    texts = train.texts + (train.unsupervised or [] if unsupervised else [])
    print(f"reading {len(texts):,} texts", file=sys.stderr)
    tokenizer = TreebankTokenizer(lowercase=options.lowercase)
    sentences = Corpus(texts, tokenizer, cache=_cache(options)).tokenized
    print("training word vectors", file=sys.stderr)
    vectors = WordVectors.train(
        sentences,
        vector_size=options.vector_size,
        window=options.window,
        min_count=options.min_count,
        epochs=options.epochs,
        skip_gram=options.skip_gram,
        workers=options.workers,
        seed=options.seed,
    )
    vectors = vectors.head(options.words or len(vectors)).with_length(1)
    vectors = vectors.to_int8() if options.int8 else vectors
    vectors.save(options.out)
    print(f"saved {len(vectors):,} words to {options.out}", file=sys.stderr)


def _convert(options: argparse.Namespace) -> None:
    if options.out.exists() and not options.overwrite:
        raise UsageError(f"{options.out} is there already. Name another, or give --overwrite.")
    settings = {name: getattr(options, name) for name in _CONVERTED}
    chosen = {name: value for name, value in settings.items() if value is not None}
    preprocessing = Preset().replace(**chosen).preprocessing
    classifier = _keras_files(
        options.model, options.weights, options, preprocessing=preprocessing, limit=options.words
    )
    classifier.save(options.out)
    print(f"saved {options.out}", file=sys.stderr)


def _runs(options: argparse.Namespace) -> None:
    from sentiment_rnn.training.run_log import read_runs

    rows = []
    for run in read_runs(options.folder):
        test = run["metrics"].get("test", {}).get("accuracy")
        changed = " ".join(f"{name}={value}" for name, value in run["options"].items())
        rows.append(
            [
                run["name"],
                f"{run['metrics']['validation']['accuracy']:.4f}",
                "" if test is None else f"{test:.4f}",
                f"{run['parameters']:,}",
                f"{run['seconds']:.0f}",
                str(run["seed"]),
                f"{run['preset']} {changed}".strip(),
            ]
        )
    head = ["model", "validation", "test", "parameters", "seconds", "seed", "settings"]
    print(_format_table(head, rows))


def _benchmark(options: argparse.Namespace) -> None:
    # They lie beside the package in a checkout, and no wheel carries them.
    checkout = Path(__file__).parents[1]
    if not (checkout / "benchmarks" / "measuring.py").is_file():
        raise UsageError(
            "The benchmarks come with a checkout of the repository, not with the installed "
            "package.\nIn a clone: pip install -e . && sentiment-rnn benchmark"
        )
    if str(checkout) not in sys.path:
        sys.path.insert(0, str(checkout))
    from benchmarks.run import run
    from benchmarks.settings import Settings, default_data, default_text
    from benchmarks.suites import SUITES

    settings = Settings(
        data=options.data or ("sample" if options.quick else default_data()),
        text=options.text or ("" if options.quick else default_text()),
        quick=options.quick,
        rounds=options.rounds or (2 if options.quick else 5),
        seeds=options.seeds or (1 if options.quick else 3),
    )
    # Before minutes of measuring, not after them.
    if settings.data not in ("sample", "imdb") and not Path(settings.data).exists():
        raise ResourceError(f"{settings.data} does not exist. Expected reviews, as train has them.")
    suites = SUITES if options.suite == "all" else (options.suite,)
    found = run(suites, settings, as_json=options.json, out=options.out)
    if options.json:
        print("[" + ",\n".join(found) + "]")
        return
    for markdown in found:
        print(markdown, flush=True)


def _summary(options: argparse.Namespace) -> None:
    from sentiment_rnn.sentiment import SentimentClassifier

    _import_keras()
    if options.model is not None:
        print(SentimentClassifier.load(options.model).summary())
        return
    settings = {name: getattr(options, name) for name in OPTIONS}
    print(SentimentClassifier(options.preset or "textbook", **settings).summary())


# Character models


def _chars_train(options: argparse.Namespace) -> None:
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import load_text_or_reviews
    from sentiment_rnn.persistence.character_folder import is_character_folder
    from sentiment_rnn.training.character_engine import checkpoint_settings

    out: Path = options.out
    if out.exists() and not options.resume and not options.overwrite:
        raise UsageError(
            f"{out} is there already.\nName another --out, --resume training it, or replace it "
            "with --overwrite."
        )
    # Before hours of training, not after them.
    if out.exists() and not is_character_folder(out):
        raise UsageError(f"{out} is there and is no character model: it is not overwritten.")
    chosen = {name: getattr(options, name) for name in ("unit", "seed", *CHARACTER_OPTIONS)}
    settings = {name: value for name, value in chosen.items() if value is not None}
    checkpoint = out.with_name(f"{out.name}.checkpoint.npz")
    if not options.resume:
        checkpoint.unlink(missing_ok=True)
    elif not checkpoint.exists():
        raise UsageError(f"There is nothing to resume: {checkpoint} is missing.")
    else:
        settings = checkpoint_settings(checkpoint) | settings
    model = CharLanguageModel(**settings)
    if model.training.engine == "keras":
        _import_keras()
    model.fit(load_text_or_reviews(options.file), checkpoint=checkpoint, verbose=True)
    model.save(out)
    print(f"saved {out}", file=sys.stderr)
    bits = model.metrics_["bits_per_character"]["validation"]
    print(f"validation: {bits:.4f} bits per {model.unit}, perplexity {2**bits:.2f}")


def _chars_sample(options: argparse.Namespace) -> None:
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import load_names

    if options.new is not None and options.stop is not None:
        raise UsageError("--new writes lines, which end at their end: leave --stop out.")
    chance = {
        name: value
        for name in ("temperature", "top_k", "top_p", "seed")
        if (value := getattr(options, name)) is not None
    }
    width = options.beam_width
    if width is not None and chance:
        flag = "--" + next(iter(chance)).replace("_", "-")
        raise UsageError(f"--beam-width leaves nothing to chance: leave {flag} out.")
    if width is not None and options.samples > width:
        raise UsageError(
            f"Expected --samples of at most the --beam-width, {width}. Received: {options.samples}"
        )
    known = None if options.new is None else load_names(options.new)
    before, stop = "", options.stop
    if known is not None:
        # A model that has read nothing is in a state that it never was in when it learned.
        seed = options.seed if options.seed is not None else 0
        lines = random.Random(seed).sample(known, min(_LINES_BEFORE, len(known)))
        before, stop = "".join(f"\n{line}" for line in lines) + "\n", "\n"
    model = CharLanguageModel.load(options.model)
    prime = before + options.prime
    if width is None:
        texts = model.samples(options.samples, options.length, prime=prime, stop=stop, **chance)
    else:
        found = model.beam_search(options.length, prime=prime, width=width, stop=stop)
        texts = [text for text, _ in found[: options.samples]]
    texts = [options.prime + text for text in texts]
    if known is not None:
        new = [text for text in texts if text.strip() and text.strip() not in known]
        print(f"{len(new)} of {len(texts)} are new: {len(new) / len(texts):.1%}", file=sys.stderr)
        texts = list(dict.fromkeys(new))
    for text in texts:
        print(text)


def _chars_evaluate(options: argparse.Namespace) -> None:
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import load_text

    model = CharLanguageModel.load(options.model)
    text = load_text(options.file)
    bits = model.bits_per_character(text)
    unit = model.alphabet_.unit
    if options.json:
        scores = {"characters": len(text), "bits_per_character": bits, "perplexity": 2**bits}
        print(json.dumps(scores))
    else:
        print(f"{bits:.4f} bits per {unit}, perplexity {2**bits:.2f}, {len(text):,} characters")


def _chars_show(options: argparse.Namespace) -> None:
    from sentiment_rnn.character_page import write_page
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import load_text
    from sentiment_rnn.inspection import rank_cells

    if (options.text is None) == (options.input is None):
        raise UsageError("Give the text to show as an argument or in --input, one of the two.")
    model = CharLanguageModel.load(options.model)
    symbols = model.alphabet_.symbols
    if isinstance(symbols, bytes):
        raise UsageError("This model reads bytes: only models of characters can be shown.")
    text = load_text(options.input) if options.text is None else options.text
    if len(text) > _SHOWN:
        raise UsageError(
            f"Expected a text of at most {_SHOWN:,} characters. Received: {len(text):,}"
        )
    ranking = None
    if options.rank_on is not None:
        longer = load_text(options.rank_on)[:_RANKED]
        ranking = rank_cells(model.states(longer), longer)
    write_page(
        options.out,
        text,
        model.states(text),
        model.probabilities(text),
        symbols,
        title=f"What {options.model.resolve().name} reads",
        ranking=ranking,
    )
    print(f"saved {options.out}", file=sys.stderr)


def _chars_probe(options: argparse.Namespace) -> None:
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.inspection import linear_probe, rank_by_label

    model = CharLanguageModel.load(options.model)
    train, test = _load_data(options)
    if test is None:
        raise UsageError(
            "A probe learns from train texts and is asked of test texts. A table has one part only."
        )
    if options.limit is not None:
        train, test = (part.limit(options.limit, seed=0) for part in (train, test))
    learned, tested = (model.mean_states(part.texts) for part in (train, test))
    ranking = rank_by_label(learned, train.labels)
    accuracy = linear_probe(learned, train.labels, tested, test.labels)
    # What the best cells are worth is asked of texts that they weren't chosen on.
    again = {(one.layer, one.cell): one for one in rank_by_label(tested, test.labels)}
    best = [again[one.layer, one.cell] for one in ranking[: options.cells]]
    if options.json:
        cells = [dataclasses.asdict(one) for one in best]
        print(json.dumps({"texts": len(test), "probe_accuracy": accuracy, "cells": cells}))
        return
    rows = [
        [f"{one.layer}", f"{one.cell}", f"{one.auc:.4f}", "high" if one.sign > 0 else "low"]
        for one in best
    ]
    print(_format_table(["layer", "cell", "AUC", "in positive texts"], rows))
    neurons = learned[0].size
    print(f"\nall {neurons:,} cells together: accuracy {accuracy:.4f} on {len(test):,} test texts")


def _import_keras() -> None:
    """Imports Keras without what TensorFlow's libraries write to standard error as they start.

    No setting of TensorFlow turns these lines off; if the import fails, they are shown.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as messages:
        standard_error = os.dup(2)
        os.dup2(messages.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            messages.seek(0)
            os.write(standard_error, messages.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


# Input


def _load_data(
    options: argparse.Namespace, *, unsupervised: bool = False
) -> tuple[Reviews, Reviews | None]:
    from sentiment_rnn.datasets import load_data

    print(f"loading {options.data}", file=sys.stderr)
    return load_data(
        options.data,
        unsupervised=unsupervised,
        text_column=options.text_column,
        label_column=options.label_column,
        group_column=options.group_column,
        positive_from=options.positive_from,
        cache=_cache(options),
    )


def _cache(options: argparse.Namespace) -> Path | None:
    """The folder where what was read and tokenized is kept, if it is to be kept."""
    from sentiment_rnn.datasets import cache_folder

    if options.no_cache or os.environ.get("SENTIMENT_RNN_NO_CACHE"):
        return None
    return cache_folder() / "corpora"


def _load_model(
    options: argparse.Namespace, texts: Iterable[str] | None = None
) -> SentimentClassifier:
    from sentiment_rnn.sentiment import SentimentClassifier

    if options.model is not None and options.model.suffix == ".json":
        return _keras_files(options.model, None, options, texts=texts)
    if options.vectors is not None:
        raise UsageError("A model folder has its own word vectors: --vectors is for OLD.json.")
    return SentimentClassifier.load(options.model)


def _keras_files(
    model: Path,
    weights: Path | None,
    options: argparse.Namespace,
    *,
    preprocessing: PreprocessingConfig | None = None,
    texts: Iterable[str] | None = None,
    limit: int | None = None,
) -> SentimentClassifier:
    from sentiment_rnn.sentiment import SentimentClassifier

    if options.vectors is None:
        raise UsageError(
            f"{model} holds no word vectors. Name those that it was trained with: --vectors imdb, "
            "or --vectors PATH."
        )
    return SentimentClassifier.from_keras_files(
        model,
        weights,
        vectors=options.vectors,
        preprocessing=preprocessing,
        texts=texts,
        limit=limit,
    )


@contextmanager
def _input_texts(options: argparse.Namespace) -> Iterator[Iterator[str]]:
    """The texts, or the pieces of the document."""
    if options.text:
        yield iter(options.text)
        return
    name = str(options.input or "standard input")
    try:
        with open(options.input or sys.stdin.fileno(), "rb", closefd=bool(options.input)) as file:
            yield (_decoded_pieces if options.document else _decoded_lines)(file, name)
    except OSError as error:
        if isinstance(error, (ResourceError, BrokenPipeError)):
            raise
        raise ResourceError(f"Could not read {name}: {error.strerror}") from error


def _decoded_lines(file: Iterable[bytes], name: str) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{name}, line {number}: expected UTF-8 text. {error}") from error


def _decoded_pieces(file: BinaryIO, name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    while True:
        piece = file.read(_PIECE)
        # Bytes of a character that the last piece ended in.
        waiting, _ = decoder.getstate()
        try:
            yield decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}, byte offset {read - len(waiting) + error.start}: expected UTF-8 text. "
                f"Received: 0x{error.object[error.start]:02x}, {error.reason}"
            ) from error
        if not piece:
            return
        read += len(piece)


def _shortened(text: str, length: int) -> str:
    r"""The beginning of a text on one line.

    Example:
        >>> _shortened("A gem.", 6), _shortened(" A\n\n gem. Watch it!", 6)
        ('A gem.', 'A gem.…')
    """
    line = " ".join(text.split())
    return line if len(line) <= length else line[:length].rstrip() + "…"


def _chunked(items: Iterable[str], size: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _chain(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    if first:
        yield first
    yield from rest


def _name_of(data: str) -> str:
    """A short name of a data source for the folder of a model trained on it.

    Example:
        >>> _name_of("data/aclImdb_v1.tar.gz"), _name_of("sample")
        ('aclImdb_v1', 'sample')
    """
    return Path(data).name.split(".")[0] or "data"


# Output


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    with nullcontext() if path is None else atomic_file(path) as temporary:
        if temporary is None:
            yield sys.stdout
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield file


def _write_predictions(predictions: Iterable[Prediction], kind: str, file: TextIO) -> None:
    rows = (
        {**dataclasses.asdict(prediction), "probability": round(prediction.probability, 6)}
        for prediction in predictions
    )
    if kind == "text":
        for row in rows:
            end = "\t(truncated)" if row["truncated"] else ""
            file.write(f"{row['label']}\t{row['probability']:.4f}\t{row['text']}{end}\n")
    elif kind == "csv":
        columns = [column.name for column in dataclasses.fields(Prediction)]
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    elif kind == "jsonl":
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        file.write("[")
        for number, row in enumerate(rows):
            file.write((",\n " if number else "") + json.dumps(row, ensure_ascii=False))
        file.write("]\n")


def _format_scores(metrics: dict[str, dict[str, Any]]) -> str:
    names = ("accuracy", "roc_auc", "f1", "log_loss", "calibration_error", "texts_per_second")
    shown = [name for name in names if any(scores.get(name) for scores in metrics.values())]
    rows = []
    for part, scores in metrics.items():
        figures = [scores.get(name) for name in shown]
        cells = ["" if figure is None else f"{figure:,.4g}" for figure in figures]
        rows.append([part, f"{scores['texts']:,}", *cells])
    return _format_table(["part", "texts", *(name.replace("_", " ") for name in shown)], rows)


def _format_table(head: list[str], rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell, the first flush left.

    Example:
        >>> print(_format_table(["part", "texts"], [["test", "25,000"]]))
        part   texts
        test  25,000
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


# Arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sentiment-rnn",
        description="Classify the sentiment of text with recurrent networks.",
        epilog="Exit codes: 0 done, 2 wrong usage, 3 bad input data, 4 bad model, 5 disk or "
        "network, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    train = _command(commands, "train", _train, "train a network, evaluate it and save it")
    _add_data_arguments(train, "sample")
    _add_preset_arguments(train)
    train.add_argument(
        "--vectors",
        metavar="imdb|train|PATH",
        help="word vectors: those that come with the package (default), trained on the texts, a "
        "word2vec file, or a model folder whose vectors to take",
    )
    train.add_argument(
        "--teacher",
        type=Path,
        metavar="DIR",
        action="append",
        help="learn also from what this model says of the reviews without label; of several, from "
        "their mean",
    )
    train.add_argument(
        "--pretrained",
        type=Path,
        metavar="DIR",
        help="begin with this model's word vectors and recurrent layers, which learned before; see "
        "pretrain",
    )
    train.add_argument("--out", type=Path, metavar="DIR", help="model folder to write (trained/…)")
    train.add_argument("--seed", type=int, metavar="N", help="of everything random (0)")
    train.add_argument("--limit", type=int, metavar="N", help="train on N texts only")
    train.add_argument(
        "--resume", action="store_true", help="go on training the model in --out for more epochs"
    )
    train.add_argument("--overwrite", action="store_true", help="replace the model in --out")
    train.add_argument(
        "--test",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="evaluate on the test part in the end",
    )

    before = _command(
        commands,
        "pretrain",
        _pretrain,
        "let a network learn which word comes next, to begin with in train --pretrained",
    )
    _add_data_arguments(before, None)
    before.add_argument(
        "--unsupervised", action="store_true", help="learn from the texts without labels too"
    )
    before.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default="recommended",
        help="whose network it is (recommended)",
    )
    before.add_argument(
        "--vectors", metavar="imdb|train|PATH", default="imdb", help="to begin with (imdb)"
    )
    before.add_argument("--out", type=Path, metavar="DIR", required=True, help="model folder")
    before.add_argument("--seed", type=int, metavar="N", default=0, help="of everything random (0)")
    before.add_argument(
        "--resume",
        action="store_true",
        help="go on where it stopped, by the checkpoint beside --out; every five minutes it is "
        "written anew",
    )
    before.add_argument("--overwrite", action="store_true", help="replace the model in --out")
    _add_options(
        before.add_argument_group("how it learns"), PRETRAINING_OPTIONS, PRETRAINING_OPTIONS
    )
    _add_options(before.add_argument_group("the network"), NETWORK_OPTIONS)

    evaluate = _command(commands, "evaluate", _evaluate, "score a model on labelled texts")
    evaluate.add_argument("model", type=Path, metavar="MODEL", help="model folder, or OLD.json")
    _add_data_arguments(evaluate, None)
    evaluate.add_argument("--vectors", metavar="imdb|PATH", help="the word vectors of OLD.json")
    evaluate.add_argument("--split", choices=("train", "test"), default="test")
    evaluate.add_argument("--limit", type=int, metavar="N", help="score N texts only")
    evaluate.add_argument("--json", action="store_true", help="print a JSON object")

    predict = _command(commands, "predict", _predict, "classify texts")
    predict.add_argument(
        "text", nargs="*", metavar="TEXT", help="texts; else one a line of --input"
    )
    predict.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="model folder, OLD.json, or a model that comes with the package: textbook or "
        "recommended (recommended)",
    )
    predict.add_argument("--vectors", metavar="imdb|PATH", help="the word vectors of OLD.json")
    predict.add_argument("--input", type=Path, metavar="FILE", help="texts (standard input)")
    predict.add_argument(
        "--document",
        action="store_true",
        help="the input is one document, however long, instead of a text a line; in the output its "
        f"first {_BEGINNING} characters stand for it, on one line",
    )
    predict.add_argument("--output", type=Path, metavar="FILE", help="file (standard output)")
    predict.add_argument("--format", choices=("text", "json", "jsonl", "csv"), default="text")

    download = _command(commands, "download", _download, "fetch a public data set")
    download.add_argument("name", choices=("imdb", "text8"), help="the data set")

    vectors = _command(commands, "vectors", _vectors, "train word vectors on texts")
    _add_data_arguments(vectors, None)
    vectors.add_argument("--out", type=Path, metavar="FILE.npz", required=True)
    vectors.add_argument(
        "--unsupervised", action="store_true", help="use the texts without labels too"
    )
    vectors.add_argument("--words", type=_count, metavar="N", help="keep the N most frequent words")
    vectors.add_argument("--int8", action="store_true", help="round to 8 bits, a quarter the size")
    vectors.add_argument("--lowercase", action="store_true", help="train on lower-case text")
    vectors.add_argument("--skip-gram", action="store_true", help="instead of CBOW")
    for name, default, text in (
        ("vector-size", 300, "numbers in each vector"),
        ("window", 5, "words to each side that make a context"),
        ("min-count", 5, "leave out words that come less often"),
        ("epochs", 5, "passes over the texts"),
        ("workers", 1, "threads; only with 1 the same seed gives the same vectors"),
    ):
        vectors.add_argument(
            f"--{name}", type=_count, metavar="N", default=default, help=f"{text} ({default})"
        )
    vectors.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (0)"
    )

    convert = _command(commands, "convert", _convert, "make a model folder of old Keras files")
    convert.add_argument("model", type=Path, metavar="OLD.json", help="model.to_json() of Keras")
    convert.add_argument("weights", type=Path, metavar="OLD.h5", help="save_weights() of Keras")
    convert.add_argument("--out", type=Path, metavar="DIR", required=True, help="model folder")
    convert.add_argument(
        "--vectors", metavar="imdb|PATH", help="the word vectors that it was trained with"
    )
    convert.add_argument(
        "--words",
        type=_count,
        metavar="N",
        default=200_000,
        help="of a vectors file's first N words",
    )
    convert.add_argument("--overwrite", action="store_true", help="replace what is in --out")
    _add_options(convert.add_argument_group("how it was fed"), _CONVERTED)

    runs = _command(commands, "runs", _runs, "list the training runs, best first")
    runs.add_argument(
        "folder", nargs="?", type=Path, default=TRAINED, help="folder of the models (trained)"
    )

    benchmark = _command(commands, "benchmark", _benchmark, "measure this beside alternatives")
    benchmark.add_argument(
        "--suite", choices=(*_SUITES, "all"), default="all", help="what to measure (all)"
    )
    benchmark.add_argument(
        "--quick", action="store_true", help="small sizes on the sample corpus: about a minute"
    )
    benchmark.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    benchmark.add_argument(
        "--out", type=Path, metavar="DIR", help="write Markdown, JSON and charts (PNG) there too"
    )
    benchmark.add_argument(
        "--data",
        metavar="sample|imdb|PATH",
        help="reviews, as for train (the IMDB reviews where they are, else the sample corpus)",
    )
    benchmark.add_argument(
        "--text", metavar="FILE", help="UTF-8 text for character models (the reviews)"
    )
    benchmark.add_argument(
        "--rounds", type=_count, metavar="N", help="measure each side N times (5, quick 2)"
    )
    benchmark.add_argument(
        "--seeds", type=_count, metavar="N", help="seeds of the accuracy suite (3, quick 1)"
    )

    summary = _command(commands, "summary", _summary, "show the layers of a network")
    summary.add_argument("--model", type=Path, metavar="DIR", help="of a saved model")
    _add_preset_arguments(summary)

    _add_character_commands(commands)
    return parser


def _add_character_commands(commands: Any) -> None:
    chars = commands.add_parser(
        "chars", help="character language models", description="Character language models."
    )
    actions = chars.add_subparsers(title="commands", required=True, metavar="COMMAND")

    train = _command(actions, "train", _chars_train, "train a model to write like a text")
    train.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="UTF-8 text, .gz or .zip too; or a folder or archive of reviews, whose train reviews "
        "are read in a random order, one a line",
    )
    train.add_argument("--out", type=Path, metavar="DIR", required=True, help="model folder")
    train.add_argument("--unit", choices=("character", "byte"), help="what it reads (character)")
    train.add_argument("--seed", type=int, metavar="N", help="of everything random (0)")
    train.add_argument(
        "--resume",
        action="store_true",
        help="go on where training stopped, with its settings; --epochs may change",
    )
    train.add_argument("--overwrite", action="store_true", help="replace what is in --out")
    _add_options(train.add_argument_group("settings"), CHARACTER_OPTIONS, CHARACTER_OPTIONS)

    sample = _command(actions, "sample", _chars_sample, "write")
    sample.add_argument(
        "model", nargs="?", type=Path, metavar="DIR", help="model folder (the shipped model)"
    )
    sample.add_argument("--length", type=_count, metavar="N", default=500, help="characters (500)")
    sample.add_argument("--samples", type=_count, metavar="N", default=1, help="texts (1)")
    sample.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="1 as learned, below bolder, 0 the most probable character always (1)",
    )
    sample.add_argument("--top-k", type=int, metavar="K", help="the K most probable ones only")
    sample.add_argument(
        "--top-p", type=float, metavar="P", help="the most probable ones that make up P only"
    )
    sample.add_argument(
        "--beam-width",
        type=_count,
        metavar="K",
        help="the most probable texts instead, looked for among K that grow side by side",
    )
    sample.add_argument("--prime", metavar="TEXT", default="", help="what the text begins with")
    sample.add_argument("--stop", metavar="CHARACTER", help="ends a text early")
    sample.add_argument(
        "--new",
        type=Path,
        metavar="FILE",
        help="write lines, such as names; leave out those of the file, and say how many are new",
    )
    sample.add_argument("--seed", type=int, metavar="N", help="of chance")

    evaluate = _command(actions, "evaluate", _chars_evaluate, "measure a model on a text")
    evaluate.add_argument("model", type=Path, metavar="DIR", help="model folder")
    evaluate.add_argument("file", type=Path, metavar="FILE", help="UTF-8 text")
    evaluate.add_argument("--json", action="store_true", help="print JSON")

    show = _command(actions, "show", _chars_show, "write a web page that shows what cells do")
    show.add_argument("model", type=Path, metavar="DIR", help="model folder")
    show.add_argument("text", nargs="?", metavar="TEXT", help="what the model reads")
    show.add_argument("--input", type=Path, metavar="FILE", help="a file with the text instead")
    show.add_argument(
        "--rank-on",
        type=Path,
        metavar="FILE",
        help="a longer text that tells which cells track what (the shown text)",
    )
    show.add_argument("--out", type=Path, metavar="FILE.html", required=True, help="the page")

    probe = _command(
        actions, "probe", _chars_probe, "say which cells tell what texts feel, by reading reviews"
    )
    probe.add_argument("model", type=Path, metavar="DIR", help="model folder")
    _add_data_arguments(probe, default=None)
    probe.add_argument("--limit", type=_count, metavar="N", help="of train and of test texts")
    probe.add_argument("--cells", type=_count, metavar="N", default=5, help="cells to name (5)")
    probe.add_argument("--json", action="store_true", help="print JSON")


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    command.set_defaults(run=run)
    return command


def _add_data_arguments(command: argparse.ArgumentParser, default: str | None) -> None:
    data = command.add_argument_group("data")
    data.add_argument(
        "--data",
        metavar="sample|imdb|PATH",
        default=default,
        required=default is None,
        help="the sample corpus, the downloaded IMDB reviews, a folder or archive laid out like "
        "them, or a .csv, .tsv, .jsonl or .parquet table" + (f" ({default})" if default else ""),
    )
    data.add_argument("--text-column", metavar="NAME", default="text", help="of a table (text)")
    data.add_argument("--label-column", metavar="NAME", default="label", help="of a table (label)")
    data.add_argument("--group-column", metavar="NAME", help="of a table: what a text is about")
    data.add_argument(
        "--positive-from", type=float, metavar="N", help="ratings from N on are positive"
    )
    data.add_argument(
        "--no-cache",
        action="store_true",
        help="read and tokenize anew, and keep nothing for the next time",
    )


def _add_preset_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--preset", choices=tuple(PRESETS), help="settings to begin with (textbook)"
    )
    group = command.add_argument_group("settings", "What the preset says can be changed.")
    _add_options(group, OPTIONS)


def _add_options(
    group: Any,
    names: Iterable[str],
    options: Mapping[str, dataclasses.Field[Any]] = OPTIONS,
) -> None:
    for name in names:
        option = options[name]
        flag = "--" + name.replace("_", "-")
        text = option.metadata["help"]
        if isinstance(option.default, bool):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            group.add_argument(
                flag,
                type=type(option.default),
                choices=option.metadata.get("choices"),
                metavar=None if "choices" in option.metadata else "N",
                help=text,
            )


def _count(text: str) -> int:
    """An argument that must be a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1. Received: {text}")
    return number


def _version() -> str:
    return f"sentiment-rnn {version('sentiment_rnn')}"
