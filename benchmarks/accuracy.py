"""Trains presets with several seeds on the IMDB reviews and prints the table of the README.

    python -m benchmarks.accuracy --data imdb --out trained/accuracy

A model that is in the folder already is not trained again, so that an interrupted run goes on.
Validation chooses the best epoch; the test part is looked at once for each finished model.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

NETWORKS = {
    "textbook-50": ["--preset", "textbook"],
    "textbook-25": ["--preset", "textbook", "--units", "25"],
    "textbook-100": ["--preset", "textbook", "--units", "100"],
    "bidirectional": ["--preset", "bidirectional"],
    "stateful": ["--preset", "stateful"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="imdb")
    parser.add_argument("--out", type=Path, default=Path("trained/accuracy"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for seed in range(options.seeds):
        for name, settings in NETWORKS.items():
            folder = options.out / f"{name}-{seed}"
            if not folder.exists():
                command = [sys.executable, "-m", "sentiment_rnn", "train", "--data", options.data]
                command += [*settings, "--seed", str(seed), "--out", str(folder)]
                subprocess.run(command, check=True, stdout=sys.stderr)
    print("| network | parameters | validation | by | test |")
    print("|---|---|---|---|---|")
    for name, settings in NETWORKS.items():
        runs = [read_run(options.out / f"{name}-{seed}") for seed in range(options.seeds)]
        cells = [
            f"`{' '.join(settings)}`",
            f"{runs[0]['parameters']:,}",
            mean_and_deviation([run["validation"] for run in runs]),
            runs[0]["validated_by"],
            mean_and_deviation([run["test"] for run in runs]),
        ]
        print(f"| {' | '.join(cells)} |")


def read_run(folder: Path) -> dict:
    log = (folder.parent / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    run = next(run for run in map(json.loads, reversed(log)) if run["name"] == folder.name)
    return {
        "parameters": run["parameters"],
        "validated_by": run["trained_on"]["validated_by"],
        **{part: scores["accuracy"] for part, scores in run["metrics"].items()},
    }


def mean_and_deviation(values: list[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} ± {deviation:.4f}"


if __name__ == "__main__":
    main()
