"""Commands beside the models: downloads and benchmarks."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from sentiment_rnn.errors import ResourceError, UsageError

# What the benchmarks measure, told without importing them.
SUITES = (
    "training",
    "prediction",
    "preprocessing",
    "memory",
    "startup",
    "growth",
    "accuracy",
    "shortcuts",
    "characters",
)


def download(options: Namespace) -> None:
    """Fetches a data set and prints where it is."""
    from sentiment_rnn.datasets import download

    print(download(options.name))


def benchmark(options: Namespace) -> None:
    """Measures this package beside others, and prints the tables."""
    # They lie beside the package in a checkout, and no wheel carries them.
    checkout = Path(__file__).parents[2]
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
