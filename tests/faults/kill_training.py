"""Kills trainings at random moments, lets them go on, and compares with one that was never killed.

    python -m tests.faults.kill_training --engine numpy --kills 25

Each training is `sentiment-rnn train` in a process of its own, which gets SIGKILL at a moment drawn
evenly from the processor time between its first checkpoint and the end of its last epoch. Then
``--resume`` goes on with it. What comes out must be the same to the bit: weights, word vectors,
history, and the epoch that was best. The exit code is 1 if any training came out otherwise.

Processes are forked from this one, which has imported the libraries: that takes longer than the
training. It runs on Linux.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sentiment_rnn import SentimentClassifier, sentiment
from sentiment_rnn._shipped import shipped
from sentiment_rnn.cli import main as run_command
from sentiment_rnn.preprocessing import WordVectors
from sentiment_rnn.training import checkpoints

# Seconds between two checkpoints: some batches.
EVERY = {"numpy": 0.05, "keras": 0.5}
# A file that says that the training has ended, and the model is still to be measured and saved.
TRAINED = Path("trained")
COMMON = (
    *("--data", "sample", "--limit", "96", "--no-test", "--no-cache", "--vectors", "small.npz"),
    *("--batch-size", "8", "--units", "6"),
)
TRAININGS = {
    "textbook": ("--maxlen", "60", "--epochs", "40", "--patience", "12"),
    "trained vectors, cosine, word dropout": (
        *("--cell", "lstm", "--masking", "--head", "mean_max"),
        *("--trainable-vectors", "--schedule", "cosine", "--word-dropout", "0.2"),
        *("--optimizer", "adam", "--maxlen", "40", "--epochs", "25", "--patience", "25"),
    ),
    "stateful": (
        *("--preset", "stateful", "--window", "20", "--maxlen", "80"),
        *("--epochs", "25", "--patience", "8"),
    ),
}


def start(arguments, log, every):
    """Forks a process that trains, and returns its id."""
    process = os.fork()
    if process:
        return process
    with log.open("w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    checkpoints.SECONDS, checkpoints._PAUSE = every, 0
    # The lock of progress bars is one for all forked processes: one that is killed while it writes
    # would hold it for ever.
    tqdm.set_lock(threading.RLock())
    run = sentiment._run

    def run_and_note(*arguments):
        result = run(*arguments)
        TRAINED.touch()
        return result

    sentiment._run = run_and_note
    os._exit(run_command(["train", *arguments]))


def seconds_of(process):
    """Processor time that a process has had so far; None if it has ended."""
    # The second field is the name of the program, in brackets.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    if fields[0] == "Z":
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds_until(is_so, process):
    """Waits until something is so, or a process has ended; returns the time that it has had."""
    seconds = 0.0
    while not is_so() and (now := seconds_of(process)) is not None:
        seconds = now
        time.sleep(0.002)
    return seconds


def checkpoint_of(out):
    return out.with_name(f"{out.name}.checkpoint")


def finish(process, log):
    """Waits until a process has ended as it should."""
    if code := os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
        sys.exit(f"A training ended with {code}:\n{log.read_text()}")


def difference(one, other):
    """How two models differ; empty if they don't."""
    mine, others = SentimentClassifier.load(one), SentimentClassifier.load(other)
    weights = zip(mine._weights, others._weights, strict=True)
    same = {
        "weights": all(np.array_equal(*pair) for pair in weights),
        "word vectors": np.array_equal(mine.word_vectors.matrix(), others.word_vectors.matrix()),
        "history": (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes(),
        "best epoch": mine.provenance_["best_epoch"] == others.provenance_["best_epoch"],
        "metrics": mine.metrics_ == others.metrics_,
    }
    return ", ".join(name for name, is_same in same.items() if not is_same)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("numpy", "keras"), default="numpy")
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    if options.engine == "keras":
        import sentiment_rnn.training.keras_engine  # noqa: F401
    every = EVERY[options.engine]
    moments = random.Random(options.seed)
    equal = gone_on = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        vectors = WordVectors.load(shipped("models") / "imdb_vectors" / "word_vectors.npz")
        vectors.head(400).save("small.npz")
        # It imports all but Keras.
        run_command(["train", *COMMON, "--engine", "numpy", "--epochs", "1", "--out", "first"])
        unbroken = {}
        for number in range(options.kills):
            name = list(TRAININGS)[number % len(TRAININGS)]
            arguments = [*COMMON, "--engine", options.engine, *TRAININGS[name], "--out"]
            log = Path("log")
            if name not in unbroken:
                out = Path(f"unbroken-{number}")
                TRAINED.unlink(missing_ok=True)
                process = start([*arguments, str(out)], log, every)
                begun = seconds_until(checkpoint_of(out).exists, process)
                ended = seconds_until(TRAINED.exists, process)
                finish(process, log)
                unbroken[name] = (out, ended - begun)
                made = SentimentClassifier.load(out).provenance_
                print(f"    {name}: {made['epochs']} epochs, best {made['best_epoch']}", flush=True)
            expected, seconds = unbroken[name]
            out = Path(f"killed-{number}")
            moment = moments.uniform(0, seconds)
            process = start([*arguments, str(out)], log, every)
            end = moment + seconds_until(checkpoint_of(out).exists, process)
            while (used := seconds_of(process)) is not None and used < end:
                time.sleep(0.002)
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            place, is_saved = "had ended", out.exists()
            if not is_saved:
                with checkpoints.read_checkpoint(checkpoint_of(out)) as (progress, _):
                    place = f"epoch {progress['epoch'] + 1}, batch {progress['batch']}"
                finish(start([*arguments, str(out), "--resume"], log, every), log)
            gone_on += not is_saved
            differs = difference(out, expected)
            equal += not differs
            print(
                f"{number + 1:3} {name}: killed after {moment:.2f} of {seconds:.2f} s, {place}: "
                + (f"OTHER {differs}" if differs else "equal"),
                flush=True,
            )
            shutil.rmtree(out)
    print(f"{options.engine}: {equal} of {options.kills} equal; {gone_on} were gone on with")
    sys.exit(equal != options.kills)


if __name__ == "__main__":
    main()
