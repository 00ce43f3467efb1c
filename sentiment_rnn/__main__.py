"""``python -m sentiment_rnn``: the same as the command ``sentiment-rnn``."""

from sentiment_rnn.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
