"""The header of a safetensors file: which arrays it has, and where. Nothing of it is believed.

The file is 8 bytes with the header's length, the header as JSON, and the arrays' bytes without
gaps (https://github.com/huggingface/safetensors#format). What is read here is at most
`HEADER_LIMIT` bytes, and all that it claims is compared with the size of the file.
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
    """Where an array is in the file, and what it is."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """The header of a file of this size, and where the arrays begin; ValueError for a bad one."""
    length = int.from_bytes(_exactly(file, 8), "little")
    if length > size - 8:
        raise ValueError(f"its header would have {length} bytes, of {size} in all")
    if length > HEADER_LIMIT:
        raise ValueError(f"its header has {length} bytes, at most {HEADER_LIMIT} are read")
    header = parsed(_exactly(file, length).decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header, 8 + length


def _exactly(file: BinaryIO, count: int) -> bytes:
    content = file.read(count)
    if len(content) != count:
        raise ValueError("it ends within its header")
    return content


def parsed(text: str) -> Any:
    """JSON without what it may not have: names that come twice, NaN and infinities."""
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("JSON nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a name comes twice")
    return result


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number("a number beyond all floats")


def places(header: dict[str, Any], start: int, size: int) -> dict[str, Place]:
    """Where each array is; ValueError unless they fill the file from `start` to its end."""
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    found = {name: _place(name, entry, start) for name, entry in entries.items()}
    at = start
    for place in sorted(found.values(), key=lambda place: (place.start, place.end)):
        if place.start != at:
            raise ValueError("its arrays overlap, or have gaps between them")
        at = place.end
    if at != size:
        raise ValueError(f"its arrays need {at} bytes, the file has {size}")
    return found


def _place(name: str, entry: Any, start: int) -> Place:
    """One entry of the header, checked by itself."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"array {name[:40]!r} is not described by dtype, shape, data_offsets")
    shape, offsets, kind = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise ValueError(f"array {name[:40]!r} is of none of the types {', '.join(DTYPES)}")
    if not _counts(shape) or not _counts(offsets) or len(shape) > MOST_AXES or len(offsets) != 2:
        raise ValueError(f"array {name[:40]!r} has a shape or offsets that are none")
    if offsets[1] - offsets[0] != math.prod(shape) * DTYPES[kind].itemsize:
        raise ValueError(f"array {name[:40]!r} has another size than its shape")
    return Place(DTYPES[kind], tuple(shape), start + offsets[0], start + offsets[1])


def _counts(value: Any) -> bool:
    """Is it a list of integers that are 0 or more and not too large?"""
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 63 for n in value)
