"""Vocabularies, and the conversion of text to ids and back.

Text is read in pieces, so that a file takes one byte of memory per character (two if there are
more than 256 different ones). With `vocabulary="bytes"` a file is memory-mapped and takes none.
Text files are read as UTF-8 unless a byte order mark indicates UTF-16 or UTF-32; the mark is not
part of the text.
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
    """Return the Unicode code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


class Vocabulary:
    """The characters that a network knows; the id of a character is its position.

    Parameters
    ----------
    characters : str
        Different characters, at most 65536.

    Attributes
    ----------
    characters : str
        The characters in the order of their ids.
    size : int
        Number of characters (V).
    kind : {"characters", "bytes"}
        "bytes" for the vocabulary of `Vocabulary.of_bytes`.

    Raises
    ------
    TypeError, ValueError
        If characters is not a string, or is empty, too long or has duplicates.

    Examples
    --------
    >>> import nncore
    >>> nncore.Vocabulary("abc").encode("cab").tolist()
    [2, 0, 1]
    """

    def __init__(self, characters: str) -> None:
        if not isinstance(characters, str):
            raise TypeError(f"characters must be a string, got {type(characters).__name__}")
        codes = _codes(characters)
        if not characters:
            raise ValueError("characters is empty, expected at least one character")
        if len(np.unique(codes)) < len(codes):
            raise ValueError("characters has duplicates, expected each character once")
        _check_count("characters", len(codes))
        self.kind: VocabularyKind = "characters"
        self.characters = characters
        self.size = len(codes)
        self._table = np.full(int(codes.max()) + 2, -1, np.int32)  # last entry: all higher codes
        self._table[codes] = np.arange(self.size)

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """Return the vocabulary of the 256 bytes, for files of any kind.

        Returns
        -------
        Vocabulary
        """
        vocabulary = cls("".join(map(chr, range(256))))
        vocabulary.kind = "bytes"
        return vocabulary

    @classmethod
    def of(cls, source: TextSource) -> Vocabulary:
        """Return the vocabulary of a text, in the order of code points.

        Parameters
        ----------
        source : str, bytes, os.PathLike, file or list of paths and files
            The text. Bytes and files are UTF-8 unless they start with the byte order mark of
            UTF-16 or UTF-32, which is not part of the text.

        Returns
        -------
        Vocabulary

        Raises
        ------
        ValueError
            If the text is empty, is not valid in its encoding, or has too many different
            characters.
        OSError
            If a file cannot be read.
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
        """Convert a text to ids.

        Parameters
        ----------
        source : str, bytes, os.PathLike, file or list of paths and files
            The text, as for `Vocabulary.of`.
        name : str
            Name of the text in errors.

        Returns
        -------
        one-dimensional ndarray of uint8 or uint16
            uint8 if the vocabulary has at most 256 characters.

        Raises
        ------
        ValueError
            If the text has characters outside the vocabulary, which are listed.
        """
        if self.kind == "bytes":
            return _raw(source)
        return self._ids(parts_of(source), name)[0]

    def _known_ids(self, source: TextSource) -> tuple[Array, int]:
        """Return the ids of a text without those of unknown characters, and how many there were."""
        if self.kind == "bytes":
            return _raw(source), 0
        return self._ids(parts_of(source), "text", skip=True)

    def _ids(self, parts: list[Part], name: str, skip: bool = False) -> tuple[Array, int]:
        """Return the ids of the parts of a text, and how many characters were skipped."""
        ids = np.empty(sum(map(most_characters, parts)), self._dtype)
        size = skipped = 0
        for part in parts:
            where = f"{name} in {part.name}" if part.name else name
            for piece in pieces_of(part):
                found = self._known(piece) if skip else self._piece_ids(piece, where)
                skipped += len(piece) - len(found)
                if size + len(found) > len(ids):
                    raise ValueError(f"{where} grew while it was read")
                ids[size : size + len(found)] = found
                size += len(found)
        ids.resize(size, refcheck=False)  # frees the rest without a copy
        return ids, skipped

    @property
    def _dtype(self) -> type[np.unsignedinteger[Any]]:
        """Type of the ids."""
        return np.uint8 if self.size <= 256 else np.uint16

    def _known(self, piece: str) -> Array:
        """Return the ids of the characters of a string that the vocabulary has."""
        ids = self._table.take(_codes(piece), mode="clip")
        return ids[ids >= 0].astype(self._dtype)

    def _piece_ids(self, piece: str, name: str) -> Array:
        """Return the ids of a string."""
        codes = _codes(piece)
        ids = self._table.take(codes, mode="clip")
        if ids.size and int(ids.min()) < 0:
            lacking = "".join(map(chr, np.unique(codes[ids < 0])))
            shown = repr(lacking[:40])[1:-1] + ("..." if len(lacking) > 40 else "")
            raise ValueError(
                f"{name} has {len(lacking)} character(s) outside the vocabulary: {shown}"
            )
        return ids.astype(self._dtype)

    def decode(self, ids: Array) -> str | bytes:
        """Convert ids to text.

        Parameters
        ----------
        ids : array-like of int of shape (N,)
            Ids in 0..V-1.

        Returns
        -------
        str or bytes
            The text; bytes if `kind` is "bytes".

        Raises
        ------
        TypeError
            If ids are not integers.
        ValueError
            If ids is not one-dimensional.
        IndexError
            If an id is outside the vocabulary.
        """
        ids = _integers(ids)
        arguments.check_range("ids", ids, self.size)
        if self.kind == "bytes":
            return ids.astype(np.uint8).tobytes()
        return "".join([self.characters[i] for i in ids])


def _integers(ids: Any) -> Array:
    """Return ids (N,) as an array of integers of any type."""
    try:
        array = np.asarray(ids)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"ids must be an array of integers: {error}") from None
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, got {arguments.describe(array)}")
    if array.ndim != 1:
        raise ValueError(f"ids has shape {array.shape}, expected (N,)")
    return array


def _characters(pieces: Iterator[str]) -> str:
    """Return the different characters of a text, sorted; ValueError if there are too many."""
    seen = np.zeros(CODE_POINTS, bool)
    for piece in pieces:
        seen[_codes(piece)] = True
    _check_count("text", int(np.count_nonzero(seen)))  # first, as strings take 76 bytes each
    return "".join(map(chr, np.flatnonzero(seen)))


def _check_count(name: str, characters: int) -> None:
    """Raise ValueError if there are more characters than a vocabulary can have."""
    if characters > MOST_CHARACTERS:
        raise ValueError(
            f"{name} has {characters} different characters, expected at most {MOST_CHARACTERS}: "
            f"use vocabulary='bytes'"
        )


def _raw(source: TextSource) -> Array:
    """Return the bytes of a source, byte order marks included; a single file is mapped."""
    contents = [part.content for part in parts_of(source)]
    if len(contents) == 1 and isinstance(contents[0], os.PathLike) and os.stat(contents[0]).st_size:
        with naming_errors(os.fsdecode(contents[0])):
            return np.memmap(contents[0], np.uint8, "r")
    arrays = [_bytes_of(content) for content in contents]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.empty(0, np.uint8)


def _bytes_of(content: Content) -> Array:
    """Return the bytes of a string, bytes or a file."""
    if isinstance(content, os.PathLike):
        with naming_errors(os.fsdecode(content)):
            return np.fromfile(content, np.uint8)
    return np.frombuffer(content.encode() if isinstance(content, str) else content, np.uint8)


def read_text(
    source: TextSource, vocabulary: Vocabulary | VocabularyKind
) -> tuple[Array, Vocabulary]:
    """Return the ids of a text and its vocabulary, which is taken from the text if not given."""
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
            return vocabulary._ids(parts, "text")[0], vocabulary
    ids = vocabulary.encode(source)
    if not ids.size:
        raise ValueError(f"{text_name(source)} is empty")
    return ids, vocabulary
