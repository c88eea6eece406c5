"""Descriptions of the settings of a sweep's members, by which its folder identifies them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import reprlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from types import FunctionType, MappingProxyType
from typing import Any

import numpy as np

Settings = Mapping[str, Any]
MOST_TEXT = 1 << 18  # characters of one member's settings; longer ones are hashed
MOST_BITS = 4096  # of an integer; Python refuses to write much longer ones in decimal
TAG = "!"  # the key of the name of a type that JSON does not know


def described(all_settings: list[Settings]) -> list[str]:
    """Return settings as texts, equal in every process, and different for different settings."""
    known: dict[int, str] = {}  # many members are given the same large array
    return [_text(i, settings, known) for i, settings in enumerate(all_settings)]


def _text(index: int, settings: Settings, known: dict[int, str]) -> str:
    """Return one member's settings as JSON, or its hash if it is long."""
    for name, value in settings.items():
        try:
            if id(value) not in known:
                known[id(value)] = json.dumps(_plain(value), sort_keys=True)
        except Exception as error:  # pickling can call any code
            why = "it is circular" if isinstance(error, RecursionError) else str(error)
            raise TypeError(
                f"settings[{index}] cannot be identified in the records of the folder: {name} is "
                f"{reprlib.repr(value)}, and {why}"
            ) from error
    items = (f"{json.dumps(name)}: {known[id(settings[name])]}" for name in sorted(settings))
    text = "{" + ", ".join(items) + "}"
    return text if len(text) <= MOST_TEXT else f"SHA-256 {_sha256(text.encode())}"


def _plain(value: Any) -> Any:
    """Return a value as JSON, in which tuples and lists are equal; other types by `_tagged`."""
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int and value.bit_length() < MOST_BITS:
        return value
    if kind in (list, tuple):
        return [_plain(each) for each in value]
    if kind is dict and all(type(key) is str for key in value) and TAG not in value:
        return {key: _plain(each) for key, each in value.items()}
    return {TAG: f"{kind.__module__}.{kind.__qualname__}", **_tagged(value, kind)}


def _tagged(value: Any, kind: type) -> dict[str, Any]:
    """Return a description that distinguishes a value from others of its type."""
    if kind in (dict, MappingProxyType):
        return {"items": _sorted([_plain(key), _plain(each)] for key, each in value.items())}
    if kind in (set, frozenset):
        return {"items": _sorted(map(_plain, value))}
    if isinstance(value, PurePath):
        return {TAG: "path", "path": str(value)}  # its module depends on the version of Python
    if isinstance(value, Enum):
        return {"name": value.name or _plain(value.value)}
    if isinstance(value, type | FunctionType):
        return {"name": _name(value)}
    return _contents(value, kind)


def _contents(value: Any, kind: type) -> dict[str, Any]:
    """Return this description for arrays, scalars, dataclasses and any other objects."""
    if kind is np.ndarray and not value.dtype.hasobject:
        return {**_dtype(value), "shape": value.shape, "sha256": _sha256(value.tobytes())}
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        plain = value.item()
        exact = plain if type(plain) in (bool, int, float, str) else value.tobytes().hex()
        return {**_dtype(value), "value": exact}
    if is_dataclass(value):
        names = [each.name for each in fields(value)]
        if set(getattr(value, "__dict__", ())) <= set(names):
            return {"fields": {name: _plain(getattr(value, name)) for name in names}}
    return {"sha256 of its pickle": _sha256_of_pickle(value)}


def _sorted(items: Iterable[Any]) -> list[Any]:
    """Return items in the order of their JSON."""
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def _dtype(value: Any) -> dict[str, Any]:
    """Return the dtype of an array or scalar, with field names if there are any."""
    dtype = value.dtype
    return {"dtype": dtype.str if dtype.names is None else repr(dtype)}


def _name(value: Any) -> str:
    """Return the name by which a function or class can be imported; TypeError if it cannot."""
    found: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not value:
        raise TypeError("it is not a function or class that can be imported by its name")
    return f"{value.__module__}.{value.__qualname__}"


def _sha256(data: bytes) -> str:
    """Return the SHA-256 hash in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _sha256_of_pickle(value: Any) -> str:
    """Return the hash of an object's pickle, which is never loaded.

    The pickle has no memo, which would distinguish one object used twice from two equal ones;
    circular objects therefore raise ValueError.
    """
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=4)
    pickler.fast = True
    pickler.dump(value)
    return _sha256(file.getvalue())
