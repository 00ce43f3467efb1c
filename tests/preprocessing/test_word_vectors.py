import gzip
import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentiment_rnn.errors import DataError, ResourceError, UsageError
from sentiment_rnn.preprocessing import TreebankTokenizer, WordVectors, word_vectors

WORDS = ["the", "naïve", "film", "</s>"]


@pytest.fixture
def vectors():
    return WordVectors(WORDS, np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32))


@pytest.fixture(scope="module")
def gensim_vectors():
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(5)
    keyed.add_vectors(WORDS, np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32))
    return keyed


def assert_same(actual, expected):
    assert actual.words == expected.words
    np.testing.assert_array_equal(actual.matrix(), expected.matrix())


# Reading what gensim writes, which is the reference for the format.


@pytest.mark.parametrize("name", ["v.bin", "v.txt", "v.vec", "v.bin.gz", "v.txt.gz"])
def test_reads_what_gensim_writes(tmp_path, vectors, gensim_vectors, name):
    path = tmp_path / name
    gensim_vectors.save_word2vec_format(str(path), binary=".bin" in name)
    assert_same(WordVectors.from_word2vec(path), vectors)
    kept = WordVectors.from_word2vec(path, keep={"film", "naïve", "absent"})
    assert kept.words == ("naïve", "film")
    np.testing.assert_array_equal(kept["film"], vectors["film"])
    assert WordVectors.from_word2vec(path, limit=2).words == ("the", "naïve")


def test_reads_the_line_breaks_of_the_original_tool(tmp_path, vectors):
    rows = [
        word.encode() + b" " + row.tobytes() + b"\n"
        for word, row in zip(vectors.words, vectors.vectors, strict=True)
    ]
    path = tmp_path / "v.bin"
    path.write_bytes(b"4 5\n" + b"".join(rows))
    assert_same(WordVectors.from_word2vec(path), vectors)


def test_reads_a_binary_file_longer_than_one_block(tmp_path):
    random = np.random.default_rng(0)
    matrix = random.normal(size=(9000, 301)).astype(np.float32)
    words = [f"word{number}" for number in range(9000)]
    path = tmp_path / "v.bin"
    rows = [f"{word} ".encode() + row.tobytes() for word, row in zip(words, matrix, strict=True)]
    path.write_bytes(b"9000 301\n" + b"".join(rows))
    assert_same(WordVectors.from_word2vec(path), WordVectors(words, matrix))


def test_reads_a_text_file_without_header(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("good 1 2 3\nbad -1 -2 -3\n")
    assert WordVectors.from_word2vec(path)["bad"].tolist() == [-1, -2, -3]


@pytest.mark.parametrize("keep", [None, {"at", ".", "good"}])
def test_words_with_spaces_in_a_text_file(tmp_path, keep):
    """As the largest of GloVe's files has them."""
    path = tmp_path / "glove.txt"
    path.write_text(". 1 2\n. . . 3 4\nat name@domain.com 5 6\ngood 7 8\n")
    found = WordVectors.from_word2vec(path, keep=keep)
    words = [".", ". . .", "at name@domain.com", "good"] if keep is None else [".", "good"]
    assert list(found.words) == words
    assert found["good"].tolist() == [7, 8]
    path.write_text("good 1 2\nbad 3 4 5\n")
    with pytest.raises(DataError, match=r"word 2: expected 2 numbers\. Received 3"):
        WordVectors.from_word2vec(path)


def test_half_a_character_is_no_word(tmp_path):
    sentences = [["good", "film", "\ud83d"]] * 9
    vectors = WordVectors.train(sentences, vector_size=3, epochs=1)
    assert sorted(vectors.words) == ["film", "good"]
    vectors.save(tmp_path / "v.npz")
    assert_same(WordVectors.load(tmp_path / "v.npz"), vectors)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed must be a whole number from 0 to 4,294,967,295. Received: -1"),
        ({"vector_size": 10**8}, "vector_size must be a whole number from 1 to 16,384"),
        ({"workers": 0}, "workers must be a whole number from 1"),
    ],
)
def test_settings_that_make_no_sense(options, message):
    with pytest.raises(UsageError, match=message):
        WordVectors.train([["good", "film"]] * 9, **options)


def test_of_a_word_that_comes_twice_the_first_counts(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("2 1\ngood 1\ngood 2\n")
    assert WordVectors.from_word2vec(path)["good"].tolist() == [1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.bin", b"4000000000 300\nx ", r"claims 4000000000 words with vectors of 300 numbers"),
        ("v.bin", b"hello\n", "does not begin as a word2vec file does"),
        ("v.bin", b"", "does not begin as a word2vec file does"),
        ("v.bin", b"1 0\n", "claims 1 words with vectors of 0 numbers"),
        ("v.bin", b"1 99999999\n", "vectors of 1 to 16384 numbers"),
        ("v.bin", b"-5 3\n", "claims -5 words"),
        ("v.bin", b"1 2\n" + b"x" * 5000, "ends, or has no word, at word 1 of the 1"),
        ("v.bin", b"1 1\nw \x00\x00\xc0\x7f", "not finite"),
        ("v.txt", b"1 2\nw 1 1e99\n", "not finite"),
        ("v.txt", b"1 3\ngood 1 2\n", "word 1: expected 3 numbers. Received 2"),
        ("v.txt", b"1 3\ngood 1 2 x\n", "word 1: the vector holds something else than numbers"),
        ("v.txt", b"2 1\ngood 1\n", "claims 2 words in its first line. It has 1"),
        ("v.txt.gz", b"not gzip", "is damaged"),
        ("v.bin.gz", gzip.compress(b"2 2\nword 12345678", mtime=0)[:-12], "is damaged"),
        ("v.csv", b"", "Expected word vectors in a .bin, .txt or .vec file"),
    ],
)
def test_refuses_what_is_no_vectors_file(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        WordVectors.from_word2vec(path)


def test_says_that_none_of_the_words_is_there(tmp_path, gensim_vectors):
    path = tmp_path / "v.bin"
    gensim_vectors.save_word2vec_format(str(path), binary=True)
    with pytest.raises(DataError, match="None of the words looked for has a vector in"):
        WordVectors.from_word2vec(path, keep={"zebra"})


def test_says_that_a_file_is_missing(tmp_path):
    with pytest.raises(ResourceError, match="Could not read .*v.bin: No such file"):
        WordVectors.from_word2vec(tmp_path / "v.bin")


@given(st.binary(max_size=200), st.sampled_from(["v.bin", "v.txt", "v.txt.gz", "v.npz"]))
def test_any_bytes_give_vectors_or_a_data_error(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_bytes(content)
    read = WordVectors.load if name == "v.npz" else WordVectors.from_word2vec
    try:
        assert len(read(path)) >= 1
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017


# Saving and loading


def test_save_and_load_in_a_new_process(tmp_path, vectors):
    for number, saved in enumerate([vectors, vectors.to_int8()]):
        path = tmp_path / f"{number}.npz"
        saved.save(path)
        assert_same(WordVectors.load(path), saved)
        code = (
            "import sys, numpy; from sentiment_rnn import WordVectors;"
            f"v = WordVectors.load({str(path)!r});"
            "print(v.words, v.matrix().tolist() == numpy.load(sys.argv[1]).tolist())"
        )
        np.save(tmp_path / "expected.npy", saved.matrix())
        output = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "expected.npy"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert output.stdout == f"{saved.words} True\n"


def test_numpy_reads_the_file(tmp_path, vectors):
    vectors.save(tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        assert file["words"].tobytes().decode().split("\n") == WORDS
        np.testing.assert_array_equal(file["vectors"], vectors.vectors)


def test_the_same_vectors_give_the_same_bytes(tmp_path, vectors):
    vectors.save(tmp_path / "1.npz")
    vectors.save(tmp_path / "2.npz")
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def npz(path, arrays, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            if isinstance(array, bytes):
                stream.write(array)
            else:
                np.lib.format.write_array(stream, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", stream.getvalue())


HUGE = b"\x93NUMPY\x01\x00\x76\x00" + (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 300), }".ljust(117) + b"\n"
)
CODE = b"\x93NUMPY\x01\x00\x09\x00" + b"((((((((\n"
GOOD_WORDS = np.frombuffer(b"bad\ngood", np.uint8)
TWO = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("arrays", "compression", "message"),
    [
        ({"words": GOOD_WORDS, "vectors": HUGE}, 0, "does not hold the shape"),
        ({"words": GOOD_WORDS, "vectors": np.array([{}, {}])}, 0, "is of type object"),
        ({"words": GOOD_WORDS, "vectors": TWO}, zipfile.ZIP_DEFLATED, "is compressed"),
        ({"words": GOOD_WORDS, "vectors": TWO[:1]}, 0, "it has 2 words and 1 vectors"),
        ({"words": GOOD_WORDS}, 0, "is no word vectors file"),
        ({"words": GOOD_WORDS, "vectors": CODE}, 0, "'vectors' has a header of an unknown form"),
        ({"words": GOOD_WORDS, "vectors": TWO, "more": TWO}, 0, "unexpected array 'more.npy'"),
        ({"words": np.frombuffer(b"a\na", np.uint8), "vectors": TWO}, 0, "'a' comes twice"),
        ({"words": np.frombuffer(b"a\n\xff", np.uint8), "vectors": TWO}, 0, "can't decode"),
        ({"words": GOOD_WORDS, "vectors": TWO.astype(np.int8)}, 0, None),
        ({"words": GOOD_WORDS, "vectors": TWO * np.nan}, 0, "not finite"),
    ],
)
def test_refuses_a_hostile_npz(tmp_path, arrays, compression, message):
    npz(tmp_path / "v.npz", arrays, compression)
    if message is None:
        assert WordVectors.load(tmp_path / "v.npz").vectors.dtype == np.float32
        return
    with pytest.raises(DataError, match=message):
        WordVectors.load(tmp_path / "v.npz")


# Values


@pytest.mark.parametrize("length", [1, 2.5])
@pytest.mark.parametrize("rounded", [False, True])
def test_vectors_of_one_length(vectors, length, rounded):
    given = vectors.with_word("zero", np.zeros(5))
    given = given.to_int8() if rounded else given
    scaled = given.with_length(length)
    assert scaled.vectors.dtype == given.vectors.dtype
    lengths = np.linalg.norm(scaled.matrix(), axis=1)
    np.testing.assert_allclose(lengths, np.array([1, 1, 1, 1, 0]) * length, atol=1e-6)
    cosine = scaled["film"] @ given["film"] / np.linalg.norm(given["film"]) / length
    assert cosine == pytest.approx(1)


def test_int8_moves_no_entry_by_more_than_a_254th(vectors):
    small = vectors.to_int8()
    assert small.vectors.dtype == np.int8
    largest = np.abs(vectors.matrix()).max(axis=1, keepdims=True)
    assert (np.abs(small.matrix() - vectors.matrix()) <= largest / 253.9).all()
    np.testing.assert_array_equal(small["film"], small.matrix()[2])
    assert_same(small.head(2), WordVectors(WORDS[:2], small.matrix()[:2]))


def test_with_word_keeps_the_others(vectors):
    for original in (vectors, vectors.to_int8()):
        larger = original.with_word("new", np.ones(5))
        np.testing.assert_allclose(larger.matrix()[:4], original.matrix(), rtol=1e-6)
        np.testing.assert_allclose(larger["new"], 1)
        assert (larger.scales is None) == (original.scales is None)
        assert "new" not in original


def test_most_similar_agrees_with_gensim(vectors, gensim_vectors):
    expected = gensim_vectors.most_similar("film", topn=3)
    actual = vectors.most_similar("film", topn=3)
    assert [word for word, _ in actual] == [word for word, _ in expected]
    np.testing.assert_allclose([c for _, c in actual], [c for _, c in expected], atol=1e-6)


@pytest.mark.parametrize(
    ("words", "matrix", "message"),
    [
        (["a", "b"], np.ones((3, 2)), r"one vector for each of 2 words.*\(3, 2\)"),
        (["a", "a"], np.ones((2, 2)), "The word 'a' comes twice"),
        (["a"], np.array([[np.inf]]), "not finite"),
    ],
)
def test_refuses_what_does_not_fit(words, matrix, message):
    with pytest.raises(ValueError, match=message):
        WordVectors(words, matrix)


# Training

SENTENCES = [["good", "fine", "film"], ["bad", "dull", "film"]] * 50


def test_training_is_reproducible_and_most_frequent_first():
    first, second = (
        WordVectors.train(SENTENCES, vector_size=8, min_count=2, epochs=1, seed=3) for _ in "12"
    )
    assert_same(first, second)
    assert first.words[0] == "film"
    assert set(first.words) == {"film", "good", "fine", "bad", "dull"}
    other = WordVectors.train(SENTENCES, vector_size=8, min_count=2, epochs=1, seed=4)
    assert not np.array_equal(first["film"], other["film"])


def test_training_brings_words_of_one_context_together():
    random = np.random.default_rng(0)
    topics = [[f"{topic}{number}" for number in range(5)] for topic in "ab"]
    sentences = [random.choice(topics[number % 2], 8).tolist() for number in range(600)]
    vectors = WordVectors.train(sentences, vector_size=8, min_count=1, epochs=20, seed=0)
    nearest = [word for word, _ in vectors.most_similar("a0", topn=4)]
    assert sorted(nearest) == topics[0][1:]


def test_training_without_enough_words_says_so():
    with pytest.raises(DataError, match="No word comes 5 times in the 1 texts"):
        WordVectors.train([["good"]])


@pytest.mark.slow
def test_a_file_of_the_size_of_google_news_needs_memory_for_the_words_kept_only(tmp_path, sample):
    """3,000,000 vectors of 300 numbers, 3.6 GB, in a process of its own: peak below 600 MB."""
    tokenizer = TreebankTokenizer()
    train, _ = sample
    words = sorted({token for text in train.texts for token in tokenizer.tokenize(text)})
    random = np.random.default_rng(0)
    rows = random.normal(size=(1000, 300)).astype("<f4")
    path = tmp_path / "vectors.bin"
    with path.open("wb") as file:
        file.write(b"3000000 300\n")
        for start in range(0, 3_000_000, 1000):
            # Every 300th word is one of the sample corpus.
            names = [
                words[n // 300] if n % 300 == 0 and n // 300 < len(words) else f"word_{n}"
                for n in range(start, start + 1000)
            ]
            file.writelines(
                name.encode() + b" " + row.tobytes() for name, row in zip(names, rows, strict=True)
            )
    assert path.stat().st_size > 3.6e9
    (tmp_path / "words.txt").write_text("\n".join(words), encoding="utf-8")
    code = """
import sys, time
from pathlib import Path
from sentiment_rnn import WordVectors
keep = set(Path(sys.argv[2]).read_text(encoding="utf-8").split("\\n"))
started = time.perf_counter()
vectors = WordVectors.from_word2vec(sys.argv[1], keep=keep)
seconds = time.perf_counter() - started
# Not ru_maxrss, which begins with what the process that started this one had.
peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
print(len(vectors), int(peak) // 1024, round(seconds, 1))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, path, tmp_path / "words.txt"],
        capture_output=True,
        text=True,
        check=True,
    )
    kept, megabytes, seconds = done.stdout.split()
    print(f"{kept} of 3,000,000 words, peak {megabytes} MB, {seconds} s")
    assert int(kept) == len(words)
    assert int(megabytes) < 600


@pytest.mark.parametrize("line_breaks", [False, True])
@pytest.mark.parametrize("read_bytes", [1, 50, 1 << 22])
@given(
    words=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters=" \n"), min_size=1, max_size=9),
        max_size=30,
    ),
    size=st.integers(1, 5),
    seed=st.integers(0, 99),
    limit=st.none() | st.integers(1, 40),
    data=st.data(),
)
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_a_binary_file_is_read_as_word_after_word(
    monkeypatch, tmp_path_factory, line_breaks, read_bytes, words, size, seed, limit, data
):
    """Whatever the bytes of the vectors are: spaces and line breaks among them."""
    monkeypatch.setattr(word_vectors, "_READ_BYTES", max(read_bytes, 64))
    monkeypatch.setattr(word_vectors, "_LONGEST_WORD", 64)
    random = np.random.default_rng(seed)
    words = ["first", *words]
    rows = [random.choice(np.frombuffer(b" \n\0ab", np.uint8), 4 * size) for _ in words]
    path = tmp_path_factory.mktemp("vectors") / "vectors.bin"
    content = b"%d %d\n" % (len(words), size)
    for word, row in zip(words, rows, strict=True):
        content += word.encode() + b" " + row.tobytes() + (b"\n" if line_breaks else b"")
    path.write_bytes(content)
    keep = set(data.draw(st.lists(st.sampled_from(words)))) | {"first"}
    expected: dict[str, bytes] = {}
    for word, row in list(zip(words, rows, strict=True))[:limit]:
        if word in keep:
            expected.setdefault(word, row.tobytes())
    found = WordVectors.from_word2vec(path, keep=keep, limit=limit)
    assert list(found.words) == list(expected)
    assert found.vectors.astype("<f4").tobytes() == b"".join(expected.values())


def test_a_word_without_an_end_is_an_error(tmp_path):
    path = tmp_path / "vectors.bin"
    path.write_bytes(b"2 1\na \0\0\0\0" + b"x" * 20_000_000)
    with pytest.raises(DataError, match="has no word, at word 2 of the 2 that its first line"):
        WordVectors.from_word2vec(path)


def test_half_a_surrogate_pair_has_no_vector(tmp_path, gensim_vectors):
    """Texts may hold one, and so the words to keep."""
    path = tmp_path / "v.bin"
    gensim_vectors.save_word2vec_format(str(path), binary=True)
    assert WordVectors.from_word2vec(path, keep={"film", "\ud800"}).words == ("film",)
