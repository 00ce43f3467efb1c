"""Takes the pictures of the documentation: ``python -m scripts.pictures``.

It makes each page anew, with a model that comes with the package, opens it in a headless Chromium
and writes what that shows into ``docs/images``. The report is on 5,000 of the IMDB reviews where
they are, else on the sample corpus.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.settings import default_data
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.cli import main as command
from sentiment_rnn.errors import ResourceError
from sentiment_rnn.plotting import plot_cell
from tests.pages import BROWSERS, Browser, find_browser
from tests.serving.process import Server

IMAGES = Path(__file__).parents[1] / "docs" / "images"
REVIEW = "A dull start, but a wonderful, moving end."
LINES = """ROMEO:
But, soft! what light through yonder window breaks?
It is the east, and Juliet is the sun.
"""
FEELING = (
    "I expected nothing from this film, and for the first half hour I was right: the jokes are "
    "stale, the plot is a mess and the acting is terrible. Then something happens. A quiet, "
    "beautifully played scene between the two brothers turns it into one of the most moving "
    "stories I have seen. It is not a perfect film, but I would recommend it to anyone. Avoid the "
    "sequel, which is awful."
)
_WIDTH = 1000


def take(browser: Browser, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the PNG of each picture.

    Args:
        browser: that looks.
        folder: for the pages that it looks at.

    Raises:
        RuntimeError: if a page can't be made.
    """
    page = folder / "why.html"
    _run("predict", "--explain", "--page", str(page), "--output", str(folder / "out"), REVIEW)
    browser.open(page.as_uri(), _WIDTH)
    yield "explanation", browser.picture()

    data = ["--data", default_data(), "--limit", "5000"]
    _run("evaluate", "distilled", *data, "--report", str(folder / "report"))
    browser.open((folder / "report" / "index.html").as_uri(), _WIDTH)
    yield "report", browser.picture(1150)

    page = folder / "cells.html"
    _run("chars", "show", str(_shipped("shakespeare")), LINES, "--out", str(page))
    browser.open(page.as_uri(), _WIDTH)
    yield "cells", browser.picture(1000)

    yield "feels", feels(folder / "feels.png")

    with _serving() as address:
        browser.open(address, _WIDTH, protocol="http:")
        browser.ask("Input.insertText", text=REVIEW)
        browser.wait('document.querySelectorAll("article").length === 1')
        yield "server", browser.picture()


def feels(path: Path) -> bytes:
    """A cell of the pretrained model while it reads, as the page on explanations has it drawn."""
    (explanation,) = SentimentClassifier.load("pretrained").explanations([FEELING])
    plot_cell(FEELING, explanation.by_character(139), width=76).savefig(path, dpi=130)
    return path.read_bytes()


def _run(*arguments: str) -> None:
    if code := command(arguments):
        raise RuntimeError(f"{' '.join(arguments)}: exit code {code}")


def _shipped(name: str) -> Path:
    return Path(__file__).parents[1] / "models" / name


@contextmanager
def _serving() -> Iterator[str]:
    server = Server("--model", "distilled", "--model", "textbook")
    try:
        yield f"{server.address}/"
    finally:
        server.stop(signal.SIGKILL)


def main() -> None:
    """Writes all pictures."""
    program = find_browser()
    if program is None:
        raise ResourceError(f"Expected one of {', '.join(BROWSERS)} to be installed.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        browser = Browser(program, folder)
        try:
            for picture, png in take(browser, folder):
                (IMAGES / f"{picture}.png").write_bytes(png)
        finally:
            browser.close()


if __name__ == "__main__":
    main()
