"""Commands of sentiment models: train, evaluate, predict, and what goes with them."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from sentiment_rnn._files import is_empty_folder
from sentiment_rnn.commands.data import (
    cache_of,
    chunked,
    data_options,
    input_texts,
    read_data,
    read_taught_texts,
    read_texts,
    shortened,
    with_first,
)
from sentiment_rnn.commands.imports import engine_imported, import_keras
from sentiment_rnn.commands.output import (
    format_scores,
    format_table,
    open_output,
    printable,
    refuse_same_file,
    write_explanations,
    write_predictions,
)
from sentiment_rnn.commands.probing import print_cells
from sentiment_rnn.commands.trainings import training_in
from sentiment_rnn.errors import DataError, UsageError
from sentiment_rnn.prediction import Prediction
from sentiment_rnn.presets import (
    BASELINES,
    NETWORK_OPTIONS,
    OPTIONS,
    PRETRAINING_OPTIONS,
    Preset,
)

if TYPE_CHECKING:
    import numpy as np

    from sentiment_rnn.baselines import BaselineClassifier
    from sentiment_rnn.datasets import Reviews
    from sentiment_rnn.preprocessing import PreprocessingConfig
    from sentiment_rnn.sentiment import SentimentClassifier
    from sentiment_rnn.training.fit import AfterEpoch

_Predicted = TypeVar("_Predicted", bound=Prediction)
_Model = TypeVar("_Model", bound="SentimentClassifier | BaselineClassifier")

TRAINED = Path("trained")
# Texts that are read, predicted and written at a time: memory doesn't grow with the input.
CHUNK = 8000
# Texts that a page shows.
SHOWN = 100
# Characters of a document that stand for it in the output.
BEGINNING = 80
# What an old pair of Keras files says nothing of; its maxlen is the network's own.
CONVERTED = ("padding", "truncating", "unknown", "lowercase", "keep_break_tags")


def train(options: Namespace) -> None:
    """Trains a network, evaluates it and saves it."""
    from sentiment_rnn.training.checkpoints import remove_checkpoint

    out = options.out or default_place(options)
    if options.preset in BASELINES:
        _train_baseline(options, out)
        return
    if not options.resume:
        _check_out(out, options)
    with training_in(out, resume=options.resume, overwrite=options.overwrite) as checkpoint:
        classifier = _to_train(options, out, checkpoint)
        engine = classifier.settings(to_fit=True).training.engine
        log = _training_log(options.tensorboard)
        teachers = _teachers(options)
        with engine_imported(engine):
            given = read_taught_texts(options) if options.taught_texts else None
            train, test = read_data(options, unsupervised=bool(teachers) and given is None)
        taught_texts = given if given is not None else train.unsupervised or []
        taught = _taught(teachers, taught_texts, train)
        if options.limit is not None:
            train = train.limit(options.limit, classifier.seed)
        if not options.resume:
            remove_checkpoint(checkpoint)
        with log as after_epoch:
            classifier.fit(
                train.texts,
                train.labels,
                groups=train.groups,
                taught_texts=taught_texts,
                taught_probabilities=taught,
                after_epoch=after_epoch,
                checkpoint=checkpoint,
                cache=cache_of(options),
                verbose=True,
            )
        _finish(classifier, test, out, options)
        remove_checkpoint(checkpoint)
    _note_run(classifier, out, options)


def _train_baseline(options: Namespace, out: Path) -> None:
    """Counts words instead of training a network."""
    from sentiment_rnn.baselines import BaselineClassifier

    given = [
        name
        for name in (
            "vectors",
            "pretrained",
            "teacher",
            "taught_texts",
            "tensorboard",
            *OPTIONS,
        )
        if getattr(options, name) is not None and name != "validation_fraction"
    ]
    given += ["resume"] if options.resume else []
    if given:
        option = given[0].replace("_", "-")
        raise UsageError(f"{options.preset} is no network: it has no --{option}.")
    _check_out(out, options)
    fraction = options.validation_fraction
    classifier = BaselineClassifier(
        options.preset,
        seed=options.seed or 0,
        **({} if fraction is None else {"validation_fraction": fraction}),
    )
    train, test = read_data(options)
    if options.limit is not None:
        train = train.limit(options.limit, classifier.seed)
    classifier.fit(train.texts, train.labels, groups=train.groups, verbose=True)
    _finish(classifier, test, out, options)
    _note_run(classifier, out, options)


def _check_out(out: Path, options: Namespace) -> None:
    """Says that something is in the way before hours of training, not after them."""
    from sentiment_rnn.persistence import is_baseline_folder, is_model_folder

    if not out.exists() or is_empty_folder(out):
        return
    if not (is_model_folder(out) or is_baseline_folder(out)):
        raise UsageError(
            f"{out} is there and is no model folder: it is not overwritten. Name another --out."
        )
    if not options.overwrite:
        raise UsageError(
            f"{out} is there already and holds a model.\nName another --out, --resume training "
            "it, or replace it with --overwrite."
        )


def _finish(
    classifier: SentimentClassifier | BaselineClassifier,
    test: Reviews | None,
    out: Path,
    options: Namespace,
) -> None:
    """Measures and saves what was trained."""
    classifier.provenance_["data_options"] = data_options(options)
    if test is not None and options.test:
        print(f"evaluating on {len(test):,} test texts", file=sys.stderr)
        classifier.metrics_["test"] = classifier.evaluate(test.texts, test.labels)
    classifier.save(out)
    print(f"saved {out}", file=sys.stderr)
    print(format_scores(classifier.metrics_))


def _note_run(
    classifier: SentimentClassifier | BaselineClassifier, out: Path, options: Namespace
) -> None:
    """Adds a model that was trained, and saved, to the log of runs beside it."""
    from sentiment_rnn.training.run_log import append_run

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


def _training_log(folder: Path | None) -> AbstractContextManager[AfterEpoch | None]:
    """What gives the function that writes the log of training, if there is to be one."""
    if folder is None:
        return nullcontext()
    try:
        from sentiment_rnn.training.tensorboard import tensorboard_log
    except ModuleNotFoundError as error:
        raise UsageError(
            f"A log for TensorBoard needs {error.name}, which is not installed: "
            'pip install "sentiment_rnn[tensorboard]"'
        ) from error
    return tensorboard_log(folder)


def _to_train(options: Namespace, out: Path, checkpoint: Path) -> SentimentClassifier:
    """The classifier that is to be trained, or that goes on."""
    from sentiment_rnn.sentiment import SentimentClassifier
    from sentiment_rnn.training.checkpoints import checkpoint_settings, has_checkpoint

    names = ("preset", "vectors", "seed", "pretrained", *OPTIONS)
    given = {name: getattr(options, name) for name in names}
    settings = {name: value for name, value in given.items() if value is not None}
    begins = "pretrained" in settings or settings.get("preset") == "pretrained"
    if begins and "vectors" in settings:
        raise UsageError("A pretrained model has word vectors of its own: leave --vectors out.")
    if not options.resume:
        return SentimentClassifier(**settings)
    if not has_checkpoint(checkpoint) and (not out.exists() or is_empty_folder(out)):
        raise UsageError(
            f"There is nothing to resume yet: neither {checkpoint} is there nor a model in {out}. "
            "Start without --resume."
        )
    continued = True
    if has_checkpoint(checkpoint):
        began = checkpoint_settings(checkpoint)
        if "warm_start" not in began:
            raise UsageError(f"{checkpoint} is of another kind of training: it can't go on here.")
        continued = began.pop("warm_start")
        print(f"going on from {checkpoint}", file=sys.stderr)
        if not continued:
            return SentimentClassifier(**{**began, **settings})
        settings = {**{name: began[name] for name in OPTIONS}, **settings}
    own = next((name for name in settings if name not in OPTIONS), None)
    if own is not None:
        raise UsageError(f"--resume goes on with the model's own {own}: leave it out.")
    return SentimentClassifier.load(out).set_params(**settings, warm_start=True)


def pretrain(options: Namespace) -> None:
    """Lets a network learn which word comes next, and saves it."""
    from sentiment_rnn.persistence import is_model_folder
    from sentiment_rnn.sentiment import SentimentClassifier
    from sentiment_rnn.training.checkpoints import (
        checkpoint_settings,
        has_checkpoint,
        remove_checkpoint,
    )
    from sentiment_rnn.training.config import PretrainingConfig

    out: Path = options.out
    is_there = out.exists() and not is_empty_folder(out)
    if is_there and not (options.overwrite and is_model_folder(out)):
        raise UsageError(
            f"{out} is there already. Name another --out, or replace a model with --overwrite."
        )
    names = ("preset", "vectors", "seed", *NETWORK_OPTIONS, *PRETRAINING_OPTIONS)
    given = {name: getattr(options, name) for name in names}
    with training_in(out, resume=options.resume, overwrite=options.overwrite) as checkpoint:
        began = {}
        if options.resume:
            if not has_checkpoint(checkpoint):
                raise UsageError(f"There is nothing to resume: {checkpoint} is missing.")
            began = checkpoint_settings(checkpoint)
            if "candidates" not in began:
                raise UsageError(
                    f"{checkpoint} is of another kind of training: it can't go on here."
                )
        settings = {"preset": "pretrained", **began}
        settings |= {name: value for name, value in given.items() if value is not None}
        chosen = {name: settings.pop(name) for name in PRETRAINING_OPTIONS if name in settings}
        classifier = SentimentClassifier(**settings)
        try:
            config = PretrainingConfig(**chosen)
        except ValueError as error:
            raise UsageError(str(error)) from error
        classifier.settings()
        with engine_imported(config.engine):
            texts = read_texts(options)
        if not options.resume:
            remove_checkpoint(checkpoint)
        classifier.pretrain(
            texts, config, checkpoint=checkpoint, cache=cache_of(options), verbose=True
        )
        classifier.provenance_["data_options"] = data_options(options)
        classifier.save(out)
        remove_checkpoint(checkpoint)
    print(f"saved {out}", file=sys.stderr)
    print(f"perplexity of the texts held out: {classifier.provenance_['perplexity']:,}")


def _teachers(options: Namespace) -> list[SentimentClassifier]:
    """The models that are asked about texts without label."""
    from sentiment_rnn.datasets.tables import TABLE_SUFFIXES
    from sentiment_rnn.sentiment import SentimentClassifier

    if options.taught_texts is not None and not options.teacher:
        raise UsageError(
            "--taught-texts are what a teacher is asked about. Name a model with --teacher."
        )
    of_table = Path(options.data).suffix.lower() in TABLE_SUFFIXES
    if options.teacher and of_table and options.taught_texts is None:
        raise UsageError(
            f"{options.data} is a table, whose texts all have labels. Name one of texts without, "
            "which the teachers are asked about, with --taught-texts."
        )
    return [SentimentClassifier.load(folder) for folder in options.teacher or []]


def _taught(
    teachers: Sequence[SentimentClassifier], texts: Sequence[str], train: Reviews
) -> Sequence[float] | np.ndarray:
    """What the teachers say of texts without label on average."""
    if not teachers:
        return []
    import numpy as np

    classes = sorted(set(train.labels.tolist()))
    for teacher in teachers:
        if teacher.classes_.tolist() != classes:
            raise UsageError(
                f"A teacher must know the classes that are to be learned, {classes}. Received one "
                f"that knows {teacher.classes_.tolist()}."
            )
    print(f"reading {len(texts):,} texts without label, to teach", file=sys.stderr)
    said = np.mean([teacher.predict_proba(texts) for teacher in teachers], axis=0)
    return said[:, 1] if len(classes) == 2 else said


def probe(options: Namespace) -> None:
    """Prints which cells tell the class of texts."""
    from sentiment_rnn.sentiment import SentimentClassifier

    print_cells(SentimentClassifier.load(options.model).mean_states, options)


def evaluate(options: Namespace) -> None:
    """Prints the scores of a model on labelled texts."""
    classifier = _load_classifier(options)
    train, test = read_data(
        options, classes=classifier.classes_.tolist(), test=options.split == "test"
    )
    # A table has one part, which is what it is evaluated on.
    part = train if options.split == "train" or test is None else test
    if options.limit is not None:
        part = part.limit(options.limit, seed=0)
    _check_labels(classifier, part, options)
    if options.report is None:
        scores = classifier.evaluate(part.texts, part.labels)
    else:
        name = printable(options.model.resolve().name)
        scores = classifier.report(part, options.report, title=f"How good {name} is")
        print(f"saved {options.report / 'index.html'}", file=sys.stderr)
    if options.json:
        print(json.dumps(scores))
        return
    print(format_scores({"all" if test is None else options.split: scores}))
    names = [printable(name) for name in classifier.class_names]
    rows = [
        [f"{name} called", *map(str, row)]
        for name, row in zip(names, scores["confusion_matrix"], strict=True)
    ]
    print("\n" + format_table(["confusion matrix", *names], rows))
    rows = [
        [f"{one['from']} to {one['to']}", f"{one['texts']:,}", f"{one['accuracy']:.4g}"]
        for one in scores["accuracy_by_length"]
    ]
    print("\n" + format_table(["known tokens", "texts", "accuracy"], rows))


def _check_labels(
    classifier: SentimentClassifier | BaselineClassifier, part: Reviews, options: Namespace
) -> None:
    """Says which option makes labels those of the model, if they are others."""
    classes = classifier.classes_.tolist()
    unknown = set(part.labels.tolist()).difference(classes)
    if not unknown:
        return
    # One label that is no number makes strings of all: it is the one to be named.
    unknown = unknown.difference(map(str, classes)) or unknown
    if not options.multiclass:
        advice = "Labels of the model's kind are given by --multiclass"
    elif classes == [0, 1]:
        advice = (
            "It tells positive from negative: leave --multiclass out, or of stars in a table "
            "name the lowest positive one by --positive-from"
        )
    else:
        advice = "Expected the labels that it was trained on"
    raise DataError(
        f"The model knows the classes {classes}. Received: {min(unknown, key=str)!r}\n{advice}"
    )


def predict(options: Namespace) -> None:
    """Writes the class of each text."""
    if options.text and options.input:
        raise UsageError("Give texts as arguments or in --input, not both.")
    if options.input == Path("-"):
        options.input = None
    if options.text and options.document:
        raise UsageError(
            "--document takes the document from --input or standard input: leave the texts out."
        )
    explains = options.explain or options.page is not None
    if explains and options.document:
        raise UsageError("A document is explained as a text: leave --document out.")
    if options.method is not None and not explains:
        raise UsageError("--method says how to explain: give --explain or --page with it.")
    if options.explain and options.format == "csv":
        raise UsageError(
            "A row has no room for all tokens: with --explain take text, json or jsonl."
        )
    # Python has no standard input at all where the caller closed it.
    nothing_comes = sys.stdin is None or sys.stdin.isatty()
    if not options.text and not options.input and nothing_comes:
        raise UsageError(
            "No text to predict. Give it as an argument, in a file with --input, or on standard "
            "input, one text a line."
        )
    refuse_same_file(options.input, options.output, "--output")
    refuse_same_file(options.input, options.page, "--page")
    _hint_at_files(options)
    with input_texts(options) as texts, open_output(options.output) as output:
        predictions: Iterable[Prediction]
        if options.document:
            beginning = next(texts)
            name = shortened(beginning, BEGINNING)
            document = chain([beginning], texts)
            model = _hinted_at(_load_model(options), options)
            predictions = [model.document_prediction(document, name)]
        else:
            first = next(iter(chunks := chunked(texts, CHUNK)), [])
            # Of a file of vectors those of the texts are enough, if these are all.
            known: list[str] | None = first
            if options.vectors is not None and (second := next(chunks, [])):
                known, chunks = None, with_first(second, chunks)
            if explains:
                network = _hinted_at(_load_model(options, texts=known), options)
                _explain(network, with_first(first, chunks), options, output)
                return
            classifier = _hinted_at(_load_classifier(options, texts=known), options)
            predictions = (
                prediction
                for chunk in with_first(first, chunks)
                for prediction in classifier.predictions(chunk)
            )
        write_predictions(_counted(predictions), options.format, output)


def _hinted_at(model: _Model, options: Namespace) -> _Model:
    """The model, after it was said so if it can't tell one class from another."""
    if "pretraining" in model.provenance_:
        name = printable(str(options.model))
        print(
            f"{name} has learned which word comes next, and knows of no class yet: all are equally "
            f"likely to it. To teach it classes: sentiment-rnn train --pretrained {name}",
            file=sys.stderr,
        )
    return model


def _hint_at_files(options: Namespace) -> None:
    """Says so where a file's name is taken for a text, or a table for lines of text."""
    from sentiment_rnn.datasets.tables import TABLE_SUFFIXES

    for text in options.text:
        # Not as Path does it, which knows no text of any length.
        if os.path.isfile(text):
            name = printable(text)
            print(
                f"{name} is a file, and its name is taken for a text. To classify what it holds: "
                f"--input {name}",
                file=sys.stderr,
            )
    if options.input is not None and options.input.suffix.lower() in TABLE_SUFFIXES:
        table = printable(str(options.input))
        print(
            f"{table} looks like a table, and is taken for plain text. To classify its rows: "
            f"sentiment-rnn score {table} --output DIR",
            file=sys.stderr,
        )


def _counted(predictions: Iterable[_Predicted]) -> Iterator[_Predicted]:
    """Yields them, and says in the end how many are of texts that tell the model nothing."""
    texts = unknown = 0
    for prediction in predictions:
        texts += 1
        unknown += not prediction.known
        yield prediction
    if unknown:
        print(
            f"{unknown:,} of {texts:,} texts have no word that the model knows: it says the same "
            "of all such texts",
            file=sys.stderr,
        )


def _explain(
    classifier: SentimentClassifier,
    chunks: Iterable[list[str]],
    options: Namespace,
    output: TextIO,
) -> None:
    """Writes why each text gets its class, and the page if there is to be one."""
    from sentiment_rnn.explanation_page import write_page
    from sentiment_rnn.sentiment import DEFAULT_MODEL

    found = _counted(
        explanation
        for chunk in chunks
        for explanation in classifier.explanations(chunk, method=options.method or "gradient")
    )
    write: Callable[..., None] = write_explanations if options.explain else write_predictions
    if options.page is None:
        write(found, options.format, output)
        return
    shown = list(islice(found, SHOWN + 1))
    if len(shown) > SHOWN:
        raise UsageError(f"A page shows at most {SHOWN} texts. Received more: shorten the input.")
    if not shown:
        raise DataError("A page shows at least one text. Received none.")
    write(shown, options.format, output)
    model = DEFAULT_MODEL if options.model is None else options.model.resolve().name
    title = f"Why {printable(model)} says what it says"
    write_page(options.page, shown, title=title)
    print(f"saved {options.page}", file=sys.stderr)


def vectors(options: Namespace) -> None:
    """Trains word vectors and saves them."""
    from sentiment_rnn.preprocessing import TreebankTokenizer, WordVectors
    from sentiment_rnn.preprocessing.tokenized import Corpus

    if options.out.suffix != ".npz":
        raise UsageError(f"Word vectors are a file NAME.npz. Received: --out {options.out}")
    texts = read_texts(options)
    print(f"reading {len(texts):,} texts", file=sys.stderr)
    tokenizer = TreebankTokenizer(lowercase=options.lowercase)
    sentences = Corpus(texts, tokenizer, cache=cache_of(options)).tokenized
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


def convert(options: Namespace) -> None:
    """Makes a model folder of old Keras files, or an ONNX graph of a model folder."""
    if options.out.exists() and not options.overwrite:
        raise UsageError(f"{options.out} is there already. Name another, or give --overwrite.")
    if options.to == "onnx":
        if options.weights is not None:
            raise UsageError("An ONNX graph is made of a model folder: name that, and no weights.")
        _convert_to_onnx(options)
        return
    if options.weights is None:
        raise UsageError(
            "Expected OLD.json and OLD.h5. To make something else of a model folder: --to onnx."
        )
    settings = {name: getattr(options, name) for name in CONVERTED}
    chosen = {name: value for name, value in settings.items() if value is not None}
    preprocessing = Preset().replace(**chosen).preprocessing
    classifier = _keras_files(
        options.model, options.weights, options, preprocessing=preprocessing, limit=options.words
    )
    classifier.save(options.out)
    print(f"saved {options.out}", file=sys.stderr)


def _convert_to_onnx(options: Namespace) -> None:
    from sentiment_rnn._shipped import found_model
    from sentiment_rnn.persistence import load_model
    from sentiment_rnn.persistence.onnx_writer import write_onnx

    try:
        write_onnx(load_model(found_model(options.model)), options.out)
    except ModuleNotFoundError as error:
        raise UsageError(
            f'ONNX needs {error.name}, which is not installed: pip install "sentiment_rnn[onnx]"'
        ) from error
    print(f"saved {options.out}", file=sys.stderr)


def runs(options: Namespace) -> None:
    """Prints the training runs, the best first."""
    from sentiment_rnn.training.run_log import read_runs

    rows = []
    for run in read_runs(options.folder):
        test = run["metrics"].get("test", {}).get("accuracy")
        changed = " ".join(f"{name}={value}" for name, value in run["options"].items())
        rows.append(
            [
                printable(run["name"]),
                f"{run['metrics']['validation']['accuracy']:.4f}",
                "" if test is None else f"{test:.4f}",
                f"{run['parameters']:,}",
                f"{run['seconds']:.0f}",
                printable(str(run["seed"])),
                printable(f"{run['preset']} {changed}".strip()),
            ]
        )
    head = ["model", "validation", "test", "parameters", "seconds", "seed", "settings"]
    print(format_table(head, rows, text=["settings"]))


def summary(options: Namespace) -> None:
    """Prints the layers of a network."""
    from sentiment_rnn.sentiment import SentimentClassifier

    if options.model is not None:
        classifier = SentimentClassifier.load(options.model)
    else:
        settings = {name: getattr(options, name) for name in OPTIONS}
        classifier = SentimentClassifier(options.preset or "textbook", **settings)
        # What is wrong is said before Keras is imported, which takes long.
        classifier.settings()
    import_keras()
    print(classifier.summary())


def _load_classifier(
    options: Namespace, texts: Iterable[str] | None = None
) -> SentimentClassifier | BaselineClassifier:
    """Reads a model of any kind."""
    from sentiment_rnn.persistence import is_baseline_folder

    if options.model is None or not is_baseline_folder(options.model):
        return _load_model(options, texts)
    if options.vectors is not None:
        raise UsageError("A classifier that counts words has no word vectors: leave --vectors out.")
    from sentiment_rnn.baselines import BaselineClassifier

    return BaselineClassifier.load(options.model)


def _load_model(options: Namespace, texts: Iterable[str] | None = None) -> SentimentClassifier:
    from sentiment_rnn.sentiment import SentimentClassifier

    if options.model is not None and options.model.suffix == ".json":
        return _keras_files(options.model, None, options, texts=texts)
    if options.vectors is not None:
        raise UsageError("A model folder has its own word vectors: --vectors is for OLD.json.")
    return SentimentClassifier.load(options.model)


def _keras_files(
    model: Path,
    weights: Path | None,
    options: Namespace,
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


def default_place(options: Namespace) -> Path:
    """Where a model goes unless it is told otherwise, named after its data and preset."""
    return TRAINED / f"{_name_of(options.data)}-{Path(options.preset or 'textbook').stem}"


def _name_of(data: str) -> str:
    """A short name of a data source for the folder of a model trained on it.

    Example:
        >>> _name_of("data/aclImdb_v1.tar.gz"), _name_of("sample")
        ('aclImdb_v1', 'sample')
    """
    return Path(data).name.split(".")[0] or "data"
