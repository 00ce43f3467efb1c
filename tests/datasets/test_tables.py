import csv
import io
import json
import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment_rnn.datasets import load_table, tables
from sentiment_rnn.datasets.tables import (
    find_tables,
    load_texts,
    read_part,
    split_table,
    write_csv,
)
from sentiment_rnn.errors import DataError, ResourceError, UsageError


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_rows(path, rows, header=("text", "label")):
    """The same rows in the format that the name asks for."""
    if path.suffix in (".csv", ".tsv"):
        delimiter = "," if path.suffix == ".csv" else "\t"
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
        parquet.write_table(pyarrow.table(columns), path)
    else:
        lines = [json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows]
        path.write_text("".join(lines), encoding="utf-8")
    return path


FORMATS = ["csv", "tsv", "jsonl", "ndjson", "parquet"]
every_format = pytest.mark.parametrize("suffix", FORMATS)
texts = st.lists(st.text(min_size=1).filter(str.strip), min_size=2, max_size=8)


@every_format
def test_texts_and_labels_in_order(tmp_path, suffix):
    path = write_rows(tmp_path / f"reviews.{suffix}", [("Dull.", 0), ("A joy.", 1), ("Dire", 0)])
    reviews = load_table(path)
    assert reviews.texts == ["Dull.", "A joy.", "Dire"]
    assert reviews.labels.tolist() == [0, 1, 0]
    assert reviews.labels.dtype == np.int64
    assert reviews.ratings is None
    assert reviews.groups is None
    assert reviews.names is not None
    assert reviews.names[1].startswith("row 2")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@given(texts=texts)
@settings(max_examples=50, deadline=None)
def test_any_text_comes_back(tmp_path_factory, suffix, texts):
    rows = [(text, str(index % 2)) for index, text in enumerate(texts)]
    path = write_rows(tmp_path_factory.mktemp("table") / f"reviews.{suffix}", rows)
    reviews = load_table(path)
    assert reviews.texts == texts
    assert reviews.labels.tolist() == [index % 2 for index in range(len(texts))]


@given(data=st.binary(max_size=200), suffix=st.sampled_from(FORMATS))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused_by_name(tmp_path_factory, data, suffix):
    path = tmp_path_factory.mktemp("table") / f"reviews.{suffix}"
    path.write_bytes(b"text,label\n" + data if suffix == "csv" else data)
    try:
        message = f"{path}: {load_table(path).texts}"
    except DataError as error:
        message = str(error)
    assert message.startswith(str(path))


def test_a_spreadsheets_csv(tmp_path):
    content = '\ufeff"text",label\r\n"Said ""no""\r\nand left, twice",neg\r\n\r\nFine,pos\r\n'
    reviews = load_table(write(tmp_path / "REVIEWS.CSV", content))
    assert reviews.texts == ['Said "no"\r\nand left, twice', "Fine"]
    assert reviews.names == ["row 1 (line 2)", "row 2 (line 5)"]


def test_a_long_review_and_the_csv_module_as_it_was(tmp_path):
    limit = csv.field_size_limit()
    rows = [("long " * 100_000, 0), ("short", 1)]
    assert len(load_table(write_rows(tmp_path / "reviews.csv", rows)).texts[0]) == 500_000
    with pytest.raises(DataError) as raised:
        load_table(write_rows(tmp_path / "reviews.csv", [*rows, ("x", "y")]))
    assert raised.value is not None
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("0", "1"),
        ("neg", "pos"),
        ("Negative", "POSITIVE"),
        ("false", "True"),
        (" 0 ", "1.0"),
    ],
)
@every_format
def test_labels_as_text(tmp_path, suffix, negative, positive):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", negative), ("b", positive)])
    assert load_table(path).labels.tolist() == [0, 1]


@pytest.mark.parametrize(("negative", "positive"), [(0, 1), (0.0, 1.0), (False, True)])
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_labels_as_numbers(tmp_path, suffix, negative, positive):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", negative), ("b", positive)])
    assert load_table(path).labels.tolist() == [0, 1]


@every_format
def test_star_ratings_with_a_cut(tmp_path, suffix):
    rows = [("a", 6), ("b", 7), ("c", 10), ("d", 1)]
    path = write_rows(tmp_path / f"a.{suffix}", rows, header=("review", "stars"))
    reviews = load_table(path, text_column="review", label_column="stars", positive_from=7)
    assert reviews.labels.tolist() == [0, 1, 1, 0]
    assert reviews.ratings is not None
    assert reviews.ratings.tolist() == [6, 7, 10, 1]
    assert reviews.ratings.dtype == np.int64


def test_half_stars(tmp_path):
    reviews = load_table(write(tmp_path / "a.csv", "text,label\na,3.5\nb,3\n"), positive_from=3.5)
    assert reviews.labels.tolist() == [1, 0]
    assert reviews.ratings is not None
    assert reviews.ratings.tolist() == [3.5, 3.0]


@every_format
def test_groups(tmp_path, suffix):
    rows = [("a", 0, "Up"), ("b", 1, "Down"), ("c", 1, "Up")]
    path = write_rows(tmp_path / f"a.{suffix}", rows, header=("text", "label", "film"))
    reviews = load_table(path, group_column="film")
    assert reviews.groups is not None
    assert reviews.groups.tolist() == [0, 1, 0]
    with pytest.raises(
        DataError,
        match=r"has no column 'movie'\. Present: 'text', 'label', 'film'\n.*group_column=NAME",
    ):
        load_table(path, group_column="movie")


def test_an_empty_group(tmp_path):
    path = write(tmp_path / "a.csv", "text,label,film\na,0,Up\nb,1,\n")
    with pytest.raises(DataError, match=r"row 2 \(line 3\): 'film' is empty\. Expected what the"):
        load_table(path, group_column="film")


# What is refused, with the row


@every_format
def test_a_missing_column(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", 0)], header=("review", "label"))
    where = {"csv": ", line 1", "tsv": ", line 1", "parquet": ""}.get(suffix, ", row 1 (line 1)")
    expected = re.escape(
        f"{path}{where} has no column 'text'. Present: 'review', 'label'\n"
        "Another one is named by text_column=NAME"
    )
    with pytest.raises(DataError, match=expected):
        load_table(path)


@pytest.mark.parametrize(
    ("name", "content", "delimiter"),
    [
        ("excel.csv", "text;label\r\nSlow, dull;0\r\n", ";"),
        ("quoted.csv", '\ufeff"text";"label"\n"a";"0"\n', ";"),
        ("other_names.csv", "review|label|film\na|0|Up\n", "|"),
        ("tabs.csv", "text\tlabel\na\t0\n", "\t"),
        ("commas.tsv", "text,label\na,0\n", ","),
    ],
)
def test_columns_that_another_character_separates(tmp_path, name, content, delimiter):
    path = write(tmp_path / name, content)
    columns = content.lstrip("\ufeff").split()[0] if delimiter != "\t" else "text\tlabel"
    shown = ", ".join(repr(column.strip('"')) for column in columns.split(delimiter))
    expected = re.escape(
        f"{path}, line 1: the columns look separated by {delimiter!r}: {shown}.\n"
        "Expected commas in a .csv, tabs in a .tsv."
    )
    with pytest.raises(DataError, match=expected):
        load_table(path)


def test_a_column_whose_name_has_a_semicolon(tmp_path):
    path = write(tmp_path / "a.csv", "text;label\nfine\n")
    assert load_texts(path, text_column="text;label") == ["fine"]


def test_a_missing_key_further_down(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a", "label": 0}\n\n{"text": "b"}\n')
    with pytest.raises(DataError, match=r"row 2 \(line 3\) has no column 'label'. Present: 'text'"):
        load_table(path)


def test_labels_that_are_the_texts(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\n1,1\n0,0\n")
    with pytest.raises(UsageError, match="text_column=label and label_column=label are one"):
        load_table(path, text_column="label")


def test_a_column_that_is_there_twice(tmp_path):
    path = write(tmp_path / "a.csv", "text,label,text\na,0,b\n")
    with pytest.raises(DataError, match="line 1 has the column 'text' more than once"):
        load_table(path)


def row_2(path, line=3):
    return re.escape(f"{path}, row 2" + ("" if path.suffix == ".parquet" else f" (line {line})"))


@every_format
def test_an_unknown_label(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", "pos"), ("b", "meh"), ("c", "neg")])
    line = 2 if "json" in suffix else 3
    expected = (
        row_2(path, line) + ": unknown label 'meh'. Expected 0 or 1, neg or pos, negative or "
        "positive, false or true;\nor with positive_from=7, for example, a star rating; or with "
        "multiclass=True a class"
    )
    with pytest.raises(DataError, match=expected):
        load_table(path)


@pytest.mark.parametrize("label", ['""', "null", '"nan"', "NaN", "[1]", "1e999", '"²"', '"0_1"'])
def test_labels_that_are_none(tmp_path, label):
    path = write(tmp_path / "a.jsonl", f'{{"text": "a", "label": {label}}}\n')
    with pytest.raises(DataError, match=r"row 1 \(line 1\): unknown label"):
        load_table(path)


@every_format
def test_star_ratings_without_the_cut(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", 1), ("b", 8)])
    line = 2 if "json" in suffix else 3
    expected = ": the label '?8'? looks like a star rating. .*\npositive_from=7 .*multiclass=True"
    with pytest.raises(DataError, match=row_2(path, line) + expected):
        load_table(path)


@pytest.mark.parametrize("label", ['"pos"', "true", "null", '""', '"1_0"'])
def test_labels_that_are_no_ratings(tmp_path, label):
    path = write(tmp_path / "a.jsonl", f'{{"text": "a", "label": {label}}}\n')
    expected = r"unknown label .*\. Expected a star rating, as of positive_from=7$"
    with pytest.raises(DataError, match=expected):
        load_table(path, positive_from=7)


@every_format
@pytest.mark.parametrize("empty", ["", " \t "])
def test_an_empty_text(tmp_path, suffix, empty):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", 0), (empty, 1)])
    line = 2 if "json" in suffix else 3
    with pytest.raises(DataError, match=row_2(path, line) + ": 'text' is empty. Expected a text"):
        load_table(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("null", "'text' is null. Expected a text"),
        ("12", "'text' is 12. Expected a text"),
        ('["a"]', r"'text' is \['a'\]. Expected a text"),
        ('"\\ud800"', "'text' holds half a surrogate pair"),
    ],
)
def test_texts_that_are_none(tmp_path, text, message):
    path = write(tmp_path / "a.jsonl", f'{{"text": {text}, "label": 0}}\n')
    with pytest.raises(DataError, match=rf"row 1 \(line 1\): {message}"):
        load_table(path)


@every_format
@pytest.mark.parametrize(("label", "kind"), [(0, "negative"), (1, "positive")])
def test_one_class_only(tmp_path, suffix, label, kind):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", label), ("b", label), ("c", label)])
    expected = rf"all reviews are {kind}, from row 1.* to row 3.*\. Expected reviews of both kinds"
    with pytest.raises(DataError, match=re.escape(f"{path}: ") + expected):
        load_table(path)


@every_format
def test_one_class_is_enough_to_evaluate_a_model(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", 1), ("b", 1)])
    for multiclass in (False, True):
        reviews = load_table(path, multiclass=multiclass, classes=[0, 1])
        assert reviews.labels.tolist() == [1, 1]


@every_format
def test_labels_are_strings_where_the_classes_of_a_model_are(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", "7"), ("b", "7.0"), ("c", "10")])
    found = load_table(path, multiclass=True, classes=["10", "7", "n/a"]).labels
    assert found.tolist() == ["7", "7.0", "10"]
    assert load_table(path, multiclass=True, classes=[7, 10]).labels.tolist() == [7, 7, 10]
    path = write_rows(tmp_path / f"b.{suffix}", [("a", "pos"), ("b", "0")])
    assert load_table(path, classes=["0", "1"]).labels.tolist() == ["1", "0"]


@every_format
def test_no_rows(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [])
    with pytest.raises(DataError, match=re.escape(str(path)) + " has no rows. Expected a review"):
        load_table(path)


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_an_empty_file(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", "")
    with pytest.raises(DataError, match=r"is empty\. Expected a header with 'text', 'stars'"):
        load_table(path, label_column="stars")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not valid JSON: "),
        ("[" * 100_000, "is not valid JSON: "),
        ('{"label": ' + "9" * 5000 + "}", "is not valid JSON: "),
        ("[1, 2]", r"is '\[1, 2\]'. Expected a JSON object"),
    ],
)
def test_lines_that_are_no_json_objects(tmp_path, line, message):
    path = write(tmp_path / "a.jsonl", f'\n{{"text": "a", "label": 0}}\n{line}\n')
    with pytest.raises(DataError, match=rf"a\.jsonl, row 2 \(line 3\) {message}"):
        load_table(path)


@pytest.mark.parametrize(("row", "fields"), [("b", 1), ("b,c,1", 3)])
def test_a_row_with_another_number_of_fields(tmp_path, row, fields):
    path = write(tmp_path / "a.csv", f'text,label\n"a\nb",0\n{row}\n')
    expected = rf"row 2 \(line 4\) has {fields} fields\. Expected 2, as in the header"
    with pytest.raises(DataError, match=expected):
        load_table(path)


@pytest.mark.parametrize("row", ['"never closed,1', '"b" c,1'])
def test_quotation_marks_that_do_not_match(tmp_path, row):
    path = write(tmp_path / "a.csv", f"text,label\na,0\n{row}\n")
    with pytest.raises(DataError, match=r"row 2 \(line 3\): .*\nA field with quotation marks"):
        load_table(path)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_text_that_is_not_utf8(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", 0), ("b", 1)])
    good = path.read_bytes()
    path.write_bytes(good + b"caf\xe9")
    lines = good.count(b"\n") + 1
    with pytest.raises(DataError, match=rf"a\.{suffix}, line {lines} is not UTF-8 text"):
        load_table(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ResourceError, match=r"Could not read .*a\.csv: No such file"):
        load_table(tmp_path / "a.csv")
    with pytest.raises(ResourceError, match=r"Could not read .*a\.parquet: No such file"):
        load_table(tmp_path / "a.parquet")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(ResourceError, match=r"Could not read .*b\.csv: Is a directory"):
        load_table(tmp_path / "b.csv")


def test_another_kind_of_file(tmp_path):
    path = write(tmp_path / "a.xlsx", "")
    with pytest.raises(UsageError, match=r"a\.xlsx: expected a table whose name ends in \.csv, "):
        load_table(path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", "")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r'pip install "sentiment_rnn\[parquet\]"'):
        load_table(path)


@pytest.mark.parametrize("damage", ["no parquet", "truncated", "changed"])
def test_damaged_parquet(tmp_path, damage):
    path = write_rows(tmp_path / "a.parquet", [("a", 0), ("b", 1)])
    data = bytearray(path.read_bytes())
    if damage == "changed":
        data[4:40] = bytes(36)
    path.write_bytes({"no parquet": b"text,label", "truncated": data[:-20]}.get(damage, data))
    with pytest.raises(DataError, match=r"a\.parquet is not a valid Parquet file: "):
        load_table(path)


def test_the_phrases(real_data):
    train = load_table(real_data / "phrases_train.tsv")
    test = load_table(real_data / "phrases_test.tsv")
    assert (len(train), len(test)) == (58, 20)
    assert len({word for text in train.texts + test.texts for word in text.split()}) == 18


def test_a_cut_that_is_no_number(tmp_path):
    with pytest.raises(UsageError, match="positive_from must be a finite number. Received: nan"):
        load_table(tmp_path / "table.csv", positive_from=float("nan"))


@every_format
def test_each_different_label_is_a_class(tmp_path, suffix):
    rows = [("one", "1"), ("two", "5"), ("three", "3")]
    path = write_rows(tmp_path / f"stars.{suffix}", rows)
    assert load_table(path, multiclass=True).labels.tolist() == [1, 5, 3]
    rows = [("one", "joy"), ("two", " 5 "), ("three", "rage")]
    path = write_rows(tmp_path / f"names.{suffix}", rows)
    assert load_table(path, multiclass=True).labels.tolist() == ["joy", "5", "rage"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["7", "1000000000000000001", "1000000000000000002"], [7, 10**18 + 1, 10**18 + 2]),
        (["-1", "0", "4.0"], [-1, 0, 4]),
        # What is written otherwise than the number stays as it is written.
        (["007", "7", "1_0"], ["007", "7", "1_0"]),
        (["+5", "1e3", "5"], ["+5", "1e3", "5"]),
        (["-0.0", "1.5", "٣"], ["-0.0", "1.5", "٣"]),
        ([str(2**63), "1", "-1"], [str(2**63), "1", "-1"]),
        (["9" * 5000, "inf", "1"], ["9" * 5000, "inf", "1"]),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_different_labels_stay_different_classes(tmp_path, suffix, labels, expected):
    path = write_rows(tmp_path / f"a.{suffix}", [("text", label) for label in labels])
    found = load_table(path, multiclass=True).labels
    assert found.tolist() == expected
    assert found.dtype.kind == ("i" if isinstance(expected[0], int) else "U")


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_numbers_as_classes(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", 4.0), ("b", -2.0), ("c", 2.0**53)])
    assert load_table(path, multiclass=True).labels.tolist() == [4, -2, 2**53]
    path = write_rows(tmp_path / f"b.{suffix}", [("a", 10**18 + 1), ("b", 10**18 + 2)])
    assert load_table(path, multiclass=True).labels.tolist() == [10**18 + 1, 10**18 + 2]


def test_classes_that_are_none(tmp_path):
    path = write_rows(tmp_path / "a.csv", [("one", "joy"), ("two", "joy")])
    with pytest.raises(DataError, match="all reviews are 'joy', .* Expected reviews of several"):
        load_table(path, multiclass=True)
    path = write_rows(tmp_path / "b.jsonl", [("one", "joy"), ("two", None)])
    with pytest.raises(DataError, match=r"row 2 \(line 2\): expected a label. Received: None"):
        load_table(path, multiclass=True)
    with pytest.raises(UsageError, match="Either positive_from=3 cuts .* or multiclass=True"):
        load_table(path, multiclass=True, positive_from=3)


@every_format
def test_texts_without_labels(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("one", "x"), ("two", "y")], header=("body", "z"))
    assert load_texts(path, text_column="body") == ["one", "two"]
    with pytest.raises(DataError, match="has no column 'text'"):
        load_texts(path)
    path = write_rows(tmp_path / f"b.{suffix}", [("one",), (" ",)], header=("text",))
    with pytest.raises(DataError, match=r"row 2.*: 'text' is empty. Expected a text"):
        load_texts(path)


# Written


@given(rows=st.lists(st.lists(st.text(), min_size=2, max_size=3)))
def test_written_rows_come_back(rows):
    written = io.StringIO(newline="")
    write_csv(written, rows)
    assert list(csv.reader(io.StringIO(written.getvalue(), newline=""))) == rows


def test_line_ends_in_written_rows_are_quoted_and_end_no_row():
    written = io.StringIO(newline="")
    write_csv(written, [["a\rb", "c\r\nd", "e\n"], ["plain", 1, "last\r\n"]])
    assert written.getvalue() == '"a\rb","c\r\nd","e\n"\nplain,1,"last\r\n"\n'


# In parts


@every_format
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 100])
def test_parts_hold_each_row_once_and_in_order(tmp_path, suffix, rows):
    texts = ["a", "", " ", 'said "no"\r\nand left', "caf\u00e9\t\U0001f600", "x,y", "the last"]
    path = write_rows(tmp_path / f"a.{suffix}", [(text, "?") for text in texts])
    parts = list(split_table(path, rows=rows))
    assert [part.rows for part in parts[:-1]] == [rows] * (len(parts) - 1)
    assert [part.row for part in parts] == list(range(1, len(texts) + 1, rows))
    # Each by itself, in any order.
    found = {part.row: read_part(part) for part in reversed(parts)}
    assert [text for part in parts for text in found[part.row]] == texts


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@given(texts=texts, rows=st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_any_texts_come_back_from_their_parts(tmp_path_factory, suffix, texts, rows):
    path = write_rows(tmp_path_factory.mktemp("table") / f"a.{suffix}", [(t, "") for t in texts])
    parts = list(split_table(path, rows=rows))
    assert [text for part in parts for text in read_part(part)] == texts


def test_parts_of_a_spreadsheets_csv(tmp_path):
    content = '\ufefftext,label\r\n\r\n"caf\u00e9\r\n",1\r\n\r\n\r\nb,2\r\nc,3\r\n\r\n'
    parts = list(split_table(write(tmp_path / "a.csv", content), rows=1))
    assert [(part.row, part.line) for part in parts] == [(1, 3), (2, 7), (3, 8)]
    assert [read_part(part) for part in parts] == [["caf\u00e9\r\n"], ["b"], ["c"]]


def test_parts_of_json_lines_with_a_byte_order_mark(tmp_path):
    content = '\ufeff\n{"text": "\u00e9"}\n\n{"text": "b"}\n{"text": "c"}'
    parts = list(split_table(write(tmp_path / "a.jsonl", content), rows=2))
    assert [(part.row, part.rows) for part in parts] == [(1, 2), (3, 1)]
    assert [read_part(part) for part in parts] == [["\u00e9", "b"], ["c"]]


@pytest.mark.parametrize("size", [1, 3, 5, 20])
def test_parts_of_parquet_whatever_its_row_groups(tmp_path, size):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts = [f"text {number}" for number in range(11)]
    parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet", row_group_size=size)
    parts = list(split_table(tmp_path / "a.parquet", rows=4))
    assert [read_part(part) for part in parts] == [texts[:4], texts[4:8], texts[8:]]


def test_a_part_of_long_texts_has_fewer_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "PART_CHARACTERS", 10)
    path = write_rows(tmp_path / "a.jsonl", [(text, 0) for text in ("x" * 50, "a", "b" * 9, "c")])
    assert [part.rows for part in split_table(path, rows=3)] == [1, 2, 1]


@every_format
def test_a_part_of_a_table_that_has_changed(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [("a", 0), ("b", 1), ("c", 0)])
    _, part = split_table(path, rows=2)
    write_rows(path, [("a", 0), ("b", 1), ("d", 0)])
    expected = re.escape(f"{path}, from row 3: the texts are others than before")
    with pytest.raises(DataError, match=expected):
        read_part(part)
    write_rows(path, [("a", 0), ("b", 1)])
    with pytest.raises(DataError, match=expected):
        read_part(part)
    path.unlink()
    with pytest.raises(ResourceError, match=r"Could not read .*: No such file"):
        read_part(part)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": null}', "'text' is null. Expected a text"),
        ('{"text": 12}', "'text' is 12. Expected a text"),
        ('{"body": "a"}', "has no column 'text'. Present: 'body'"),
        ("{", "is not valid JSON"),
    ],
)
def test_a_row_that_no_part_can_have(tmp_path, line, message):
    path = write(tmp_path / "a.jsonl", f'{{"text": "a"}}\n{{"text": "b"}}\n{line}\n')
    parts = split_table(path, rows=1)
    assert [next(parts).row, next(parts).row] == [1, 2]
    with pytest.raises(DataError, match=rf"row 3 \(line 3\):? {message}"):
        next(parts)


def test_the_tables_of_a_folder(tmp_path):
    for name in ("b.csv", "a.JSONL", "c.parquet", "_SUCCESS", ".a.csv.crc"):
        write(tmp_path / name, "")
    assert [path.name for path in find_tables(tmp_path)] == ["a.JSONL", "b.csv", "c.parquet"]
    assert find_tables(tmp_path / "b.csv") == [tmp_path / "b.csv"]
    write(tmp_path / "notes.txt", "")
    with pytest.raises(
        UsageError, match=r"notes\.txt is no table\. Expected a folder of files who"
    ):
        find_tables(tmp_path)
    with pytest.raises(UsageError, match=r"notes\.txt: expected a table whose name ends in \.csv"):
        find_tables(tmp_path / "notes.txt")
    # As the message says.
    (tmp_path / "notes.txt").rename(tmp_path / "_notes.txt")
    assert len(find_tables(tmp_path)) == 3
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(UsageError, match=r"d\.csv is no table\."):
        find_tables(tmp_path)
    with pytest.raises(ResourceError, match=r"d\.csv has no tables\. Expected files whose names"):
        find_tables(tmp_path / "d.csv")
