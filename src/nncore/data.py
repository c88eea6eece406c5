"""Text on its way into a network: where it comes from, its vocabulary, its ids.

Text is read in pieces, so that a file costs one byte a character (two with more than
256 different ones) and never a second copy; with `vocabulary="bytes"` a file is
memory-mapped and costs nothing.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator, Sequence
from typing import IO, Any, Literal, cast

import numpy as np

from nncore import arguments
from nncore.params import Array
from nncore.paths import check_regular, name_of

PIECE = 1 << 17  # characters or bytes looked at together: 2 MB of working memory
CODE_POINTS = 0x110000
MOST_CHARACTERS = 1 << 16  # of a vocabulary: ids of 16 bits
UTF8_BOM = b"\xef\xbb\xbf"
LONGEST_NAME = 4096  # of a file

# A string is the text itself; a Path (or several) names files; what has .read() is read.
Part = str | bytes | os.PathLike[str]
TextSource = Part | IO[Any] | Sequence[os.PathLike[str] | IO[Any]]
VocabularyKind = Literal["characters", "bytes"]


def _name(source: object) -> str:
    """How an error names a piece of text."""
    if isinstance(source, os.PathLike):
        return os.fspath(cast(os.PathLike[str], source))
    return str(getattr(source, "name", "text"))


def _parts(source: TextSource) -> list[Part]:
    """The strings, bytes and files that a source consists of, streams read to their end."""
    if isinstance(source, str | bytes):
        return [source]
    if isinstance(source, os.PathLike):
        return [_read_once(source) if _is_stream(source) else source]
    if hasattr(source, "read"):
        return [_text_or_bytes(source.read())]
    if isinstance(source, list | tuple):
        return [part for item in source for part in _parts(item)]
    raise TypeError(
        f"text must be a string, bytes, a pathlib.Path, a list of them or an open file, "
        f"got {type(source).__name__}"
    )


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
    with open(path, "rb") as file:
        return file.read()


def _text_or_bytes(content: object) -> str | bytes:
    if isinstance(content, str | bytes):
        return content
    raise TypeError(f"text: read() must give a string or bytes, got {type(content).__name__}")


def _pieces_of_bytes(part: bytes | os.PathLike[str]) -> Iterator[bytes]:
    if isinstance(part, bytes):
        for start in range(0, len(part), PIECE):
            yield part[start : start + PIECE]
        return
    with open(part, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _decoded(part: bytes | os.PathLike[str], name: str) -> Iterator[str]:
    """UTF-8 in pieces, without a leading byte order mark; bad bytes raise with their offset."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0  # of the piece in the file
    for piece in _pieces_of_bytes(part):
        start = len(UTF8_BOM) if offset == 0 and piece.startswith(UTF8_BOM) else 0
        yield _decode(decoder, piece[start:], name, offset + start)
        offset += len(piece)
    _decode(decoder, b"", name, offset, final=True)


def _decode(
    decoder: codecs.IncrementalDecoder, piece: bytes, name: str, offset: int, final: bool = False
) -> str:
    held = len(decoder.getstate()[0])  # bytes of a character that the last piece began
    try:
        return decoder.decode(piece, final)
    except UnicodeDecodeError as error:
        at = offset - held + error.start
        raise ValueError(
            f"{name} is not valid UTF-8: byte 0x{error.object[error.start]:02x} at offset {at} "
            f"({error.reason}); vocabulary='bytes' takes any file"
        ) from None


def _pieces(parts: list[Part]) -> Iterator[str]:
    """All the text, in pieces."""
    for part in parts:
        if isinstance(part, str):
            for start in range(0, len(part), PIECE):
                yield part[start : start + PIECE]
        else:
            yield from _decoded(part, _name(part))


def _codes(text: str) -> Array:
    """Unicode code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _most_characters(part: Part) -> int:
    """At least the number of characters in a part: UTF-8 has no more than bytes."""
    return os.stat(part).st_size if isinstance(part, os.PathLike) else len(part)


class Vocabulary:
    """Which characters there are, each one's place being its id.

    `Vocabulary("abc")` has three characters; `Vocabulary.of_bytes()` has the 256 bytes.
    """

    def __init__(self, characters: str) -> None:
        if not isinstance(characters, str):
            raise TypeError(f"characters must be a string, got {type(characters).__name__}")
        codes = _codes(characters)
        if not characters:
            raise ValueError("characters is empty; a vocabulary needs at least one")
        if len(np.unique(codes)) < len(codes):
            raise ValueError("characters has some character twice")
        _check_count("characters", len(codes))
        self.kind: VocabularyKind = "characters"
        self.characters = characters
        self.size = len(codes)
        self._table = np.full(int(codes.max()) + 2, -1, np.int32)  # the last: all beyond
        self._table[codes] = np.arange(self.size)

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """The 256 bytes, for files of any kind."""
        vocabulary = cls("".join(map(chr, range(256))))
        vocabulary.kind = "bytes"
        return vocabulary

    @classmethod
    def of(cls, source: TextSource) -> Vocabulary:
        """The characters of a text, in the order of their code points."""
        check_no_name(source)
        return cls(_characters(_pieces(_parts(source))))

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (self.kind, self.characters) == (other.kind, other.characters)

    def __hash__(self) -> int:
        return hash((self.kind, self.characters))

    def __repr__(self) -> str:
        if self.kind == "bytes":
            return "Vocabulary.of_bytes()"
        shown = self.characters if self.size <= 40 else self.characters[:37] + "..."
        return f"<Vocabulary of {self.size} characters {shown!r}>"

    def encode(self, source: TextSource, name: str = "text") -> Array:
        """The ids of a text: uint8 with up to 256 in the vocabulary, else uint16.

        Raises ValueError listing the characters that the vocabulary lacks.
        """
        if self.kind == "bytes":
            return _raw(source)
        return self._ids(_parts(source), name)

    def _ids(self, parts: list[Part], name: str) -> Array:
        ids = np.empty(sum(map(_most_characters, parts)), self._dtype)
        size = 0
        for piece in _pieces(parts):
            found = self._piece_ids(piece, name)
            if size + len(found) > len(ids):
                raise ValueError(f"{name} grew while it was read")
            ids[size : size + len(found)] = found
            size += len(found)
        ids.resize(size, refcheck=False)  # gives back the room, copies nothing
        return ids

    @property
    def _dtype(self) -> type[np.unsignedinteger[Any]]:
        return np.uint8 if self.size <= 256 else np.uint16

    def _piece_ids(self, piece: str, name: str) -> Array:
        codes = _codes(piece)
        ids = self._table.take(codes, mode="clip")
        if ids.size and int(ids.min()) < 0:
            lacking = "".join(map(chr, np.unique(codes[ids < 0])))
            shown = repr(lacking[:40])[1:-1] + ("..." if len(lacking) > 40 else "")
            raise ValueError(
                f"{name} has {len(lacking)} character(s) that the vocabulary lacks: {shown}"
            )
        return ids.astype(self._dtype)

    def decode(self, ids: Array) -> str | bytes:
        """The text of ids (N,): a string, or bytes in a vocabulary of bytes.

        Raises TypeError for what are no integers, IndexError for ids that are no character's.
        """
        ids = _integers(ids)
        arguments.check_range("ids", ids, self.size)
        if self.kind == "bytes":
            return ids.astype(np.uint8).tobytes()
        return "".join([self.characters[i] for i in ids])


def _integers(ids: Any) -> Array:
    """The ids (N,), of whatever type of integers."""
    try:
        array = np.asarray(ids)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"ids is no array: {error}") from None
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, got {arguments.describe(array)}")
    if array.ndim != 1:
        raise ValueError(f"ids has shape {array.shape}, wanted (N,)")
    return array


def _characters(pieces: Iterator[str]) -> str:
    """The different characters of a text, sorted; ValueError for more than can be told apart."""
    seen = np.zeros(CODE_POINTS, bool)
    for piece in pieces:
        seen[_codes(piece)] = True
    _check_count("text", int(np.count_nonzero(seen)))  # as strings they take 76 bytes each
    return "".join(map(chr, np.flatnonzero(seen)))


def _check_count(name: str, characters: int) -> None:
    if characters > MOST_CHARACTERS:
        raise ValueError(
            f"{name} has {characters} different characters; at most {MOST_CHARACTERS} can be told "
            f"apart: use vocabulary='bytes'"
        )


def _raw(source: TextSource) -> Array:
    """The bytes of a source as ids; one file is mapped, not read."""
    parts = _parts(source)
    if len(parts) == 1 and isinstance(parts[0], os.PathLike) and os.stat(parts[0]).st_size:
        return np.memmap(parts[0], np.uint8, "r")
    arrays = [_bytes_of(part) for part in parts]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.empty(0, np.uint8)


def _bytes_of(part: Part) -> Array:
    if isinstance(part, os.PathLike):
        return np.fromfile(part, np.uint8)
    return np.frombuffer(part.encode() if isinstance(part, str) else part, np.uint8)


def text_name(source: TextSource) -> str:
    """What error messages call a text."""
    return f"text in {os.fsdecode(source)}" if isinstance(source, os.PathLike) else "text"


def read_text(
    source: TextSource, vocabulary: Vocabulary | VocabularyKind
) -> tuple[Array, Vocabulary]:
    """Ids of a text and the vocabulary they belong to, made from the text if need be."""
    check_no_name(source)
    if isinstance(vocabulary, str):
        if vocabulary not in ("characters", "bytes"):
            raise ValueError(
                f"vocabulary must be 'characters', 'bytes' or a Vocabulary, got {vocabulary!r}"
            )
        if vocabulary == "bytes":
            vocabulary = Vocabulary.of_bytes()
        else:
            parts = _parts(source)
            characters = _characters(_pieces(parts))
            if not characters:
                raise ValueError(f"{text_name(source)} is empty")
            vocabulary = Vocabulary(characters)
            return vocabulary._ids(parts, "text"), vocabulary
    ids = vocabulary.encode(source)
    if not ids.size:
        raise ValueError(f"{text_name(source)} is empty")
    return ids, vocabulary
