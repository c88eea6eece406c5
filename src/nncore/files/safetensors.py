"""The header of a safetensors file, read as untrusted input.

A file consists of 8 bytes with the length of the header, the header as JSON, and the bytes of the
arrays without gaps (https://github.com/huggingface/safetensors#format). At most `HEADER_LIMIT`
bytes are read, and everything that the header claims is checked against the size of the file.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO, NamedTuple

import numpy as np

HEADER_LIMIT = 1 << 20  # bytes: 65536 characters, the largest vocabulary, take 0.6 MB
MOST_AXES = 8
DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I64": np.dtype("<i8"),
}


class Place(NamedTuple):
    """Dtype, shape and position of an array in the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Return the header of a file of this size and the offset of the arrays.

    Raises ValueError if the header is invalid.
    """
    length = int.from_bytes(_exactly(file, 8), "little")
    if length > size - 8:
        raise ValueError(f"its header claims {length} bytes, but the file has only {size}")
    if length > HEADER_LIMIT:
        raise ValueError(f"its header has {length} bytes, expected at most {HEADER_LIMIT}")
    header = parsed(_exactly(file, length).decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    return header, 8 + length


def _exactly(file: BinaryIO, count: int) -> bytes:
    """Read this many bytes; ValueError if there are fewer."""
    content = file.read(count)
    if len(content) != count:
        raise ValueError("it ends within its header")
    return content


def parsed(text: str) -> Any:
    """Return the value of a JSON text; ValueError also for duplicate names, NaN and infinity."""
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_number, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict; ValueError for duplicate names."""
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("duplicate name")
    return result


def _refuse_number(text: str) -> float:
    """Raise ValueError for NaN, infinity and numbers beyond the range of a float."""
    raise ValueError(f"{text[:40]} is not a finite number")


def _finite(text: str) -> float:
    """Return a JSON number as a float; ValueError if it is out of range."""
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)


def places(header: dict[str, Any], start: int, size: int) -> dict[str, Place]:
    """Return the position of each array; ValueError unless they fill the file from `start` on."""
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    found = {name: _place(name, entry, start) for name, entry in entries.items()}
    at = start
    for place in sorted(found.values(), key=lambda place: (place.start, place.end)):
        if place.start != at:
            raise ValueError("its arrays overlap or have gaps between them")
        at = place.end
    if at != size:
        raise ValueError(f"its arrays need {at} bytes, the file has {size}")
    return found


def _place(name: str, entry: Any, start: int) -> Place:
    """Return the position of one array, after checks that need no other entry."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"array {name[:40]!r} is not described by dtype, shape, data_offsets")
    shape, offsets, kind = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise ValueError(f"array {name[:40]!r} has a dtype other than {', '.join(DTYPES)}")
    if not _counts(shape) or not _counts(offsets) or len(shape) > MOST_AXES or len(offsets) != 2:
        raise ValueError(f"array {name[:40]!r} has an invalid shape or invalid offsets")
    if offsets[1] - offsets[0] != math.prod(shape) * DTYPES[kind].itemsize:
        raise ValueError(f"array {name[:40]!r} has offsets that do not fit its shape")
    return Place(DTYPES[kind], tuple(shape), start + offsets[0], start + offsets[1])


def _counts(value: Any) -> bool:
    """Whether a value is a list of integers from 0 to 2**63 - 1."""
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 63 for n in value)
