"""Sources of text: strings, files, pipes and open streams, their names and encodings.

Text is read in pieces. Files and bytes are UTF-8 unless a byte order mark indicates UTF-16 or
UTF-32; the mark is not part of the text.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple, cast

from nncore.files.paths import check_regular, name_of, naming_errors

PIECE = 1 << 17  # characters or bytes processed together: 2 MB of working memory
LONGEST_NAME = 4096  # of a file
MOST_NAMES = 3  # of files that an error lists
# UTF-32 before UTF-16, whose little-endian mark is a prefix of that of UTF-32.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
BYTES_HINT = "; vocabulary='bytes' takes any file"

# A string is the text itself; paths name files; objects with a method read are read.
Content = str | bytes | os.PathLike[str]
TextSource = Content | IO[Any] | Sequence[os.PathLike[str] | IO[Any]]


class Part(NamedTuple):
    """A part of a source, and the name of its file or stream; "" if it has none."""

    content: Content
    name: str


def parts_of(source: TextSource) -> list[Part]:
    """Return the strings, bytes and files that a source consists of; streams are read."""
    if isinstance(source, str | bytes):
        return [Part(source, "")]
    if isinstance(source, os.PathLike):
        content = _read_once(source) if _is_stream(source) else source
        return [Part(content, os.fsdecode(source))]
    if hasattr(source, "read"):
        return [Part(_content_of(cast(IO[Any], source)), _stream_name(source))]
    if isinstance(source, list | tuple):
        return [part for item in source for part in parts_of(item)]
    raise TypeError(
        f"text must be a string, bytes, a pathlib.Path, a list of them or an open file, "
        f"got {type(source).__name__}"
    )


def _names(source: TextSource) -> list[str]:
    """Return the names of the files and streams that a source consists of."""
    if isinstance(source, list | tuple):
        return [name for item in source for name in _names(item)]
    if isinstance(source, os.PathLike):
        return [os.fsdecode(source)]
    name = _stream_name(source)
    return [name] if name else []


def _stream_name(stream: object) -> str:
    """Return the name of a stream, "" if it has none."""
    name = getattr(stream, "name", "")
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""  # it can be an integer


def text_name(source: TextSource) -> str:
    """Return the name of a text for errors, with the names of its files if it has any."""
    names = _names(source)
    if not names:
        return "text"
    return f"text in {', '.join(names[:MOST_NAMES])}" + (", ..." if names[MOST_NAMES:] else "")


def check_no_name(source: TextSource) -> None:
    """Raise ValueError if a string that is passed as text is the name of a file."""
    for text in source if isinstance(source, list | tuple) else [source]:
        if not isinstance(text, str) or len(text) >= LONGEST_NAME or "\n" in text:
            continue
        if os.path.exists(text) and not os.path.isdir(text):
            raise ValueError(
                f"text must not be the name of a file, got {text!r}: pass pathlib.Path({text!r}) "
                f"to read the file"
            )


def _is_stream(path: os.PathLike[str]) -> bool:
    """Whether a path is a pipe or a file without a size, such as those in /proc.

    Raises OSError for devices, some of which are endless, and others have side effects.
    """
    status = os.stat(name_of(path))
    if stat.S_ISFIFO(status.st_mode):
        return True
    check_regular(path)
    return not status.st_size


def _read_once(path: os.PathLike[str]) -> bytes:
    """Return the content of a file or pipe."""
    with naming_errors(os.fsdecode(path)), open(path, "rb") as file:
        return file.read()


def _content_of(stream: IO[Any]) -> str | bytes:
    """Return the rest of a stream, without the byte order mark of a file opened as text."""
    name = _stream_name(stream)
    try:
        with naming_errors(name):
            content = stream.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: {error}" if name else str(error)) from None
    if not isinstance(content, str | bytes):
        raise TypeError(f"text: read() must return str or bytes, got {type(content).__name__}")
    if isinstance(content, str) and getattr(stream, "encoding", None):
        return content.removeprefix("\ufeff")
    return content


def _pieces_of_bytes(content: bytes | os.PathLike[str]) -> Iterator[bytes]:
    """Yield bytes, or the content of a file, in pieces."""
    if isinstance(content, bytes):
        for start in range(0, len(content), PIECE):
            yield content[start : start + PIECE]
        return
    with naming_errors(os.fsdecode(content)), open(content, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def encoding_of(start: bytes) -> tuple[str, int]:
    """Return the encoding that a byte order mark indicates, or UTF-8, and the mark's length."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding, len(mark)
    return "utf-8", 0


def decoded(pieces: Iterable[bytes], name: str, hint: str = "") -> Iterator[str]:
    """Yield a text in pieces, decoded as its byte order mark indicates, and without the mark.

    Raises ValueError with the offset of invalid bytes; name and hint are for its message.
    """
    decoder: codecs.IncrementalDecoder | None = None
    encoding, offset = "utf-8", 0  # of the piece in the text
    for piece in pieces:
        start = 0
        if decoder is None:
            encoding, start = encoding_of(piece)
            decoder = codecs.getincrementaldecoder(encoding)()
        held = len(decoder.getstate()[0])  # bytes of a character that the last piece cut
        with _naming_offsets(encoding, offset + start - held, name, hint):
            text = decoder.decode(piece[start:])
        yield text
        offset += len(piece)
    if decoder is not None:
        with _naming_offsets(encoding, offset - len(decoder.getstate()[0]), name, hint):
            decoder.decode(b"", final=True)


@contextlib.contextmanager
def _naming_offsets(encoding: str, offset: int, name: str, hint: str) -> Iterator[None]:
    """Turn UnicodeDecodeError into ValueError with an offset in the text.

    `offset` is that of the bytes being decoded.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        kind = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        raise ValueError(
            f"{name} is not valid {kind}: byte 0x{error.object[error.start]:02x} at offset "
            f"{offset + error.start} ({error.reason}){hint}"
        ) from None


def pieces_of(part: Part) -> Iterator[str]:
    """Return an iterator over the text of a part, in pieces."""
    content = part.content
    if isinstance(content, str):
        return (content[start : start + PIECE] for start in range(0, len(content), PIECE))
    return decoded(_pieces_of_bytes(content), part.name or "text", BYTES_HINT)


def all_pieces(parts: list[Part]) -> Iterator[str]:
    """Return an iterator over the text of all parts, in pieces."""
    return (piece for part in parts for piece in pieces_of(part))


def most_characters(part: Part) -> int:
    """Return an upper bound of the number of characters in a part: its bytes."""
    content = part.content
    return os.stat(content).st_size if isinstance(content, os.PathLike) else len(content)
