"""Texts and vocabularies: every source gives the same ids, and errors are clear."""

import io
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from texts import prose, text_of, written

from nncore import CharRNN, Vocabulary
from nncore.char_rnn.text import read_text
from nncore.char_rnn.text_sources import PIECE

# Of one to four bytes each in UTF-8.
MIXED = "aé漢😀\r\n"


# --- vocabularies -------------------------------------------------------------------------------


def test_ids_are_positions_in_the_vocabulary():
    vocabulary = Vocabulary("cab")
    assert vocabulary.encode("abcc").tolist() == [1, 2, 0, 0]
    assert vocabulary.decode(np.array([0, 1, 2])) == "cab"
    assert len(vocabulary) == vocabulary.size == 3


def test_the_vocabulary_of_a_text_is_in_the_order_of_code_points():
    assert Vocabulary.of("banana\n") == Vocabulary("\nabn")


@given(st.text(st.characters(exclude_categories=()), min_size=1))
@example("\ud800\udc00")  # single surrogates that JSON and UTF-16 would join to a pair
@example("\x00\uffff\U0010ffff")
def test_any_string_comes_back_from_its_ids(text):
    ids, vocabulary = read_text(text, "characters")
    assert vocabulary.decode(ids) == text
    assert vocabulary.size == len(set(text))


@given(st.binary(min_size=1))
def test_any_bytes_come_back_from_their_ids(content):
    ids, vocabulary = read_text(content, "bytes")
    assert ids.dtype == np.uint8
    assert vocabulary.decode(ids) == content


@pytest.mark.parametrize(("size", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_ids_are_as_narrow_as_the_vocabulary_allows(size, dtype):
    text = "".join(map(chr, range(1000, 1000 + size)))
    ids, vocabulary = read_text(text, "characters")
    assert ids.dtype == dtype
    assert vocabulary.decode(ids) == text


def test_characters_outside_the_vocabulary_are_listed():
    with pytest.raises(
        ValueError, match=r"text has 3 character\(s\) outside the vocabulary: \\t\?é"
    ):
        Vocabulary("abc").encode("a\tb?c?é")


def test_a_long_list_of_unknown_characters_is_shortened():
    with pytest.raises(ValueError, match=r"has 5000 character\(s\)") as error:
        Vocabulary("abc").encode("".join(map(chr, range(5000, 10000))))
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("characters", "error", "message"),
    [
        ("", ValueError, "characters is empty"),
        ("abca", ValueError, "characters has duplicates, expected"),
        (5, TypeError, "characters must be a string, got int"),
        ("".join(map(chr, range(0x10000, 0x20001))), ValueError, "at most 65536"),
    ],
)
def test_invalid_vocabularies_are_refused(characters, error, message):
    with pytest.raises(error, match=message):
        Vocabulary(characters)


def test_vocabularies_compare_and_hash_by_value():
    assert Vocabulary("ab") == Vocabulary("ab") != Vocabulary("ba")
    assert len({Vocabulary("ab"), Vocabulary("ab"), Vocabulary.of_bytes()}) == 2
    assert Vocabulary.of_bytes() != Vocabulary("".join(map(chr, range(256))))
    assert Vocabulary("ab") != "ab"
    assert repr(Vocabulary.of_bytes()) == "Vocabulary.of_bytes()"
    assert repr(Vocabulary("ab")) == "<Vocabulary of 2 characters 'ab'>"
    assert len(repr(Vocabulary("".join(map(chr, range(5000, 9000)))))) < 200


# --- sources ------------------------------------------------------------------------------------


def sources(folder, text):
    """The same text from all kinds of sources."""
    path = written(folder / "text", text)
    half = len(text) // 2
    first, second = written(folder / "1", text[:half]), written(folder / "2", text[half:])
    latin = open(folder / "16", "w+", encoding="utf-16", newline="")  # noqa: SIM115
    latin.write(text)
    latin.seek(0)
    return {
        "string": text,
        "bytes": text.encode(),
        "path": path,
        "several paths": [first, second],
        "tuple of all kinds": (first, io.StringIO(text[half:], newline="")),
        "StringIO": io.StringIO(text, newline=""),
        "BytesIO": io.BytesIO(text.encode()),
        "TextIOWrapper": io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline=""),
        "open in another encoding": latin,
        "open in binary": open(path, "rb"),
    }


@pytest.mark.parametrize("text", [MIXED, MIXED * 7, prose(1000)], ids=["short", "mixed", "prose"])
def test_every_source_gives_the_same_text(text, tmp_path):
    for kind, source in sources(tmp_path, text).items():
        assert text_of(source) == text, kind
        if hasattr(source, "close"):
            source.close()


def test_an_open_file_is_read_from_where_it_is(tmp_path):
    with open(written(tmp_path / "text", "header\nabcd")) as file:
        file.readline()
        assert text_of(file) == "abcd"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs devices with a path")
@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_devices_are_not_read_as_text(device, vocabulary):
    for source in (Path(device), [Path(device)]):
        with pytest.raises(OSError, match=f"is a device or a pipe, not a file: '{device}'"):
            read_text(source, vocabulary)


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_folders_and_impossible_file_names_are_oserrors(vocabulary, tmp_path):
    for path in (tmp_path, Path("a\0b")):
        with pytest.raises(OSError) as error:  # noqa: PT011  # the texts differ
            read_text(path, vocabulary)
        assert str(error.value.filename) == str(path)


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs pipes with a path")
@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_a_pipe_is_read_once(vocabulary):
    """As in `nncore char-rnn train <(cat *.txt)`."""
    out, into = os.pipe()
    os.write(into, b"through a pipe")
    os.close(into)
    ids, vocabulary = read_text(Path(f"/dev/fd/{out}"), vocabulary)
    os.close(out)
    assert vocabulary.decode(ids) in ("through a pipe", b"through a pipe")


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path):
    paths = [written(tmp_path / name, b"\xef\xbb\xbf" + name.encode()) for name in "ab"]
    assert text_of(paths) == "ab"
    assert text_of(b"\xef\xbb\xbfab") == "ab"
    assert text_of(b"\xef\xbb\xbfab", "bytes") == b"\xef\xbb\xbfab"
    later = b"x" * PIECE + b"\xef\xbb\xbfab"  # only at the beginning is it a mark
    assert text_of(later)[-3:] == "\ufeffab"


@pytest.mark.parametrize("character", "aé漢😀")
@pytest.mark.parametrize("before", range(-4, 2))
def test_characters_across_two_chunks_are_decoded(character, before, tmp_path):
    text = "x" * (PIECE + before) + character + "y"
    assert text_of(written(tmp_path / "text", text)) == text
    assert text_of(text) == text


@pytest.mark.parametrize("offset", [0, 1, 500, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE - 1])
@pytest.mark.parametrize("bad", [b"\xff", b"\xe6\xbcx", b"\xf0\x9f\x98"], ids=repr)
def test_the_error_for_bad_utf8_has_its_offset(offset, bad, tmp_path):
    path = written(tmp_path / "bad text", b"x" * offset + bad + b"yz" * 10)
    message = rf"bad text is not valid UTF-8: byte 0x{bad[0]:02x} at offset {offset} .*'bytes'"
    with pytest.raises(ValueError, match=message):
        read_text(path, "characters")


@pytest.mark.parametrize("size", [1, 4, PIECE, PIECE + 1])
def test_the_error_for_a_truncated_character_has_its_offset(size):
    with pytest.raises(ValueError, match=rf"at offset {size} \(unexpected end of data"):
        read_text(b"x" * size + "漢".encode()[:-1], "characters")


def test_offsets_count_the_byte_order_mark(tmp_path):
    with pytest.raises(ValueError, match=r"byte 0xff at offset 4 "):
        read_text(b"\xef\xbb\xbfa\xff", "characters")


def test_the_error_for_bad_utf8_in_a_text_stream_has_its_offset():
    stream = io.TextIOWrapper(io.BytesIO(b"abc\xff"), "utf-8")
    with pytest.raises(ValueError, match=r"byte 0xff in position 3"):
        read_text(stream, "characters")


@pytest.mark.parametrize("vocabulary", ["characters", "bytes", Vocabulary("ab")])
@pytest.mark.parametrize(
    "empty",
    ["", b"", io.StringIO(), io.BytesIO(), []],
    ids=["str", "bytes", "StringIO", "BytesIO", "list"],
)
def test_an_empty_text_is_an_error(empty, vocabulary):
    with pytest.raises(ValueError, match="text is empty"):
        read_text(empty, vocabulary)


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_an_empty_file_is_an_error(vocabulary, tmp_path):
    with pytest.raises(ValueError, match=r"text in .*empty is empty"):
        read_text(written(tmp_path / "empty", b""), vocabulary)


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_missing_files_and_folders_raise_oserrors(vocabulary, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_text(tmp_path / "nowhere", vocabulary)
    with pytest.raises((IsADirectoryError, PermissionError), match=tmp_path.name):
        read_text(tmp_path, vocabulary)


@pytest.mark.parametrize("source", [None, 5, {"a"}, [3], np.zeros(3, np.uint8)], ids=repr)
def test_sources_without_text_are_refused(source):
    with pytest.raises(TypeError, match=r"text must be a string, bytes, a pathlib\.Path"):
        read_text(source, "characters")


def test_streams_of_other_types_are_refused():
    class Numbers:
        def read(self):
            return [1, 2, 3]

    with pytest.raises(TypeError, match=r"read.. must return str or bytes, got list"):
        read_text(Numbers(), "characters")


def test_vocabulary_must_be_known():
    with pytest.raises(ValueError, match="vocabulary must be one of 'characters', 'bytes'"):
        CharRNN(vocabulary="words")
    with pytest.raises(ValueError, match="vocabulary must be 'characters', 'bytes' or"):
        read_text("abc", "words")


# --- room ---------------------------------------------------------------------------------------


def test_a_file_in_bytes_mode_is_mapped_not_read(tmp_path):
    path = written(tmp_path / "some.bin", bytes(range(256)) * 8192)
    tracemalloc.start()
    ids, _ = read_text(path, "bytes")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(ids, np.memmap)
    assert peak < len(ids) / 8
    assert ids[:300].tolist() == [*range(256), *range(44)]


@pytest.mark.parametrize("from_file", [True, False])
def test_text_of_4_6_mb_costs_about_5_mb(from_file, tmp_path):
    text = prose(100_000) * 46
    source = written(tmp_path / "text", text) if from_file else text
    tracemalloc.start()
    ids, _ = read_text(source, "characters")
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ids.nbytes == len(text) == 4_600_000
    assert kept < 6e6
    assert peak < 9e6


def test_many_small_files_are_one_text(tmp_path):
    paths = [written(tmp_path / str(i), prose(100, seed=i)) for i in range(50)]
    assert text_of(paths) == "".join(path.read_text() for path in paths)
    assert text_of(paths, "bytes") == b"".join(map(Path.read_bytes, paths))


# --- names and texts that look alike ------------------------------------------------------------


def test_the_name_of_a_file_is_not_taken_for_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "a.txt", "abc")
    model = CharRNN(hidden_size=4, rng=0)
    message = (
        r"^text must not be the name of a file, got 'a.txt': "
        r"pass pathlib.Path\('a.txt'\) to read the file$"
    )
    for use in (model.fit, model.build, Vocabulary.of, lambda text: read_text([text], "bytes")):
        with pytest.raises(ValueError, match=message):
            use("a.txt")
    model.build(Vocabulary(".atx"))
    with pytest.raises(ValueError, match=message):
        model.evaluate("a.txt")
    assert len(model.sample(3, "a.txt")) == 3
    assert Vocabulary(".atx").encode("a.txt").tolist() == [1, 0, 2, 3, 2]


@pytest.mark.parametrize("text", [".", "a\0b", "\ud800", "no such file", "x" * 4095, "a.txt\n"])
def test_other_strings_are_text(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "a.txt", "abc")
    assert text_of(text) == text
    assert text_of(io.StringIO("a.txt")) == "a.txt"


@pytest.mark.skipif(not os.path.exists("/proc/version"), reason="needs /proc")
def test_a_file_of_unknown_size_is_read():
    path = Path("/proc/version")
    assert os.stat(path).st_size == 0
    assert text_of(path) == path.read_text()
    assert text_of(path, "bytes") == path.read_bytes()
    assert text_of([path, path]) == 2 * path.read_text()


@pytest.mark.parametrize("vocabulary", [Vocabulary("abc"), Vocabulary.of_bytes()], ids=repr)
def test_ids_outside_the_vocabulary_are_named(vocabulary):
    for bad in (-1, vocabulary.size):
        message = f"^ids has {bad}, expected 0 to {len(vocabulary) - 1}$"
        with pytest.raises(IndexError, match=message):
            vocabulary.decode(np.array([0, bad]))
    assert len(vocabulary.decode([0, 2])) == 2
    assert len(vocabulary.decode([])) == 0
