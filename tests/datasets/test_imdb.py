import gzip
import io
import os
import re
import tarfile

import numpy as np
import pytest

from sentiment_rnn._shipped import shipped
from sentiment_rnn.datasets import imdb, load_imdb
from sentiment_rnn.errors import DataError, ResourceError

URL = "http://www.imdb.com/title/{}/usercomments\n"

# Numbers out of order as text, shared and own films, an accent, line ends, and files to pass over.
FILES = {
    "train/neg/0_1.txt": b"train neg 0",
    "train/neg/2_4.txt": b"train neg 2\r\n",
    "train/neg/10_3.txt": b"train neg 10",
    "train/pos/1_10.txt": "caf\u00e9 <br />".encode(),
    "train/pos/0_7.txt": b"train pos 0",
    "train/unsup/11_0.txt": b"unsup 11",
    "train/unsup/3_0.txt": b"unsup 3",
    "test/neg/0_2.txt": b"test neg 0",
    "test/pos/0_9.txt": b"test pos 0",
    "train/urls_neg.txt": "".join(URL.format(f"tt{n % 3}") for n in range(11)).encode(),
    "train/urls_pos.txt": (URL.format("tt1") + URL.format("tt7")).encode(),
    "train/urls_unsup.txt": b"\xff not read",
    "train/labeledBow.feat": b"\xff not read",
    "train/neg/notes.md": b"\xff not read",
    "train/neg/._0_1.txt": b"\xff not read",
    "imdb.vocab": b"\xff not read",
}


def write_folder(folder, files):
    for name, data in files.items():
        path = folder / "aclImdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def member(name, data=b"", **attributes):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, io.BytesIO(data)


def write_archive(path, files, *, extra=(), root="aclImdb/", tar_format=tarfile.GNU_FORMAT):
    with tarfile.open(path, "w:gz", format=tar_format, compresslevel=1) as archive:
        for name, data in files.items():
            archive.addfile(*member(root + name, data))
        for info, data in extra:
            archive.addfile(info, data)
    return path


def with_file(name, data):
    return {**FILES, name: data}


def without(*names):
    return {name: data for name, data in FILES.items() if not name.startswith(names)}


def assert_same(one, other):
    assert one.texts == other.texts
    assert one.names == other.names
    assert one.unsupervised == other.unsupervised
    assert one.fingerprint() == other.fingerprint()
    np.testing.assert_array_equal(one.ratings, other.ratings)
    assert (one.groups is None) == (other.groups is None)
    if one.groups is not None:
        np.testing.assert_array_equal(one.groups, other.groups)


def test_reviews_in_order_with_ratings_and_films(tmp_path):
    train, test = load_imdb(write_folder(tmp_path, FILES))
    assert train.texts == [
        "train neg 0",
        "train neg 2\r\n",
        "train neg 10",
        "train pos 0",
        "caf\u00e9 <br />",
    ]
    assert train.labels.tolist() == [0, 0, 0, 1, 1]
    assert train.ratings is not None
    assert train.ratings.tolist() == [1, 4, 3, 7, 10]
    assert train.groups is not None
    assert train.groups.tolist() == ["tt0", "tt2", "tt1", "tt1", "tt7"]
    assert train.names is not None
    assert train.names[2] == "train/neg/10_3.txt"
    assert train.unsupervised is None
    assert test.texts == ["test neg 0", "test pos 0"]
    assert test.labels.tolist() == [0, 1]
    assert test.groups is None


def test_unsupervised_on_demand(tmp_path):
    train, test = load_imdb(write_folder(tmp_path, FILES), unsupervised=True)
    assert train.unsupervised == ["unsup 3", "unsup 11"]
    assert test.unsupervised is None


@pytest.mark.parametrize("unsupervised", [False, True])
@pytest.mark.parametrize("root", ["aclImdb/", "./aclImdb/"])
@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_folder_and_archive_give_the_same(tmp_path, unsupervised, root, tar_format):
    folder = write_folder(tmp_path, FILES)
    reverse = dict(reversed(FILES.items()))
    archive = write_archive(tmp_path / "a.tar.gz", reverse, root=root, tar_format=tar_format)
    from_folder = load_imdb(folder, unsupervised=unsupervised)
    from_archive = load_imdb(archive, unsupervised=unsupervised)
    from_inside = load_imdb(str(folder / "aclImdb"), unsupervised=unsupervised)
    for one, other, third in zip(from_folder, from_archive, from_inside, strict=True):
        assert_same(one, other)
        assert_same(one, third)


def test_an_archive_that_python_or_tar_packed_from_the_folder(tmp_path):
    folder = write_folder(tmp_path, FILES)
    # Times with fractions of a second give every member an extended header.
    os.utime(folder / "aclImdb/train/neg/0_1.txt", (1.5, 1.5))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.add(folder / "aclImdb", "aclImdb")
    for one, other in zip(load_imdb(folder), load_imdb(tmp_path / "a.tar.gz"), strict=True):
        assert_same(one, other)


def test_nothing_is_written(tmp_path):
    archive = write_archive(tmp_path / "a.tar.gz", FILES)
    load_imdb(archive)
    assert list(tmp_path.iterdir()) == [archive]


def test_films_of_the_sample_corpus(tmp_path):
    urls = b"https://example.com/film/ashpit-lane/reviews\n"
    files = {**without("train/neg", "train/urls"), "train/neg/0_1.txt": b"x"}
    files |= {"train/urls_neg.txt": urls, "train/urls_pos.txt": urls + b"Another film\r\n"}
    train, _ = load_imdb(write_folder(tmp_path, files))
    assert train.groups is not None
    assert train.groups.tolist() == ["ashpit-lane", "ashpit-lane", "Another film"]


# Texts of one's own

OWN = {
    "train/neg/2.txt": b"train neg 2",
    "train/neg/10.txt": b"train neg 10",
    "train/neg/5_4.txt": b"train neg 5",
    "train/pos/sch\u00f6n.txt": b"train pos",
    "train/pos/.hidden.txt": b"\xff not read",
    "test/neg/Shouted.TXT": b"test neg",
    "test/pos/0_9.txt": b"test pos",
    "train/unsup/1_0.txt": b"unsup 1",
    "train/unsup/any name.txt": b"unsup",
}


@pytest.mark.parametrize("pack", [write_folder, write_archive])
def test_names_without_a_rating_are_read_like_all_others(tmp_path, pack):
    train, test = load_imdb(pack(tmp_path / "own", OWN), unsupervised=True)
    assert train.texts == ["train neg 5", "train neg 10", "train neg 2", "train pos"]
    assert train.labels.tolist() == [0, 0, 0, 1]
    assert train.names is not None
    assert train.names[1:] == ["train/neg/10.txt", "train/neg/2.txt", "train/pos/sch\u00f6n.txt"]
    assert train.ratings is None
    assert train.unsupervised == ["unsup 1", "unsup"]
    assert test.texts == ["test neg", "test pos"]
    assert test.ratings is None


def test_films_are_named_by_numbers(tmp_path):
    path = write_folder(tmp_path, with_file("train/neg/dull.txt", b"x"))
    with pytest.raises(
        DataError,
        match=r"train/urls_neg\.txt names films by the number of a review, and train/neg/dull\.txt "
        r"has none\. Expected ID_RATING\.txt",
    ):
        load_imdb(path)


@pytest.mark.parametrize("root", ["", "./", "mine/", "./mine/", "train/"])
def test_an_archive_has_a_folder_of_any_name_or_none(tmp_path, root):
    archive = write_archive(tmp_path / "a.tar.gz", FILES, root=root)
    expected = load_imdb(write_folder(tmp_path, FILES))
    for one, other in zip(load_imdb(archive), expected, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize(
    ("name", "where"), [("mine/", "aclImdb and in mine"), ("", r"\. and in aclImdb")]
)
def test_an_archive_of_two_corpora(tmp_path, name, where):
    other = member(f"{name}train/neg/7_1.txt", b"x")
    path = write_archive(tmp_path / "a.tar.gz", FILES, extra=[other])
    expected = rf"a\.tar\.gz has reviews in {where}\. Expected one folder with train and test in it"
    with pytest.raises(DataError, match=expected):
        load_imdb(path)


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("length", [50, 200])
def test_a_name_that_is_cut_is_not_passed_over(tmp_path, tar_format, length):
    files = {**OWN, f"train/neg/{'x' * length}.txt": b"train neg x"}
    path = write_archive(tmp_path / "a.tar.gz", files, tar_format=tar_format)
    if length == 50:
        assert load_imdb(path)[0].texts[3] == "train neg x"
        return
    expected = r"train/neg/x{82}… is longer than what is read of it\. Expected fewer than 100 bytes"
    with pytest.raises(DataError, match=expected):
        load_imdb(path)


def test_names_that_an_archive_writes_alike(tmp_path):
    # Python's own tar has them in ASCII, and the letters in a header that isn't read.
    files = {**OWN, "train/pos/sch\u00e4n.txt": b"another"}
    path = write_archive(tmp_path / "a.tar.gz", files, tar_format=tarfile.PAX_FORMAT)
    train, _ = load_imdb(path)
    assert sorted(train.texts[3:]) == ["another", "train pos"]
    path = write_archive(
        tmp_path / "b.tar.gz", OWN, extra=[member("aclImdb/train/neg/2.txt", b"x")]
    )
    with pytest.raises(DataError, match=r"b\.tar\.gz: train/neg/2\.txt is there twice"):
        load_imdb(path)


# What must be there


def test_missing_path(tmp_path):
    with pytest.raises(ResourceError, match=r"nowhere does not exist\. Expected the extracted"):
        load_imdb(tmp_path / "nowhere")


@pytest.mark.parametrize("pack", [write_folder, write_archive])
@pytest.mark.parametrize("part", ["train/neg", "train/pos", "test/neg", "test/pos"])
def test_a_part_without_reviews(tmp_path, pack, part):
    path = pack(tmp_path / "corpus", without(part))
    expected = re.escape(
        f"{path} has no reviews in {part}. Expected {{train,test}}/{{neg,pos}}/NAME.txt"
    )
    with pytest.raises(DataError, match=expected):
        load_imdb(path)


@pytest.mark.parametrize("pack", [write_folder, write_archive])
def test_a_corpus_without_test_reviews_only_where_none_are_needed(tmp_path, pack):
    path = pack(tmp_path / "corpus", without("test"))
    train, test = imdb.load_parts(path)
    assert len(train) == 5
    assert test is None
    with pytest.raises(DataError, match="has no reviews in test/neg"):
        load_imdb(path)
    # Half of them are none that were left out.
    path = pack(tmp_path / "other", without("test/neg"))
    with pytest.raises(DataError, match="has no reviews in test/neg"):
        imdb.load_parts(path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="has no reviews in train/neg"):
        load_imdb(tmp_path)


def test_no_unsupervised_reviews_where_they_are_wanted(tmp_path):
    path = write_folder(tmp_path, without("train/unsup"))
    with pytest.raises(DataError, match="has no reviews in train/unsup"):
        load_imdb(path, unsupervised=True)


# What may be wrong with it, in a folder as in an archive

WRONG = {
    "not UTF-8": (
        with_file("test/pos/0_9.txt", b"caf\xe9"),
        r"test/pos/0_9\.txt is not UTF-8 text \(at byte 3\)",
    ),
    "empty": (
        with_file("test/pos/0_9.txt", b" \n"),
        r"test/pos/0_9\.txt is empty\. Expected a review",
    ),
    "twice": (
        with_file("train/neg/10_4.txt", b"x"),
        r"review 10 of train/neg is there twice, as train/neg/10_[34]\.txt and train/neg/10_[34]",
    ),
    "twice by leading zero": (
        with_file("train/neg/010_3.txt", b"x"),
        "review 10 of train/neg is there twice",
    ),
    "too few urls": (
        with_file("train/urls_neg.txt", FILES["train/urls_neg.txt"].splitlines(True)[0] * 9),
        r"urls_neg\.txt does not name the film of train/neg/10_3\.txt\. "
        r"Expected its address on line 11 of 10",
    ),
    "a gap in the urls": (
        with_file("train/urls_neg.txt", b"tt0\ntt1\n \n" + b"tt3\n" * 8),
        r"does not name the film of train/neg/2_4\.txt\. Expected its address on line 3 ",
    ),
    "a giant film": (
        with_file("train/urls_neg.txt", b"x" * 201),
        r"does not name the film of train/neg/0_1\.txt\. Expected its address on line 1 of 1",
    ),
    "urls of one class": (
        without("train/urls_pos"),
        r"has train/urls_neg\.txt but no train/urls_pos\.txt",
    ),
    "urls not UTF-8": (
        with_file("train/urls_neg.txt", b"\xff"),
        r"train/urls_neg\.txt is not UTF-8 text \(at byte 0\)",
    ),
    "a giant review": (
        with_file("train/neg/0_1.txt", b"x" * (imdb.MAX_REVIEW_BYTES + 1)),
        r"train/neg/0_1\.txt has 1,048,577 bytes\. Expected at most 1,048,576",
    ),
}


@pytest.mark.parametrize("pack", [write_folder, write_archive])
@pytest.mark.parametrize(("files", "message"), WRONG.values(), ids=WRONG)
def test_a_damaged_corpus(tmp_path, pack, files, message):
    path = pack(tmp_path / "corpus", files)
    with pytest.raises(DataError, match=re.escape(str(path)) + ".*" + message):
        load_imdb(path)


@pytest.mark.parametrize("pack", [write_folder, write_archive])
def test_the_largest_review(tmp_path, pack):
    files = with_file("train/neg/0_1.txt", b"x" * imdb.MAX_REVIEW_BYTES)
    train, _ = load_imdb(pack(tmp_path / "corpus", files))
    assert len(train.texts[0]) == imdb.MAX_REVIEW_BYTES


@pytest.mark.parametrize("pack", [write_folder, write_archive])
@pytest.mark.parametrize("cap", ["MAX_FILES", "MAX_TEXT_BYTES"])
def test_a_corpus_that_is_too_large(tmp_path, pack, cap, monkeypatch):
    path = pack(tmp_path / "corpus", without("train/labeledBow", "imdb", "train/unsup"))
    monkeypatch.setattr(imdb, cap, 8)
    with pytest.raises(DataError, match=r"holds (too much|more than 8 files)"):
        load_imdb(path)


def test_links_in_a_folder_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a password")
    folder = write_folder(tmp_path, FILES)
    (folder / "aclImdb/train/neg/4_1.txt").symlink_to(secret)
    with pytest.raises(DataError, match=r"train/neg/4_1\.txt is not a plain file"):
        load_imdb(folder)


# What only an archive can do


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_members_that_are_no_plain_files_are_refused(tmp_path, kind):
    odd = member("aclImdb/train/neg/1_1.txt", type=kind, linkname="aclImdb/train/neg/0_1.txt")
    path = write_archive(tmp_path / "a.tar.gz", FILES, extra=[odd])
    with pytest.raises(DataError, match=r"train/neg/1_1\.txt is not a plain file"):
        load_imdb(path)


@pytest.mark.parametrize(
    "name",
    [
        "../aclImdb/train/neg/1_1.txt",
        "/aclImdb/train/neg/1_1.txt",
        "aclImdb/../aclImdb/train/neg/1_1.txt",
        "aclImdb/train/neg/../neg/1_1.txt",
        "other/aclImdb/train/neg/1_1.txt",
        "aclImdb/train/neg/1_1.txt.exe",
        "aclImdb/train/neg/1_1.txt\n",
        "../train/neg/1_1.txt",
        "aclImdb/train/neg/more/1_1.txt",
        "README.txt",
    ],
)
def test_members_with_other_names_are_passed_over(tmp_path, name):
    odd = member(name, b"\xff not read")
    path = write_archive(tmp_path / "a.tar.gz", FILES, extra=[odd])
    for one, other in zip(
        load_imdb(path), load_imdb(write_archive(tmp_path / "b.tar.gz", FILES)), strict=True
    ):
        assert_same(one, other)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.tar.gz", "b.tar.gz"]


def test_the_same_member_twice(tmp_path):
    twice = member("./aclImdb/train/neg/0_1.txt", b"another text")
    path = write_archive(tmp_path / "a.tar.gz", FILES, extra=[twice])
    with pytest.raises(DataError, match="review 0 of train/neg is there twice"):
        load_imdb(path)
    urls = member("aclImdb/train/urls_neg.txt", b"x")
    path = write_archive(tmp_path / "b.tar.gz", FILES, extra=[urls])
    with pytest.raises(DataError, match=r"train/urls_neg\.txt is there twice"):
        load_imdb(path)


@pytest.mark.parametrize(
    "kind",
    [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.SOLARIS_XHDTYPE],
)
def test_extended_headers_are_never_parsed(tmp_path, kind, monkeypatch):
    def parse(*_):
        raise AssertionError("an extended header was read")

    for method in ("_proc_pax", "_proc_gnulong", "_proc_sparse"):
        monkeypatch.setattr(tarfile.TarInfo, method, parse)
    # A renaming one, then one of 3 MB of which tarfile would keep every byte.
    renaming = member("header", b"33 path=aclImdb/train/neg/1_1.txt\n", type=kind)
    giant = member("header", b"9" * 3_000_000, type=kind)
    extra = [renaming, member("other", b"x"), giant, member("another", b"x")]
    path = write_archive(tmp_path / "a.tar.gz", FILES, extra=extra)
    train, _ = load_imdb(path)
    assert train.names is not None
    assert "train/neg/1_1.txt" not in train.names
    assert len(train) == 5


def test_a_negative_size(tmp_path):
    info, _ = member("aclImdb/train/neg/1_1.txt")
    info.size = -5
    plain = gzip.decompress(write_archive(tmp_path / "a.tar.gz", {}).read_bytes())
    header = info.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(header + plain))
    with pytest.raises(DataError, match=r"has -5 bytes|damaged"):
        load_imdb(tmp_path / "a.tar.gz")


def test_an_archive_that_never_ends(tmp_path, monkeypatch):
    bomb = member("aclImdb/imdb.vocab", bytes(2_000_000))
    path = write_archive(tmp_path / "a.tar.gz", FILES, extra=[bomb])
    monkeypatch.setattr(imdb, "MAX_ARCHIVE_BYTES", 1_000_000)
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        load_imdb(path)


def test_zeros_behind_the_archive_count_too(tmp_path, monkeypatch):
    path = write_archive(tmp_path / "a.tar.gz", FILES)
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(2_000_000)))
    monkeypatch.setattr(imdb, "MAX_ARCHIVE_BYTES", 1_000_000)
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        load_imdb(path)


def incompressible_archive(path):
    data = np.random.default_rng(0).integers(97, 123, 40_000, dtype=np.uint8).tobytes()
    return write_archive(path, with_file("test/pos/0_9.txt", data))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_archive(tmp_path, share):
    path = incompressible_archive(tmp_path / "a.tar.gz")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(
        DataError, match=r"a\.tar\.gz is damaged or incomplete .*\nExpected the \.tar\.gz"
    ):
        load_imdb(path)


@pytest.mark.parametrize("position", [0, 3000, 20_000, -6])
def test_a_changed_byte(tmp_path, position):
    path = incompressible_archive(tmp_path / "a.tar.gz")
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(DataError, match=re.escape(str(path))):
        load_imdb(path)


def test_a_damaged_header_is_not_the_end(tmp_path):
    path = write_archive(tmp_path / "a.tar.gz", FILES)
    plain = bytearray(gzip.decompress(path.read_bytes()))
    second = plain.index(b"aclImdb/test/pos")
    plain[second + 120] ^= 1
    path.write_bytes(gzip.compress(bytes(plain)))
    with pytest.raises(DataError, match=r"damaged or incomplete \(damaged header\)"):
        load_imdb(path)


def test_a_file_that_is_no_archive(tmp_path):
    path = tmp_path / "reviews.tar.gz"
    path.write_text("A review.")
    with pytest.raises(DataError, match=r"damaged or incomplete .*Not a gzipped file"):
        load_imdb(path)
    path.write_bytes(gzip.compress(b"A review." * 1000))
    with pytest.raises(DataError, match="damaged or incomplete"):
        load_imdb(path)


# The real corpus


@pytest.fixture(scope="module")
def real(real_data):
    return load_imdb(real_data / "aclImdb_v1.tar.gz", unsupervised=True)


def test_the_real_corpus(real):
    train, test = real
    for reviews in real:
        assert len(reviews) == 25_000
        assert reviews.labels.tolist() == [0] * 12_500 + [1] * 12_500
        assert set(reviews.ratings[:12_500]) == {1, 2, 3, 4}
        assert set(reviews.ratings[12_500:]) == {7, 8, 9, 10}
    assert len(set(train.groups)) == 3_456
    assert len(set(train.groups) & set(test.groups)) == 1
    assert np.unique(train.groups, return_counts=True)[1].max() == 30
    assert train.names[:2] == ["train/neg/0_3.txt", "train/neg/1_1.txt"]
    assert train.texts[0].startswith("Story of a man who has unnatural feelings for a pig.")
    assert test.names[-1].startswith("test/pos/12499_")
    assert len(train.unsupervised) == 50_000
    assert test.unsupervised is None


def test_the_sample_corpus_has_the_same_layout():
    folder = shipped("data") / "sample" / "aclImdb"
    train, test = load_imdb(folder)
    assert train.labels.mean() == 0.5
    assert test.labels.mean() == 0.5
    assert len(train) >= 180
    assert len(test) >= 60
    assert train.groups is not None
    assert test.groups is not None
    assert not set(train.groups) & set(test.groups)


# The cache


def same(one, other):
    for part, expected in zip(one, other, strict=True):
        assert (part.texts, part.names) == (expected.texts, expected.names)
        assert part.unsupervised == expected.unsupervised
        for name in ("labels", "ratings", "groups"):
            if getattr(expected, name) is None:
                assert getattr(part, name) is None
            else:
                actual = getattr(part, name)
                np.testing.assert_array_equal(actual, getattr(expected, name), strict=True)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, for archives of any size."""
    monkeypatch.setattr(imdb, "LARGE", 0)
    return tmp_path / "cache"


def refuse(*arguments):
    raise AssertionError("read again")


WITHOUT_FILMS = {name: data for name, data in FILES.items() if "urls" not in name}


def test_an_archive_without_test_reviews_is_kept_as_such(tmp_path, cache, monkeypatch):
    archive = write_archive(tmp_path / "a.tar.gz", without("test"))
    train, _ = imdb.load_parts(archive, cache=cache)
    monkeypatch.setattr(imdb, "_read_archive", refuse)
    again, test = imdb.load_parts(archive, cache=cache)
    same([again], [train])
    assert test is None
    with pytest.raises(DataError, match="has no reviews in test/neg"):
        load_imdb(archive, cache=cache)


@pytest.mark.parametrize("unsupervised", [False, True])
@pytest.mark.parametrize("files", [FILES, WITHOUT_FILMS, OWN], ids=["films", "no films", "own"])
def test_an_archive_is_read_once(tmp_path, cache, monkeypatch, files, unsupervised):
    archive = write_archive(tmp_path / "a.tar.gz", files)
    expected = load_imdb(archive, unsupervised=unsupervised)
    same(load_imdb(archive, unsupervised=unsupervised, cache=cache), expected)
    with monkeypatch.context() as patch:
        patch.setattr(imdb, "_read_archive", refuse)
        same(load_imdb(archive, unsupervised=unsupervised, cache=cache), expected)
        # It is known by what is in it, wherever it is.
        moved = archive.rename(tmp_path / "moved.tar.gz")
        same(load_imdb(moved, unsupervised=unsupervised, cache=cache), expected)
        with pytest.raises(AssertionError, match="read again"):
            load_imdb(moved, unsupervised=not unsupervised, cache=cache)
        with pytest.raises(AssertionError, match="read again"):
            load_imdb(moved, unsupervised=unsupervised)


def test_an_archive_with_one_byte_changed_is_another(tmp_path, cache):
    archive = write_archive(tmp_path / "a.tar.gz", FILES)
    load_imdb(archive, cache=cache)
    status = archive.stat()
    write_archive(archive, {**FILES, "train/pos/0_7.txt": b"train pos 1"})
    os.utime(archive, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert load_imdb(archive, cache=cache)[0].texts[3] == "train pos 1"
    data = bytearray(archive.read_bytes())
    data[-8] ^= 1
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.tar\.gz is damaged or incomplete"):
        load_imdb(archive, cache=cache)
    assert len(list(cache.iterdir())) == 2


def test_folders_and_small_archives_are_not_kept(tmp_path, cache, monkeypatch):
    folder = write_folder(tmp_path / "folder", FILES)
    same(load_imdb(folder, cache=cache), load_imdb(folder))
    monkeypatch.undo()
    archive = write_archive(tmp_path / "a.tar.gz", FILES)
    same(load_imdb(archive, cache=cache), load_imdb(archive))
    assert not cache.exists()


def test_an_archive_that_changes_while_it_is_read(tmp_path, cache, monkeypatch):
    archive = write_archive(tmp_path / "a.tar.gz", FILES)
    read_archive = imdb._read_archive

    def read_and_change(path, corpus):
        read_archive(path, corpus)
        path.write_bytes(path.read_bytes() + b"\0")

    monkeypatch.setattr(imdb, "_read_archive", read_and_change)
    with pytest.raises(DataError, match=r"a\.tar\.gz was changed while it was read"):
        load_imdb(archive, cache=cache)
    assert not cache.exists()


def test_an_archive_that_is_missing(tmp_path, cache):
    with pytest.raises(ResourceError, match=r"a\.tar\.gz does not exist"):
        load_imdb(tmp_path / "a.tar.gz", cache=cache)


def test_the_real_archive_is_kept_whole(real_data, tmp_path, real):
    archive = real_data / "aclImdb_v1.tar.gz"
    for _ in range(2):
        same(load_imdb(archive, unsupervised=True, cache=tmp_path), real)
    assert len(list(tmp_path.iterdir())) == 1
