"""Tables of colours: red, green, blue and, in the last column, the font; a header if you like."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterator

import numpy as np

from nncore.char_rnn.text_sources import decoded, encoding_of
from nncore.files.paths import check_regular, name_of, naming_errors
from nncore.trainers.rgb.data import CHANNELS, RGBData, is_number, label_of, whole_byte

COLUMNS = len(CHANNELS) + 1
PIECE = 1 << 16  # bytes read at once
LONGEST_ROW = 1 << 18  # bytes, twice what the csv module lets a field have


def read_colors(path: str | os.PathLike[str]) -> RGBData:
    """
    The colours of a CSV file in UTF-8, or in what its byte order mark says: UTF-16 or UTF-32.

    Every row has red, green and blue, whole numbers from 0 to 255, and last the label: 1 or
    dark for a dark font, 0 or light for a light one. A first row without any number in the
    colours' columns is a header. Blank lines are skipped.

    Raises OSError for what cannot be read, a pipe or a device, and ValueError with the file and
    the line for what is wrong in it.
    """
    name = name_of(path)
    check_regular(name)
    lines = _Lines(name)
    rgb, dark, first = bytearray(), bytearray(), True
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            lines.row_length = 0
            if not any(field.strip() for field in row):
                continue
            where = f"{name}, line {reader.line_num}"
            if len(row) != COLUMNS:
                raise ValueError(
                    f"{where} has {len(row)} column(s), wanted {COLUMNS}: red, green, blue, label"
                )
            if not (first and _is_header(row)):
                pairs = zip(CHANNELS, row, strict=False)
                rgb.extend(whole_byte(f"{where}: {channel}", text) for channel, text in pairs)
                dark.append(label_of(f"{where}: label", row[-1]))
            first = False
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: {error}") from None
    if not rgb:
        raise ValueError(f"{name} has no rows of colours")
    colors = np.frombuffer(rgb, np.uint8).reshape(-1, len(CHANNELS))
    return RGBData(colors, np.frombuffer(dark, np.bool_), name)


class _Lines:
    """The lines of a text file, of which only a piece is in memory.

    A row that goes on for `LONGEST_ROW` bytes, be it over many lines, is an error: rows of the
    reader are lists, which take many times the memory of the text.
    """

    def __init__(self, path: str) -> None:
        self.row_length = 0  # bytes since the last row was finished
        self._path = path
        self._read = 0  # lines

    def __iter__(self) -> Iterator[str]:
        for line in self._split():
            self._read += 1
            self.row_length += len(line)
            self._check_length(self.row_length)
            yield self._decoded(line)

    def _split(self) -> Iterator[bytes]:
        r"""Lines in UTF-8 with their ends: \n, \r\n or \r."""
        rest = b""
        for piece in filter(None, _utf8_pieces(self._path)):
            *lines, rest = (rest + piece).splitlines(keepends=True)  # the last may go on
            yield from lines
            self._check_length(len(rest))
        if rest:
            yield rest

    def _check_length(self, length: int) -> None:
        if length > LONGEST_ROW:
            raise ValueError(f"{self._path}, line {self._read + 1}: no row of a table is that long")

    def _decoded(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{self._path}, line {self._read} is not valid UTF-8: byte "
                f"0x{error.object[error.start]:02x} ({error.reason})"
            ) from None


def _pieces(path: str) -> Iterator[bytes]:
    with naming_errors(path), open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _utf8_pieces(path: str) -> Iterator[bytes]:
    """A file in UTF-8 without its byte order mark, whose bad bytes are left to who decodes it."""
    pieces = _pieces(path)
    first = next(pieces, b"")
    encoding, mark = encoding_of(first)
    if encoding == "utf-8":
        yield from itertools.chain([first[mark:]], pieces)
    else:
        yield from map(str.encode, decoded(itertools.chain([first], pieces), path))


def _is_header(row: list[str]) -> bool:
    """Has it names where numbers stand? One mistyped number of three is an error instead."""
    return not any(is_number(field) for field in row[:-1]) and row[-1].strip() not in ("0", "1")
