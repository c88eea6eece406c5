"""Tables of colours: red, green, blue and, in the last column, the font; a header if you like."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np

from nncore.trainers.rgb_data import CHANNELS, RGBData, is_number, label_of, whole_byte

COLUMNS = len(CHANNELS) + 1


def read_colors(path: str | os.PathLike[str]) -> RGBData:
    """
    The colours of a CSV file in UTF-8, with or without a byte order mark.

    Every row has red, green and blue, whole numbers from 0 to 255, and last the label: 1 or
    dark for a dark font, 0 or light for a light one. A first row without any number in the
    colours' columns is a header. Blank lines are skipped.

    Raises OSError for a file that cannot be read, and ValueError with the file and the line for
    what is wrong in it.
    """
    name = os.fspath(path)
    reader = csv.reader(io.StringIO(_text(name), newline=""), strict=True)
    rgb, dark, first = [], [], True
    try:
        for row in reader:
            if not any(field.strip() for field in row):
                continue
            where = f"{name}, line {reader.line_num}"
            if len(row) != COLUMNS:
                raise ValueError(
                    f"{where} has {len(row)} column(s), wanted {COLUMNS}: red, green, blue, label"
                )
            if not (first and _is_header(row)):
                pairs = zip(CHANNELS, row, strict=False)
                rgb.append([whole_byte(f"{where}: {channel}", text) for channel, text in pairs])
                dark.append(label_of(f"{where}: label", row[-1]))
            first = False
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: {error}") from None
    if not rgb:
        raise ValueError(f"{name} has no rows of colours")
    return RGBData(np.array(rgb, np.uint8), np.array(dark, bool), name)


def _text(path: str) -> str:
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line} is not valid UTF-8: byte "
            f"0x{error.object[error.start]:02x} ({error.reason})"
        ) from None


def _is_header(row: list[str]) -> bool:
    """Has it names where numbers stand? One mistyped number of three is an error instead."""
    return not any(is_number(field) for field in row[:-1]) and row[-1].strip() not in ("0", "1")
