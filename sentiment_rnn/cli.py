"""The command line: which commands and arguments there are. `commands` holds what they do.

Results go to standard output, progress and messages to standard error. What a user can cause ends
with a message of at most three lines and the exit code of `sentiment_rnn.errors`.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from sentiment_rnn._signals import Terminated
from sentiment_rnn.commands import characters, scoring, sentiment, serving, tools, tuning
from sentiment_rnn.commands.output import printable
from sentiment_rnn.errors import ResourceError, SentimentRNNError
from sentiment_rnn.presets import (
    BASELINES,
    CHARACTER_OPTIONS,
    CHARACTER_PRESETS,
    NETWORK_OPTIONS,
    OPTIONS,
    PRESETS,
    PRETRAINING_OPTIONS,
)

INTERRUPTED, TERMINATED = 130, 143
PRESET = "NAME|FILE.json"
# Arguments of `load_data` as its messages have them, name=value, which are options here.
_ARGUMENT = re.compile(
    r"\b(text_column|label_column|group_column|positive_from|multiclass)=(\w[\w.+-]*\b)"
)
# Of the message of an error, and characters of each line of it.
_LINES, _LINE = 3, 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code.

    Example:
        >>> main(["predict", "--model", "no/such/folder", "Lovely."])
        4
    """
    with _standard_error(), _plain_warnings():
        return _run(_parser().parse_args(arguments))


def _run(options: argparse.Namespace) -> int:
    # TensorFlow reports on its own start-up; only its errors concern the user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        if sys.stdout is None:
            raise ResourceError("Standard output is closed: there is nowhere to write results to.")
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that doesn't know a character gets its number.
            sys.stdout.reconfigure(errors="backslashreplace")
        options.run(options)
        sys.stdout.flush()
    except SentimentRNNError as error:
        if options.debug:
            raise
        print(f"sentiment-rnn: {_message(str(error))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever reads the output has had enough. Python would complain when it closes it.
        _leave(sys.stdout)
    except OSError as error:
        # Nowhere to write results to, or a name that can't be one of a file.
        if options.debug:
            raise
        where = "" if error.filename is None else f": {error.filename}"
        print(f"sentiment-rnn: {_message(f'{error.strerror or error}{where}')}", file=sys.stderr)
        _leave(sys.stdout)
        return ResourceError.exit_code
    except MemoryError:
        if options.debug:
            raise
        print("sentiment-rnn: there is not enough memory for this", file=sys.stderr)
        return ResourceError.exit_code
    except KeyboardInterrupt as interruption:
        if options.debug:
            raise
        is_terminated = isinstance(interruption, Terminated)
        # A progress bar may stand on the line.
        how = "terminated" if is_terminated else "interrupted"
        print(f"\nsentiment-rnn: {how}", file=sys.stderr)
        return TERMINATED if is_terminated else INTERRUPTED
    return 0


class _MayBeGone:
    """Standard error, of which nobody may read: what would be said there is no reason to stop."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            _leave(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            _leave(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _standard_error() -> Iterator[None]:
    """Inside the ``with``, what can't be written to standard error goes nowhere."""
    before = sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        # Python has None for one that is closed, in whose place `print` takes standard output.
        sys.stderr = nowhere if before is None else _MayBeGone(before)
        try:
            yield
        finally:
            sys.stderr = before


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Inside the ``with``, what this package warns of is said as errors are, without file and line.

    They are those of its own code, from which no user learns anything.
    """
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            *place: Any,
            **where: Any,
        ) -> None:
            if Path(filename).is_relative_to(Path(__file__).parent):
                print(f"sentiment-rnn: {_message(str(message))}", file=sys.stderr)
            else:
                others(message, category, filename, *place, **where)

        warnings.showwarning = show
        yield


def _leave(stream: TextIO) -> None:
    """What is still to be written there goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _message(text: str) -> str:
    r"""What an error says, however much of it comes from a stranger's file.

    Example:
        >>> print(_message("config.json.\nReceived: \x1b[2J" + "a" * 2000)[:40])
        config.json.
        Received: \x1b[2Jaaaaaaaaaa
        >>> _message("Give positive_from=7 or multiclass=True.")
        'Give --positive-from 7 or --multiclass.'
    """
    text = _ARGUMENT.sub(_as_option, text)
    lines = [printable(line) for line in text.split("\n")[:_LINES]]
    return "\n".join(line if len(line) <= _LINE else line[:_LINE] + "…" for line in lines)


def _as_option(argument: re.Match[str]) -> str:
    name, value = argument.groups()
    return f"--{name.replace('_', '-')}" + ("" if value == "True" else f" {value}")


# Arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sentiment-rnn",
        description="Classify the sentiment of text with recurrent networks.",
        epilog="Exit codes: 0 done, 2 wrong usage, 3 bad input data, 4 bad model, 5 disk or "
        "network, 130 interrupted, 143 terminated.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_tune(commands)
    _add_pretrain(commands)
    _add_evaluate(commands)
    _add_probe(commands, sentiment.probe)
    _add_predict(commands)
    _add_score(commands)
    _add_serve(commands)
    _add_download(commands)
    _add_vectors(commands)
    _add_convert(commands)
    _add_runs(commands)
    _add_benchmark(commands)
    _add_summary(commands)
    _add_character_commands(commands)
    return parser


def _add_train(commands: Any) -> None:
    train = _command(commands, "train", sentiment.train, "train a network, evaluate it and save it")
    _add_data_arguments(train, "sample")
    _add_preset_arguments(train, baselines=BASELINES)
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
        help="learn also from what this model says of the texts without label; of several, from "
        "their mean",
    )
    train.add_argument(
        "--taught-texts",
        type=Path,
        metavar="TABLE",
        help="the texts without label, in a --text-column (those that come with --data)",
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
    train.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="train on N texts only, drawn by the shares of the classes",
    )
    train.add_argument(
        "--resume",
        action="store_true",
        help="go on with a training to --out that was interrupted, with its settings; without one, "
        "train the model in --out for more epochs",
    )
    train.add_argument(
        "--overwrite",
        action="store_true",
        help="begin anew, and replace the model in --out",
    )
    train.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="write a log there that TensorBoard shows"
    )
    train.add_argument(
        "--test",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="evaluate on the test part in the end",
    )


def _add_tune(commands: Any) -> None:
    tune = _command(
        commands,
        "tune",
        tuning.tune,
        "train with many settings, and keep those that are best in validation",
    )
    _add_data_arguments(tune, "sample")
    tune.add_argument(
        "--trials",
        type=_count,
        metavar="N",
        default=20,
        help="go on until the study has so many, those counted that it has already (20)",
    )
    tune.add_argument(
        "--study",
        type=Path,
        metavar="FILE.db",
        help="where the trials are kept; one that is there is continued, and several processes may "
        "work on it (trained/…)",
    )
    tune.add_argument(
        "--out",
        type=Path,
        metavar="FILE.json",
        help="the best settings, for train --preset (beside the study)",
    )
    tune.add_argument(
        "--vary",
        action="append",
        metavar="NAME=LOW:HIGH|a,b,c",
        help="draw a setting from this instead of its usual range, or draw it at all; for several "
        "give it again. Without it learning_rate, units, cell, dropout, head and batch_size vary, "
        "but for those that are set",
    )
    tune.add_argument(
        "--vectors", metavar="imdb|PATH", default="imdb", help="word vectors, as of train (imdb)"
    )
    tune.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of all trainings, and what is drawn (0)"
    )
    tune.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="train on N texts only, drawn by the shares of the classes",
    )
    _add_preset_arguments(tune)


def _add_pretrain(commands: Any) -> None:
    pretrain = _command(
        commands,
        "pretrain",
        sentiment.pretrain,
        "let a network learn which word comes next, to begin with in train --pretrained",
    )
    _add_data_arguments(pretrain, None, labels=False)
    pretrain.add_argument(
        "--unsupervised", action="store_true", help="learn from the texts without labels too"
    )
    pretrain.add_argument("--preset", metavar=PRESET, help="whose network it is (pretrained)")
    pretrain.add_argument("--vectors", metavar="imdb|train|PATH", help="to begin with (imdb)")
    pretrain.add_argument("--out", type=Path, metavar="DIR", required=True, help="model folder")
    pretrain.add_argument("--seed", type=int, metavar="N", help="of everything random (0)")
    pretrain.add_argument(
        "--resume",
        action="store_true",
        help="go on where it stopped, by the checkpoint beside --out, with its settings; only what "
        "says where the texts are is given again",
    )
    pretrain.add_argument("--overwrite", action="store_true", help="replace the model in --out")
    _add_options(
        pretrain.add_argument_group("how it learns"), PRETRAINING_OPTIONS, PRETRAINING_OPTIONS
    )
    _add_preset_options(pretrain, "the network", NETWORK_OPTIONS, default="pretrained")


def _add_evaluate(commands: Any) -> None:
    evaluate = _command(commands, "evaluate", sentiment.evaluate, "score a model on labelled texts")
    evaluate.add_argument("model", type=Path, metavar="MODEL", help="model folder, or OLD.json")
    _add_data_arguments(evaluate, None)
    evaluate.add_argument("--vectors", metavar="imdb|PATH", help="the word vectors of OLD.json")
    evaluate.add_argument(
        "--split",
        choices=("train", "test"),
        default="test",
        help="part of the data; a table has one only (test)",
    )
    evaluate.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="score N texts only, drawn by the shares of the classes",
    )
    evaluate.add_argument("--json", action="store_true", help="print a JSON object")
    evaluate.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write a page there: scores with intervals, calibration, thresholds, accuracy by "
        "length and rating, and the surest mistakes",
    )


def _add_predict(commands: Any) -> None:
    predict = _command(commands, "predict", sentiment.predict, "classify texts")
    predict.add_argument(
        "text", nargs="*", metavar="TEXT", help="texts; else one a line of --input"
    )
    predict.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="model folder, OLD.json, or a model that comes with the package: distilled, "
        "large, largest or textbook (distilled)",
    )
    predict.add_argument("--vectors", metavar="imdb|PATH", help="the word vectors of OLD.json")
    predict.add_argument("--input", type=Path, metavar="FILE", help="texts (-: standard input)")
    predict.add_argument(
        "--document",
        action="store_true",
        help="the input is one document instead of a text a line. As of any text, the model reads "
        "its first tokens (distilled 800), or all of it if trained with --maxlen 0; in the output "
        f"its first {sentiment.BEGINNING} characters stand for it, on one line",
    )
    predict.add_argument("--output", type=Path, metavar="FILE", help="file (standard output)")
    predict.add_argument(
        "--format",
        choices=("text", "json", "jsonl", "csv"),
        default="text",
        help="of the output: text has label, probability of the positive class and text on each "
        "line (text)",
    )
    predict.add_argument(
        "--explain",
        action="store_true",
        help="say of each token what it adds to the verdict, and what the verdict was after it; on "
        "a terminal, colour the text by it",
    )
    predict.add_argument(
        "--page", type=Path, metavar="FILE.html", help="write a web page that shows the same"
    )
    predict.add_argument(
        "--method",
        choices=("gradient", "occlusion"),
        help="of --explain and --page, what a token adds: by the gradient, or by leaving it out, "
        "which takes longer (gradient)",
    )


def _add_score(commands: Any) -> None:
    score = _command(
        commands,
        "score",
        scoring.score,
        "classify every row of large tables, in parts; the same again goes on where it stopped",
    )
    score.add_argument(
        "input",
        type=Path,
        metavar="INPUT",
        help="a .csv, .tsv, .jsonl or .parquet table, or a folder of such tables",
    )
    score.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        required=True,
        help="folder of the files to write, or to go on with",
    )
    score.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="folder of a network, or a model that comes with the package, as of predict "
        "(distilled)",
    )
    score.add_argument(
        "--engine",
        choices=scoring.SCORING_ENGINES,
        default="local",
        help="processes of this machine, or of a Ray cluster (local)",
    )
    score.add_argument(
        "--workers", type=_count, metavar="N", help="processes (one for each processor)"
    )
    score.add_argument("--text-column", metavar="NAME", default="text", help="of the table (text)")
    score.add_argument("--rows-per-part", type=_count, metavar="N", help="rows of a file (10,000)")


def _add_serve(commands: Any) -> None:
    serve = _command(commands, "serve", serving.serve, "put models behind an address")
    serve.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        action="append",
        help="folder of a network, or a model that comes with the package, as of predict "
        "(distilled); give two to compare them on the page",
    )
    # Otherwise argparse says no more than that it doesn't know it.
    serve.add_argument(
        "folders", nargs="*", type=_without_option, metavar="DIR", help=argparse.SUPPRESS
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; with others than this machine's own (127.0.0.1) all who reach "
        "it can ask",
    )
    serve.add_argument(
        "--port", type=int, default=8000, metavar="N", help="0 for a free one (8000)"
    )
    _add_options(
        serve.add_argument_group("at most"),
        serving.SERVING_OPTIONS,
        serving.SERVING_OPTIONS,
    )


def _add_download(commands: Any) -> None:
    download = _command(commands, "download", tools.download, "fetch a public data set")
    download.add_argument("name", choices=("imdb", "text8"), help="the data set")


def _add_vectors(commands: Any) -> None:
    vectors = _command(commands, "vectors", sentiment.vectors, "train word vectors on texts")
    _add_data_arguments(vectors, None, labels=False)
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


def _add_convert(commands: Any) -> None:
    convert = _command(
        commands,
        "convert",
        sentiment.convert,
        "make a model folder of old Keras files, or ONNX of a model folder",
    )
    convert.add_argument(
        "model", type=Path, metavar="OLD.json|DIR", help="model.to_json() of Keras; a model folder"
    )
    convert.add_argument(
        "weights", nargs="?", type=Path, metavar="OLD.h5", help="save_weights() of Keras"
    )
    convert.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder to write")
    convert.add_argument(
        "--to",
        choices=("folder", "onnx"),
        default="folder",
        help="what to make: a model folder of old Keras files, or of a model folder a graph for "
        "ONNX runtimes, checked against one (folder)",
    )
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
    _add_options(convert.add_argument_group("how it was fed"), sentiment.CONVERTED)


def _add_runs(commands: Any) -> None:
    runs = _command(commands, "runs", sentiment.runs, "list the training runs, best first")
    runs.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=sentiment.TRAINED,
        help="folder of the models (trained)",
    )


def _add_benchmark(commands: Any) -> None:
    benchmark = _command(commands, "benchmark", tools.benchmark, "measure this beside alternatives")
    benchmark.add_argument(
        "--suite", choices=(*tools.SUITES, "all"), default="all", help="what to measure (all)"
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
        "--seeds", type=_count, metavar="N", help="seeds of the suite shortcuts (3, quick 1)"
    )


def _add_summary(commands: Any) -> None:
    summary = _command(commands, "summary", sentiment.summary, "show the layers of a network")
    summary.add_argument("--model", type=Path, metavar="DIR", help="of a saved model")
    _add_preset_arguments(summary)


def _add_character_commands(commands: Any) -> None:
    chars = commands.add_parser(
        "chars", help="character language models", description="Character language models."
    )
    actions = chars.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_character_train(actions)
    _add_character_sample(actions)
    _add_character_evaluate(actions)
    _add_character_show(actions)
    _add_probe(actions, characters.probe)


def _add_character_train(commands: Any) -> None:
    train = _command(commands, "train", characters.train, "train a model to write like a text")
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
    group = train.add_argument_group(
        "settings", "In brackets is what they are usually, and where the architecture says another."
    )
    usual = {name: option.default for name, option in CHARACTER_OPTIONS.items()}
    known = {name: {**usual, **options} for name, options in CHARACTER_PRESETS.items()}
    _add_options(group, CHARACTER_OPTIONS, CHARACTER_OPTIONS, presets={"": usual, **known})


def _add_character_sample(commands: Any) -> None:
    sample = _command(commands, "sample", characters.sample, "write")
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


def _add_character_evaluate(commands: Any) -> None:
    evaluate = _command(commands, "evaluate", characters.evaluate, "measure a model on a text")
    evaluate.add_argument("model", type=Path, metavar="DIR", help="model folder")
    evaluate.add_argument("file", type=Path, metavar="FILE", help="UTF-8 text")
    evaluate.add_argument("--json", action="store_true", help="print JSON")


def _add_character_show(commands: Any) -> None:
    show = _command(commands, "show", characters.show, "write a web page that shows what cells do")
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


def _add_probe(commands: Any, run: Any) -> None:
    probe = _command(
        commands, "probe", run, "say which cells tell what texts feel, by reading reviews"
    )
    probe.add_argument("model", type=Path, metavar="DIR", help="model folder")
    # A table has no test part, and with more than two classes no cell tells them by itself.
    _add_data_arguments(probe, None, labels=False, tables=False)
    probe.add_argument("--limit", type=_count, metavar="N", help="of train and of test texts")
    probe.add_argument("--cells", type=_count, metavar="N", default=5, help="cells to name (5)")
    probe.add_argument("--json", action="store_true", help="print JSON")


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    command.set_defaults(run=run)
    return command


def _add_data_arguments(
    command: argparse.ArgumentParser,
    default: str | None,
    *,
    labels: bool = True,
    tables: bool = True,
) -> None:
    """Adds what says where texts are.

    Args:
        command: that reads them.
        default: of --data, which is required if None.
        labels: whether a command may be told what the labels are.
        tables: whether it reads tables.
    """
    places = ["the sample corpus", "the downloaded IMDB reviews"]
    places.append("a folder or archive laid out like them")
    if tables:
        places.append("a .csv, .tsv, .jsonl or .parquet table")
    data = command.add_argument_group("data")
    data.add_argument(
        "--data",
        metavar="sample|imdb|PATH",
        default=default,
        required=default is None,
        help=f"{', '.join(places[:-1])}, or {places[-1]}" + (f" ({default})" if default else ""),
    )
    if tables:
        data.add_argument("--text-column", metavar="NAME", default="text", help="of a table (text)")
    if labels:
        data.add_argument(
            "--label-column", metavar="NAME", default="label", help="of a table (label)"
        )
        data.add_argument("--group-column", metavar="NAME", help="of a table: what a text is about")
        data.add_argument(
            "--positive-from", type=float, metavar="N", help="ratings from N on are positive"
        )
        data.add_argument(
            "--multiclass",
            action="store_true",
            help="each different label is a class; of the IMDB reviews the number of stars",
        )
    data.add_argument(
        "--no-cache",
        action="store_true",
        help="read and tokenize anew, and keep nothing for the next time",
    )


def _add_preset_arguments(
    command: argparse.ArgumentParser, *, baselines: tuple[str, ...] = ()
) -> None:
    command.add_argument(
        "--preset",
        metavar=PRESET,
        help=f"settings to begin with: {', '.join(PRESETS)}, or a file such as tune writes "
        "(textbook)" + "".join(f"; {name} counts words instead" for name in baselines),
    )
    _add_preset_options(command, "settings", OPTIONS, default="textbook")


def _add_preset_options(
    command: argparse.ArgumentParser, title: str, names: Iterable[str], *, default: str
) -> None:
    group = command.add_argument_group(
        title,
        f"What the preset says can be changed. In brackets is what {default} says, and other "
        "presets where they differ.",
    )
    presets = {name: PRESETS[name].options() for name in (default, *PRESETS)}
    _add_options(group, names, presets=presets)


def _add_options(
    group: Any,
    names: Iterable[str],
    options: Mapping[str, dataclasses.Field[Any]] = OPTIONS,
    *,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Adds options without default, and says in their help what they are where they aren't given.

    Args:
        group: where to add them.
        names: of the options.
        options: by name.
        presets: the values of each preset by its name, that first which is meant where none is
            named; None where there are no presets.
    """
    presets = presets or {"": {name: option.default for name, option in options.items()}}
    for name in names:
        option = options[name]
        flag = "--" + name.replace("_", "-")
        text = f"{option.metadata['help']} ({_defaults(name, presets)})"
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


def _defaults(name: str, presets: Mapping[str, Mapping[str, Any]]) -> str:
    """What a setting is in the first of the presets, and in those that differ from it.

    Example:
        >>> _defaults("units", {"textbook": {"units": 50}, "wide": {"units": 100}})
        '50; wide 100'
        >>> _defaults("masking", {"": {"masking": False}})
        'no'
    """
    values = {preset: _shown(options[name]) for preset, options in presets.items()}
    (_, first), *others = values.items()
    return "; ".join([first, *(f"{other} {x}" for other, x in others if x != first)])


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _count(text: str) -> int:
    """An argument that must be a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1. Received: {text}")
    return number


def _without_option(text: str) -> str:
    """A model that is named where its option is missing."""
    raise argparse.ArgumentTypeError(f"expected --model before it. Received: {text}")


def _version() -> str:
    return f"sentiment-rnn {version('sentiment_rnn')}"
