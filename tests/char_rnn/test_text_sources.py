"""Byte order marks, names in errors, and errors while text is read."""

import codecs
import io
import os
from pathlib import Path

import pytest
from texts import prose, text_of, written

from nncore import CharRNN, Vocabulary
from nncore.char_rnn.text import read_text
from nncore.char_rnn.text_sources import MOST_NAMES, PIECE, text_name

MIXED = "aé漢😀\r\n\x00"
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def piped(content):
    """The name, as in a shell, of a pipe with this content."""
    out, into = os.pipe()
    os.write(into, content)
    os.close(into)
    return out, Path(f"/dev/fd/{out}")


# --- byte order marks -----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("text", ["a", MIXED, "x" + MIXED * (PIECE // 4)], ids=len)
def test_a_byte_order_mark_gives_the_encoding_and_is_not_part_of_the_text(encoding, text, tmp_path):
    content = MARKED[encoding] + text.encode(encoding)
    path = written(tmp_path / "text", content)
    for source in (path, content, io.BytesIO(content), [path]):
        assert text_of(source) == text
    assert Vocabulary.of(path).characters == "".join(sorted(set(text)))
    assert text_of([path, path]) == 2 * text


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs pipes with a path")
@pytest.mark.parametrize("encoding", MARKED)
def test_a_byte_order_mark_of_a_pipe_is_not_part_of_the_text(encoding):
    out, path = piped(MARKED[encoding] + MIXED.encode(encoding))
    assert text_of(path) == MIXED
    os.close(out)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16"])
def test_a_byte_order_mark_of_a_text_stream_is_not_part_of_the_text(encoding, tmp_path):
    path = written(
        tmp_path / "text", ("\ufeffab" if encoding != "utf-16" else "ab").encode(encoding)
    )
    with open(path, encoding=encoding) as file:
        assert text_of(file) == "ab"


def test_a_string_is_taken_as_it_is():
    assert text_of("\ufeffab") == text_of(io.StringIO("\ufeffab")) == "\ufeffab"


@pytest.mark.parametrize("encoding", MARKED)
def test_bytes_as_vocabulary_keep_the_mark(encoding, tmp_path):
    content = MARKED[encoding] + b"abcd"
    assert text_of(written(tmp_path / "text", content), "bytes") == content


def test_a_mark_within_a_text_is_a_character():
    assert text_of(codecs.BOM_UTF16_LE + "ab\ufeffc".encode("utf-16-le")) == "ab\ufeffc"


@pytest.mark.parametrize("encoding", MARKED)
def test_evaluation_and_training_read_the_encoding_as_well(encoding, tmp_path):
    text = prose(3000)
    path = written(tmp_path / "text", MARKED[encoding] + text.encode(encoding))
    nets = [CharRNN(8, batch_size=2, rng=0) for _ in range(2)]
    for net, source in zip(nets, (text, path), strict=True):
        net.fit(source, iterations=5, validation_fraction=0.2)
    assert nets[0].history.loss.tobytes() == nets[1].history.loss.tobytes()
    assert nets[0].evaluate(text) == nets[1].evaluate(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (codecs.BOM_UTF16_LE + b"a\0b", r"is not valid UTF-16: byte 0x62 at offset 4 .truncated"),
        (codecs.BOM_UTF16_BE + b"\0a\xdc\0\0b", r"is not valid UTF-16: byte 0xdc at offset 4 "),
        (codecs.BOM_UTF32_LE + b"a\0\0\0" + b"\xff" * 4, r"UTF-32: byte 0xff at offset 8 "),
        (codecs.BOM_UTF8 + b"a\xff", r"is not valid UTF-8: byte 0xff at offset 4 "),
        (
            codecs.BOM_UTF16_LE + "ab".encode("utf-16-le") * (PIECE // 4) + b"c\0\0\xdca\0",
            rf"is not valid UTF-16: byte 0x00 at offset {PIECE + 4} ",
        ),
    ],
    ids=["odd", "surrogate", "utf-32", "utf-8", "second piece"],
)
def test_errors_for_bad_bytes_name_file_encoding_and_offset(content, message, tmp_path):
    path = written(tmp_path / "bad text", content)
    with pytest.raises(ValueError, match=rf"bad text .*{message}.*vocabulary='bytes' takes any"):
        read_text(path, "characters")


# --- names in errors ------------------------------------------------------------------------------


def test_errors_name_the_files_of_a_text(tmp_path):
    paths = [Path(name) for name in "abcde"]
    assert text_name("abc") == text_name(io.StringIO("abc")) == text_name(["a", b"b"]) == "text"
    assert text_name(paths[0]) == text_name(paths[:1]) == "text in a"
    assert text_name(paths[:MOST_NAMES]) == "text in a, b, c"
    assert text_name(paths) == "text in a, b, c, ..."
    with open(written(tmp_path / "file", b"abc"), "rb") as file:
        assert text_name(["abc", file]) == f"text in {tmp_path / 'file'}"
    out, into = os.pipe()
    with open(out, "rb") as file, open(into, "wb"):  # its name is a number
        assert text_name(file) == "text"


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE], ids=len)
def test_empty_files_are_named_however_they_are_given(vocabulary, content, tmp_path):
    if content and vocabulary == "bytes":
        assert text_of(written(tmp_path / "empty", content), "bytes") == content
        return
    path = written(tmp_path / "empty", content)
    with open(path, "rb") as file:
        for source in ([path], [path, path], file):
            with pytest.raises(ValueError, match=r"^text in .*empty is empty$"):
                read_text(source, vocabulary)


def test_texts_that_are_too_short_are_named(tmp_path):
    short = written(tmp_path / "short", b"ab")
    net = CharRNN(4, rng=0)
    with pytest.raises(ValueError, match=r"text in .*short has 2 characters to train on"):
        net.fit([short])
    net.build("ab")
    with pytest.raises(ValueError, match=r"text in .*one has 1 character"):
        net.evaluate([written(tmp_path / "one", b"a")])


def test_the_file_with_unknown_characters_is_named(tmp_path):
    known, other = written(tmp_path / "known", b"abab"), written(tmp_path / "other", b"abz")
    message = r"^text in .*other has 1 character\(s\) outside the vocabulary: z$"
    for use in (Vocabulary("ab").encode, CharRNN(4, rng=0).build("ab").evaluate):
        with pytest.raises(ValueError, match=message):
            use([known, other])


def test_an_empty_vocabulary_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^text in .*empty is empty$"):
        CharRNN(4).build(written(tmp_path / "empty", b""))
    with pytest.raises(ValueError, match=r"^text is empty$"):
        Vocabulary.of("")


def test_a_text_file_that_cannot_be_decoded_is_named(tmp_path):
    with (
        open(written(tmp_path / "latin", b"caf\xe9"), encoding="utf-8") as file,
        pytest.raises(ValueError, match=r"latin: 'utf-8' codec can't decode byte 0xe9"),
    ):
        read_text(file, "characters")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
def test_a_file_that_cannot_be_read_is_named():
    for source in (Path("/proc/self/mem"), [Path("/proc/self/mem")]):
        with pytest.raises(OSError, match="Input/output error") as error:
            read_text(source, "characters")
        assert error.value.filename == "/proc/self/mem"


def test_a_stream_that_cannot_be_read_is_named():
    class Broken:
        name = "tape"

        def read(self):
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="tape"):
        read_text(Broken(), "characters")
