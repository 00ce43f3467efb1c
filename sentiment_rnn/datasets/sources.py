"""What ``--data`` takes: the name of a data set, or a path."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Sequence
from pathlib import Path

from sentiment_rnn._files import at_home
from sentiment_rnn._shipped import shipped
from sentiment_rnn.datasets.download import SOURCES, cache_folder
from sentiment_rnn.datasets.imdb import load_imdb, load_parts, rating_in
from sentiment_rnn.datasets.plain_text import load_text
from sentiment_rnn.datasets.reviews import Reviews
from sentiment_rnn.datasets.tables import (
    TABLE_SUFFIXES,
    are_strings,
    load_table,
    load_texts,
)
from sentiment_rnn.errors import DataError, ResourceError, UsageError

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")


def load_data(
    source: str | os.PathLike[str],
    *,
    unsupervised: bool = False,
    text_column: str = "text",
    label_column: str = "label",
    group_column: str | None = None,
    positive_from: float | None = None,
    multiclass: bool = False,
    classes: Sequence[int] | Sequence[str] | None = None,
    test: bool = True,
    cache: Path | None = None,
) -> tuple[Reviews, Reviews | None]:
    """Reads reviews from wherever they are.

    Args:
        source: ``"sample"``, the corpus that comes with the package; ``"imdb"``, the archive in
            the cache folder; a folder or archive for `load_imdb`; or a table for `load_table`.
        unsupervised: see `load_imdb`; neither the sample nor a table has such texts.
        text_column: see `load_table`, as for the next three; of a table only.
        label_column: see `load_table`.
        group_column: see `load_table`.
        positive_from: see `load_table`.
        multiclass: see `load_table`. The classes of the IMDB reviews are their stars then.
        classes: see `load_table`.
        test: whether a folder or archive must have test reviews. Where it need not, and has none,
            these are None.
        cache: see `load_imdb`; of no effect for a table.

    Returns:
        The train and the test reviews; for a table all its reviews and None.

    Raises:
        UsageError: if the source is none of these, or is told what only a table is asked.
        ResourceError: if it is missing or can't be read.
        DataError: if it is not what its format promises.

    Example:
        >>> train, test = load_data("sample")
        >>> train.names[0], train.labels[0]
        ('train/neg/...txt', np.int64(0))
    """
    path = at_home(source)
    if path.suffix.lower() in TABLE_SUFFIXES:
        _check_not_unsupervised(path, unsupervised)
        reviews = load_table(
            path,
            text_column=text_column,
            label_column=label_column,
            group_column=group_column,
            positive_from=positive_from,
            multiclass=multiclass,
            classes=classes,
        )
        return reviews, None
    if source == "sample":
        path = shipped("data") / "sample" / "aclImdb"
    elif source == "imdb":
        path = _cached_imdb()
    if path.is_dir() or path.name.lower().endswith(ARCHIVE_SUFFIXES):
        _check_no_column(source, text_column, label_column, group_column, positive_from)
        # The sample is read in less time than a cache takes.
        kept = None if source == "sample" else cache
        load = load_imdb if test else load_parts
        train, tested = load(path, unsupervised=unsupervised, cache=kept)
        how = {"by_stars": multiclass, "as_text": are_strings(classes)}
        train = _labelled(train, path, **how)
        return train, None if tested is None else _labelled(tested, path, **how)
    suffixes = ", ".join((*ARCHIVE_SUFFIXES, *TABLE_SUFFIXES))
    raise UsageError(
        f"No such data: {str(source)!r}. Expected sample, imdb, the folder of the IMDB reviews, "
        f"or a file\nwhose name ends in {suffixes}."
    )


def load_train_texts(
    source: str | os.PathLike[str],
    *,
    unsupervised: bool = False,
    text_column: str = "text",
    cache: Path | None = None,
) -> list[str]:
    """Reads texts to learn from without their labels, which a table need not have.

    Args:
        source: see `load_data`, as for all others and what is raised.
        unsupervised: whether to read the reviews without label too.
        text_column: of a table only.
        cache: of no effect for a table.

    Returns:
        The train texts, and behind them those without label; all texts of a table.

    Example:
        >>> len(load_train_texts("sample"))
        180
    """
    path = at_home(source)
    if path.suffix.lower() in TABLE_SUFFIXES:
        _check_not_unsupervised(path, unsupervised)
        return load_texts(path, text_column=text_column)
    train, _ = load_data(
        source, unsupervised=unsupervised, text_column=text_column, test=False, cache=cache
    )
    return train.texts + (train.unsupervised or [])


def _check_not_unsupervised(table: Path, unsupervised: bool) -> None:
    if unsupervised:
        raise UsageError(f"{table} is a table, which has no unsupervised reviews.")


def _check_no_column(
    source: str | os.PathLike[str],
    text_column: str,
    label_column: str,
    group_column: str | None,
    positive_from: float | None,
) -> None:
    """Refuses what would be of no effect, since the source is no table."""
    for name, value, usual in (
        ("text_column", text_column, "text"),
        ("label_column", label_column, "label"),
        ("group_column", group_column, None),
        ("positive_from", None if positive_from is None else f"{positive_from:g}", None),
    ):
        if value != usual:
            raise UsageError(
                f"Only a table is asked for {name}={value}. {source} has texts and labels of its "
                "own: leave it out."
            )


def _labelled(reviews: Reviews, path: Path, *, by_stars: bool, as_text: bool) -> Reviews:
    """The reviews with their stars for labels, or with labels that are strings."""
    labels = reviews.labels
    if by_stars:
        if reviews.ratings is None:
            name = next(name for name in reviews.names or [] if rating_in(name) is None)
            raise DataError(
                f"{path}: {name} has no rating in its name. With multiclass=True ratings are the "
                "classes: expected ID_RATING.txt"
            )
        labels = reviews.ratings
    return dataclasses.replace(reviews, labels=labels.astype(str) if as_text else labels)


def load_text_or_reviews(source: str | os.PathLike[str], *, seed: int = 0) -> str:
    r"""Reads what a character model learns from: a text, or reviews, one a line.

    Args:
        source: a file for `load_text`; or a folder or archive for `load_imdb`, of which the train
            reviews are taken.
        seed: of the order of the reviews, since all of one class come first.

    Returns:
        The text.

    Raises:
        ResourceError: if it is missing or can't be read.
        DataError: if it is not what its format promises.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("train/pos/0_10", "train/neg/0_1", "test/pos/0_10", "test/neg/0_1"):
        ...         file = Path(folder, f"{name}.txt")
        ...         file.parent.mkdir(parents=True)
        ...         _ = file.write_text(f"Of\n{name}")
        ...     sorted(load_text_or_reviews(folder).splitlines())
        ['Of train/neg/0_1', 'Of train/pos/0_10']
    """
    path = Path(source)
    if not path.is_dir() and not path.name.lower().endswith(ARCHIVE_SUFFIXES):
        return load_text(path)
    train, _ = load_data(path, test=False)
    lines = [" ".join(text.split()) for text in train.texts]
    random.Random(seed).shuffle(lines)
    return "\n".join(lines) + "\n"


def _cached_imdb() -> Path:
    """The downloaded archive, by its size alone: `download` checked its hash when it came."""
    known = SOURCES["imdb"]
    path = cache_folder() / known.filename
    if not path.is_file() or path.stat().st_size != known.size:
        raise ResourceError(
            f"The IMDB reviews are not in {path.parent}.\n"
            f"Get them ({known.size / 1e6:.0f} MB) with: sentiment-rnn download imdb"
        )
    return path
