"""Where text comes from: strings, files, pipes and open streams, their names and encodings.

Text is read in pieces. Files and bytes are UTF-8 unless a byte order mark says UTF-16 or UTF-32;
the mark is no character.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple, cast

from nncore.files.paths import check_regular, name_of, naming_errors

PIECE = 1 << 17  # characters or bytes looked at together: 2 MB of working memory
LONGEST_NAME = 4096  # of a file
MOST_NAMES = 3  # of files that an error lists
# UTF-32 before UTF-16, whose mark is the beginning of the other's.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
BYTES_HINT = "; vocabulary='bytes' takes any file"

# A string is the text itself; a Path (or several) names files; what has .read() is read.
Content = str | bytes | os.PathLike[str]
TextSource = Content | IO[Any] | Sequence[os.PathLike[str] | IO[Any]]


class Part(NamedTuple):
    """A piece of a source, and the name of its file or stream; "" where it has none."""

    content: Content
    name: str


def parts_of(source: TextSource) -> list[Part]:
    """The strings, bytes and files that a source consists of, streams read to their end."""
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
    """The names of the files and streams that a source consists of."""
    if isinstance(source, list | tuple):
        return [name for item in source for name in _names(item)]
    if isinstance(source, os.PathLike):
        return [os.fsdecode(source)]
    name = _stream_name(source)
    return [name] if name else []


def _stream_name(stream: object) -> str:
    name = getattr(stream, "name", "")
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""  # or a number


def text_name(source: TextSource) -> str:
    """What error messages call a text: by its files, where it has some."""
    names = _names(source)
    if not names:
        return "text"
    return f"text in {', '.join(names[:MOST_NAMES])}" + (", ..." if names[MOST_NAMES:] else "")


def check_no_name(source: TextSource) -> None:
    """Raise where a string that is to be learned or measured is the name of a file."""
    for text in source if isinstance(source, list | tuple) else [source]:
        if not isinstance(text, str) or len(text) >= LONGEST_NAME or "\n" in text:
            continue
        if os.path.exists(text) and not os.path.isdir(text):
            raise ValueError(
                f"text {text!r} is the name of a file: pass pathlib.Path({text!r}) to read it"
            )


def _is_stream(path: os.PathLike[str]) -> bool:
    """Is it a pipe or a file of /proc, which has no size before it is read?

    OSError for devices: some have no end, and reading others does something.
    """
    status = os.stat(name_of(path))
    if stat.S_ISFIFO(status.st_mode):
        return True
    check_regular(path)
    return not status.st_size


def _read_once(path: os.PathLike[str]) -> bytes:
    with naming_errors(os.fsdecode(path)), open(path, "rb") as file:
        return file.read()


def _content_of(stream: IO[Any]) -> str | bytes:
    """What is left in a stream; a file that was opened as text has no byte order mark either."""
    name = _stream_name(stream)
    try:
        with naming_errors(name):
            content = stream.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: {error}" if name else str(error)) from None
    if not isinstance(content, str | bytes):
        raise TypeError(f"text: read() must give a string or bytes, got {type(content).__name__}")
    if isinstance(content, str) and getattr(stream, "encoding", None):
        return content.removeprefix("\ufeff")
    return content


def _pieces_of_bytes(content: bytes | os.PathLike[str]) -> Iterator[bytes]:
    if isinstance(content, bytes):
        for start in range(0, len(content), PIECE):
            yield content[start : start + PIECE]
        return
    with naming_errors(os.fsdecode(content)), open(content, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def encoding_of(start: bytes) -> tuple[str, int]:
    """The encoding that a byte order mark tells, UTF-8 without one, and the mark's length."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding, len(mark)
    return "utf-8", 0


def decoded(pieces: Iterable[bytes], name: str, hint: str = "") -> Iterator[str]:
    """A text in pieces, without its byte order mark, which tells its encoding.

    Raises ValueError with the offset of bad bytes; name and hint are for its message.
    """
    decoder: codecs.IncrementalDecoder | None = None
    encoding, offset = "utf-8", 0  # of the piece in the text
    for piece in pieces:
        start = 0
        if decoder is None:
            encoding, start = encoding_of(piece)
            decoder = codecs.getincrementaldecoder(encoding)()
        held = len(decoder.getstate()[0])  # bytes of a character that the last piece began
        with _offsets_told(encoding, offset + start - held, name, hint):
            text = decoder.decode(piece[start:])
        yield text
        offset += len(piece)
    if decoder is not None:
        with _offsets_told(encoding, offset - len(decoder.getstate()[0]), name, hint):
            decoder.decode(b"", final=True)


@contextlib.contextmanager
def _offsets_told(encoding: str, offset: int, name: str, hint: str) -> Iterator[None]:
    """Within, bad bytes are a ValueError; offset is that of the bytes that are decoded."""
    try:
        yield
    except UnicodeDecodeError as error:
        kind = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        raise ValueError(
            f"{name} is not valid {kind}: byte 0x{error.object[error.start]:02x} at offset "
            f"{offset + error.start} ({error.reason}){hint}"
        ) from None


def pieces_of(part: Part) -> Iterator[str]:
    """A part's text, in pieces."""
    content = part.content
    if isinstance(content, str):
        return (content[start : start + PIECE] for start in range(0, len(content), PIECE))
    return decoded(_pieces_of_bytes(content), part.name or "text", BYTES_HINT)


def all_pieces(parts: list[Part]) -> Iterator[str]:
    return (piece for part in parts for piece in pieces_of(part))


def most_characters(part: Part) -> int:
    """At least the number of characters in a part: no encoding has more than bytes."""
    content = part.content
    return os.stat(content).st_size if isinstance(content, os.PathLike) else len(content)
