"""The command that scores large collections."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import redirect_stdout

from sentiment_rnn.commands.output import format_table

# The engines, told without importing them.
SCORING_ENGINES = ("local", "ray")


def score(options: Namespace) -> None:
    """Writes what a model says of every row of a table."""
    from sentiment_rnn.scoring import ROWS_PER_PART, score

    # Where a process of Ray dies, Ray says so on standard output, which is for the result.
    with redirect_stdout(sys.stderr):
        try:
            done = score(
                options.input,
                options.output,
                model=options.model,
                engine=options.engine,
                workers=options.workers,
                text_column=options.text_column,
                rows_per_part=options.rows_per_part or ROWS_PER_PART,
                verbose=True,
            )
        except KeyboardInterrupt:
            # A progress bar may stand on the line.
            print(f"\nthe same command goes on with what is missing in {options.output}")
            raise
    head = ["rows", "scored now", "parts", "seconds", "rows/s"]
    counts = [f"{count:,}" for count in (done.rows, done.scored, done.parts)]
    print(format_table(head, [[*counts, f"{done.seconds:,.1f}", f"{done.rows_per_second:,.0f}"]]))
