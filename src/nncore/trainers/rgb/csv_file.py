"""CSV files of colours: red, green, blue and the font, with an optional header."""

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
    Read a CSV file of colours.

    Every row has red, green and blue, integers from 0 to 255, and a label: 1 or dark for a dark
    font, 0 or light for a light one. A first row without a number in the first three columns is
    a header. Blank lines are skipped. The file is UTF-8 unless a byte order mark indicates UTF-16
    or UTF-32.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    RGBData

    Raises
    ------
    OSError
        If the file cannot be read, or is a pipe or a device.
    ValueError
        If a row is invalid; the error names the file and the line.
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
                    f"{where} has {len(row)} column(s), expected {COLUMNS}: red, green, blue, label"
                )
            if not (first and _is_header(row)):
                rgb.extend(_channels(where, row))
                dark.append(label_of(f"{where}: label", row[-1]))
            first = False
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: {error}") from None
    if not rgb:
        raise ValueError(f"{name} has no rows of colours")
    colors = np.frombuffer(rgb, np.uint8).reshape(-1, len(CHANNELS))
    return RGBData(colors, np.frombuffer(dark, np.bool_), name)


def _channels(where: str, row: list[str]) -> list[int]:
    """Return red, green and blue of a row; `where` names it in errors."""
    pairs = zip(CHANNELS, row, strict=False)
    return [whole_byte(f"{where}: {channel}", text) for channel, text in pairs]


class _Lines:
    """The lines of a text file, read in pieces.

    A row of more than `LONGEST_ROW` bytes, on one line or several, is an error, as the csv module
    makes lists of rows, which take many times the memory of the text.
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
        r"""Yield the lines in UTF-8 with their ends: \n, \r\n or \r."""
        rest = b""
        for piece in filter(None, _utf8_pieces(self._path)):
            *lines, rest = (rest + piece).splitlines(keepends=True)  # the last may go on
            yield from lines
            self._check_length(len(rest))
        if rest:
            yield rest

    def _check_length(self, length: int) -> None:
        """Raise ValueError if a row is too long."""
        if length > LONGEST_ROW:
            raise ValueError(
                f"{self._path}, line {self._read + 1}: the row is longer than {LONGEST_ROW} bytes"
            )

    def _decoded(self, line: bytes) -> str:
        """Return a line as text; ValueError for invalid UTF-8."""
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{self._path}, line {self._read} is not valid UTF-8: byte "
                f"0x{error.object[error.start]:02x} ({error.reason})"
            ) from None


def _pieces(path: str) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces."""
    with naming_errors(path), open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _utf8_pieces(path: str) -> Iterator[bytes]:
    """Yield a file in UTF-8 without its byte order mark; the caller finds invalid bytes."""
    pieces = _pieces(path)
    first = next(pieces, b"")
    encoding, mark = encoding_of(first)
    if encoding == "utf-8":
        yield from itertools.chain([first[mark:]], pieces)
    else:
        yield from map(str.encode, decoded(itertools.chain([first], pieces), path))


def _is_header(row: list[str]) -> bool:
    """Whether a row has no numbers; one with a mistyped number is an error instead."""
    return not any(is_number(field) for field in row[:-1]) and row[-1].strip() not in ("0", "1")
