"""Text on its way into a network: where it comes from, its vocabulary, its ids.

Text is read in pieces, so that a file costs one byte a character (two with more than
256 different ones) and never a second copy; with `vocabulary="bytes"` a file is
memory-mapped and costs nothing. Text files are UTF-8 unless a byte order mark says UTF-16 or
UTF-32; the mark is no character.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.char_rnn.text_sources import (
    Content,
    Part,
    TextSource,
    all_pieces,
    check_no_name,
    most_characters,
    parts_of,
    pieces_of,
    text_name,
)
from nncore.files.paths import naming_errors
from nncore.params import Array

CODE_POINTS = 0x110000
MOST_CHARACTERS = 1 << 16  # of a vocabulary: ids of 16 bits

VocabularyKind = Literal["characters", "bytes"]


def _codes(text: str) -> Array:
    """Unicode code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


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
        """The characters of a text, in the order of their code points.

        Bytes and files are UTF-8, or UTF-16 or UTF-32 where they begin with the byte order mark
        of these; no mark becomes a character.
        """
        check_no_name(source)
        characters = _characters(all_pieces(parts_of(source)))
        if not characters:
            raise ValueError(f"{text_name(source)} is empty")
        return cls(characters)

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
        return self._ids(parts_of(source), name)

    def _ids(self, parts: list[Part], name: str) -> Array:
        ids = np.empty(sum(map(most_characters, parts)), self._dtype)
        size = 0
        for part in parts:
            where = f"{name} in {part.name}" if part.name else name
            for piece in pieces_of(part):
                found = self._piece_ids(piece, where)
                if size + len(found) > len(ids):
                    raise ValueError(f"{where} grew while it was read")
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
    """The bytes of a source as ids, byte order marks included; one file is mapped, not read."""
    contents = [part.content for part in parts_of(source)]
    if len(contents) == 1 and isinstance(contents[0], os.PathLike) and os.stat(contents[0]).st_size:
        with naming_errors(os.fsdecode(contents[0])):
            return np.memmap(contents[0], np.uint8, "r")
    arrays = [_bytes_of(content) for content in contents]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.empty(0, np.uint8)


def _bytes_of(content: Content) -> Array:
    if isinstance(content, os.PathLike):
        with naming_errors(os.fsdecode(content)):
            return np.fromfile(content, np.uint8)
    return np.frombuffer(content.encode() if isinstance(content, str) else content, np.uint8)


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
            parts = parts_of(source)
            characters = _characters(all_pieces(parts))
            if not characters:
                raise ValueError(f"{text_name(source)} is empty")
            vocabulary = Vocabulary(characters)
            return vocabulary._ids(parts, "text"), vocabulary
    ids = vocabulary.encode(source)
    if not ids.size:
        raise ValueError(f"{text_name(source)} is empty")
    return ids, vocabulary
