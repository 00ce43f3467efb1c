import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

import sentiment_rnn.datasets
from sentiment_rnn.datasets import load_data, load_text_or_reviews
from sentiment_rnn.datasets.download import SOURCES
from sentiment_rnn.datasets.sources import load_train_texts
from sentiment_rnn.errors import DataError, ResourceError, UsageError


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "test"):
        for name, text in (("neg/0_2.txt", "Dull."), ("pos/0_9.txt", "A joy.")):
            file = tmp_path / "aclImdb" / split / name
            file.parent.mkdir(parents=True)
            file.write_text(f"{split}: {text}")
    return tmp_path / "aclImdb"


def pack(folder, path):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "aclImdb")
    return path


def test_the_sample():
    train, test = load_data("sample")
    assert test is not None
    assert len(train) > len(test) > 0
    with pytest.raises(DataError, match="has no reviews in train/unsup"):
        load_data("sample", unsupervised=True)


@pytest.mark.parametrize(
    "options",
    [
        {"text_column": "review"},
        {"label_column": "stars"},
        {"group_column": "film"},
        {"positive_from": 7.0},
    ],
)
def test_what_only_a_table_is_asked(options):
    (name,) = options
    expected = f"Only a table is asked for {name}={options[name]}".removesuffix(".0")
    with pytest.raises(UsageError, match=f"{expected}. sample has texts and labels of its own"):
        load_data("sample", **options)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz"])
def test_a_folder_and_an_archive(folder, tmp_path, suffix):
    for source in (folder, str(tmp_path), pack(folder, tmp_path / f"packed{suffix}")):
        train, test = load_data(source)
        assert train.texts == ["train: Dull.", "train: A joy."]
        assert test is not None
        assert test.texts == ["test: Dull.", "test: A joy."]


def test_test_reviews_may_be_left_out_where_nobody_needs_them(folder, tmp_path):
    shutil.rmtree(folder / "test")
    for source in (folder, pack(folder, tmp_path / "packed.tgz")):
        train, test = load_data(source, test=False)
        assert (len(train), test) == (2, None)
        assert load_train_texts(source) == train.texts
        assert load_text_or_reviews(source).count("\n") == 2
        with pytest.raises(DataError, match="has no reviews in test/neg"):
            load_data(source)


def test_stars_as_classes_are_in_all_names_or_it_is_said_where_they_are_not(folder):
    assert load_data(folder, multiclass=True)[0].labels.tolist() == [2, 9]
    (folder / "train" / "pos" / "praise.txt").write_text("Praise.")
    expected = (
        r"aclImdb: train/pos/praise\.txt has no rating in its name\. With multiclass=True ratings "
        r"are the classes: expected ID_RATING\.txt"
    )
    with pytest.raises(DataError, match=expected):
        load_data(folder, multiclass=True)


@pytest.mark.parametrize(("multiclass", "expected"), [(False, ["0", "1"]), (True, ["2", "9"])])
def test_labels_of_a_model_whose_classes_are_strings(folder, multiclass, expected):
    parts = load_data(folder, multiclass=multiclass, classes=["0", "1"])
    assert [part.labels.tolist() for part in parts if part] == [expected] * 2


def test_unsupervised_is_passed_on(folder):
    (folder / "train" / "unsup").mkdir()
    (folder / "train" / "unsup" / "0_0.txt").write_text("Who knows.")
    assert load_data(folder, unsupervised=True)[0].unsupervised == ["Who knows."]


def test_a_table_has_no_test_part(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("review,stars,film\nDull.,2,Up\nA joy.,9,Up\n")
    reviews, test = load_data(
        str(path),
        text_column="review",
        label_column="stars",
        group_column="film",
        positive_from=7,
    )
    assert test is None
    assert reviews.texts == ["Dull.", "A joy."]
    assert reviews.labels.tolist() == [0, 1]
    assert reviews.groups is not None
    assert reviews.groups.tolist() == [0, 0]
    with pytest.raises(UsageError, match="is a table, which has no unsupervised reviews"):
        load_data(path, unsupervised=True)


def test_imdb_from_the_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(tmp_path))
    archive = pack(folder, tmp_path / "aclImdb_v1.tar.gz")
    known = replace(SOURCES["imdb"], size=archive.stat().st_size)
    monkeypatch.setitem(SOURCES, "imdb", known)
    assert load_data("imdb")[0].texts == ["train: Dull.", "train: A joy."]


@pytest.mark.parametrize("content", [None, b"half a download"])
def test_imdb_not_in_the_cache_is_not_fetched(tmp_path, monkeypatch, content):
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(tmp_path))
    if content is not None:
        (tmp_path / "aclImdb_v1.tar.gz").write_bytes(content)
    expected = rf"not in {tmp_path}\.\nGet them \(84 MB\) with: sentiment-rnn download imdb"
    with pytest.raises(ResourceError, match=expected):
        load_data("imdb")


def test_what_is_missing(tmp_path):
    with pytest.raises(ResourceError, match=r"Could not read .*a\.csv: No such file"):
        load_data(tmp_path / "a.csv")
    with pytest.raises(ResourceError, match=r"a\.tar\.gz does not exist"):
        load_data(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("source", ["smaple", "reviews.xlsx", "no/such/folder"])
def test_anything_else(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = (
        r"Expected sample, imdb, the folder of the IMDB reviews, or a file\n"
        r"whose name ends in \.tar\.gz, \.tgz, \.csv, \.tsv, \.jsonl, \.ndjson, \.parquet"
    )
    with pytest.raises(UsageError, match=rf"No such data: '{source}'\. {expected}"):
        load_data(source)


def test_importing_loads_nothing_heavy_and_reads_nothing():
    heavy = ["keras", "tensorflow", "gensim", "nltk", "sklearn", "pyarrow", "tqdm"]
    code = f"import sys, sentiment_rnn.datasets; print([m for m in {heavy} if m in sys.modules])"
    root = Path(sentiment_rnn.datasets.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout == "[]\n"
