"""The folder of a sweep: its content, and the settings by which members are identified."""

import functools
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from types import MappingProxyType

import numpy as np
import pytest
from sweep_makers import SEEDS, Colour, Mode, Pair, Plain, X, bits, processes, troublesome, xor

import nncore
from nncore import CheckpointError


@pytest.mark.parametrize("executor", [lambda: None, lambda: ThreadPoolExecutor(2)])
def test_a_sweep_that_was_stopped_can_continue(executor, alone, tmp_path):
    first = nncore.sweep(xor, SEEDS, executor(), folder=tmp_path)
    for number, _ in enumerate(first, start=1):
        if number == 5:
            break
    assert len(first.members) == 5
    made = []

    def make(rng):
        made.append(rng)
        return xor(rng=rng)

    again = nncore.sweep(make, SEEDS, executor(), folder=tmp_path)
    assert len(again.members) == 5
    assert bits(again.run()) == alone
    assert sorted(made + [member.index for member in first.members]) == list(range(12))
    assert bits(nncore.sweep(make, SEEDS, folder=tmp_path)) == alone
    assert len(made) == 7


def test_an_interrupted_sweep_continues(alone):
    sweep = nncore.sweep(xor, SEEDS)
    for member in sweep:
        if member.index == 3:
            break
    assert len(sweep.members) == 4
    assert bits(sweep.run()) == alone


def test_failures_are_kept_but_lost_members_are_tried_again(tmp_path):
    settings = [{"rng": 0, "trouble": "diverges"}, {"rng": 1, "trouble": "dies"}, {"rng": 2}]
    with processes(1) as pool:
        sweep = nncore.sweep(troublesome, settings, pool, folder=tmp_path).run()
    again = nncore.sweep(troublesome, settings, folder=tmp_path)
    assert [member.index for member in again.members] == [0, 2]
    assert again.failures[0].error == sweep.failures[0].error
    assert again.failures[0].score == math.inf


def test_a_folder_of_another_sweep_is_refused(tmp_path):
    nncore.sweep(xor, SEEDS[:2], folder=tmp_path).run()
    with pytest.raises(ValueError, match=r"contains member 1 with the settings .*\"rng\": 1"):
        nncore.sweep(xor, [{"rng": 0}, {"rng": 5}], folder=tmp_path)


LONG = np.zeros(5000)
LAST = LONG.copy()
LAST[2500] = 1e-300
RING = [1]
RING.append(RING)
OBJECT = np.array([1, "a"], object)
DIFFERENT = {
    "numbers": [0, 1, 1.0, True, -0.0, 0.0, 1e-320, 10**5000, 10**5000 + 1, math.nan, math.inf],
    "numbers of NumPy": [np.float64(1), np.float32(1), np.int64(1), np.longdouble(1), 1.0],
    "dates": [np.datetime64("2000-01-01"), np.datetime64("2000-01-02"), np.datetime64("2000-01")],
    "text": ["a", "'a'", b"a", np.str_("a"), "\ud800", "x at 0x1", "x at 0x2"],
    "long arrays": [LONG, LAST, LONG.astype(np.float32), LONG.reshape(2, -1), LONG.tolist()],
    "arrays": [np.zeros(0), np.zeros((0, 2)), np.array(0.0), np.array("a"), OBJECT, OBJECT[::-1],
               np.zeros(1, "i4,i4"), np.zeros(1, "i8"), np.ma.array([1, 2], mask=[0, 1]),
               np.ma.array([1, 2], mask=[1, 0])],
    "sequences": [[], [[]], [1, [2]], [[1], 2], list(range(200_000)), list(range(1, 200_001))],
    "mappings": [{}, {"a": 1}, {"a": 2}, {1: 1}, {"1": 1}, {(1, 2): 3}, {"(1, 2)": 3}, {"!": 1},
                 {1: 2, "a": 3, None: 4}, {1: 2, "a": 3, None: 5}, {"!": "builtins.dict"},
                 MappingProxyType({"a": 1}), [["a", 1]]],
    "sets": [set(), {1, 2}, {1, 3}, frozenset({1, 2}), {(1, 2)}, {"a", "b"}, ["a", "b"]],
    "dataclasses": [Pair(1), Pair(2), Pair(1, LONG), Pair(1, LAST), nncore.Adam(0.1),
                    nncore.Adam(0.2), nncore.AdamW(0.1), {"one": 1, "other": None}],
    "names": [PurePosixPath("a"), PurePosixPath("b"), "a", Colour.RED, Colour.BLUE, Mode.FAST,
              Mode.FAST | Mode.SAFE, Mode(0), 1, xor, troublesome, Pair, Plain, int, float, len,
              math.sin, np.sin, np.cos, "xor"],
    "objects": [Plain(1), Plain(2), Plain(LONG), Plain(LAST), Plain(1).method, Plain(2).method,
                functools.partial(xor, 1), functools.partial(xor, 2), 1j, 2j, object(), range(3)],
}  # fmt: skip


def texts(tmp_path, values):
    """The description of settings in a folder."""
    settings = [{"value": value} for value in values]
    nncore.sweep(lambda value: None, settings, folder=tmp_path).run()
    return [json.loads(path.read_text())["settings"] for path in sorted(tmp_path.glob("*.json"))]


@pytest.mark.parametrize("values", DIFFERENT.values(), ids=DIFFERENT)
def test_a_folder_distinguishes_and_recognises_all_settings(values, tmp_path):
    found = texts(tmp_path, values)
    assert len(found) == len(set(found)) == len(values)
    again = nncore.sweep(lambda value: None, [{"value": v} for v in values], folder=tmp_path)
    assert len(again.members) == len(values)
    for other in range(1, len(values)):
        turned = [{"value": value} for value in values[other:] + values[:other]]
        with pytest.raises(ValueError, match="contains member 0 with the settings"):
            nncore.sweep(lambda value: None, turned, folder=tmp_path)


def test_equal_settings_are_recognised_however_they_were_made(tmp_path):
    name = "".join(["na", "me"])  # two objects of one value, and one object twice
    once, twice = Plain([name, "name"]), Plain(["name", "name"])
    mapping = {("a", 1): [1], 2: [2]}
    pairs = [
        (once, twice),
        (mapping, dict(reversed(mapping.items()))),
        ({8, 16, 0}, {16, 0, 8}),
        (np.asfortranarray(X), X[::-1][::-1]),
        ((1, (2, 3)), [1, [2, 3]]),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
    ]
    one, other = zip(*pairs, strict=True)
    assert texts(tmp_path / "one", one) == texts(tmp_path / "other", other)


def test_plain_settings_are_written_as_json(tmp_path):
    settings = {
        "rng": 1,
        "hidden": [2, 3],
        "rate": 0.1,
        "name": "ä",
        "more": {"b": None, "a": True},
    }
    nncore.sweep(lambda **_: None, [settings], folder=tmp_path).run()
    text = json.loads((tmp_path / "000000.json").read_text())["settings"]
    assert text == json.dumps(settings, sort_keys=True)


def test_other_processes_describe_settings_in_the_same_way(tmp_path):
    code = (
        "import sys, nncore; from sweep_makers import *\n"
        "values = [{'a', 'b', 'c', 'd'}, {('a', 1): 2, 'b': 3}, Plain(X), Colour.RED, xor]\n"
        "nncore.sweep(lambda value: None, [{'value': v} for v in values], folder=sys.argv[1]).run()"
    )
    found = []
    for seed in "123":
        folder = tmp_path / seed
        env = {**os.environ, "PYTHONHASHSEED": seed,
               "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # fmt: skip
        subprocess.run([sys.executable, "-c", code, folder], check=True, env=env)
        found.append(
            [json.loads(path.read_text())["settings"] for path in sorted(folder.iterdir())]
        )
    assert found[0] == found[1] == found[2]


def decorated(function):
    @functools.wraps(function)
    def call(**settings):
        return function(**settings)

    return call


def local():
    """Defined in a module, but what it makes is not."""

    def inner():
        pass

    class Inner:
        pass

    return [inner, Inner, Inner()]


CIRCULAR = Plain(None)
CIRCULAR.content = CIRCULAR
UNKNOWN = [lambda: None, *local(), decorated(xor), RING, CIRCULAR, math, [lambda: None],
           {"a": (lambda: None,)}, Pair(lambda: None), Plain(lambda: None),
           functools.partial(lambda: None), (each for each in "ab")]  # fmt: skip


@pytest.mark.parametrize("value", UNKNOWN)
def test_settings_that_cannot_be_recognised_are_refused_by_a_folder(value, tmp_path):
    made = []

    def make(rng, odd=None):
        made.append(rng)
        return xor(rng=rng)

    settings = [{"rng": 0}, {"rng": 1, "odd": value}]
    folder = tmp_path / "folder"
    with pytest.raises(TypeError, match=r"settings\[1\] cannot be identified .*: odd is "):
        nncore.sweep(make, settings, folder=folder)
    assert not made
    assert not folder.exists()
    assert not nncore.sweep(make, settings).run().failures


def test_settings_are_described_as_they_were_given(tmp_path):
    def make(sizes):
        sizes.append(1)
        return xor()

    nncore.sweep(make, [{"sizes": [3]}], folder=tmp_path).run()
    assert len(nncore.sweep(make, [{"sizes": [3]}], folder=tmp_path).members) == 1


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b" " * 2_000_000])
def test_a_damaged_record_is_named(damage, tmp_path):
    nncore.sweep(xor, SEEDS[:1], folder=tmp_path).run()
    (tmp_path / "000000.json").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"000000\.json"):
        nncore.sweep(xor, SEEDS[:1], folder=tmp_path)


def test_a_record_with_another_kind_or_a_damaged_network_is_refused(tmp_path):
    nncore.sweep(xor, SEEDS[:1], folder=tmp_path).run()
    record = tmp_path / "000000.json"
    fields = json.loads(record.read_text())
    record.write_text(json.dumps(fields | {"kind": "os.system"}))
    with pytest.raises(CheckpointError, match="not the record"):
        nncore.sweep(xor, SEEDS[:1], folder=tmp_path)
    record.write_text(json.dumps(fields))
    (tmp_path / "000000.safetensors").write_bytes(b"no network")
    with pytest.raises(CheckpointError, match=r"000000\.safetensors"):
        nncore.sweep(xor, SEEDS[:1], folder=tmp_path)


def test_a_member_whose_network_file_is_missing_is_trained_again(tmp_path, alone):
    nncore.sweep(xor, SEEDS[:2], folder=tmp_path).run()
    (tmp_path / "000001.safetensors").unlink()
    sweep = nncore.sweep(xor, SEEDS[:2], folder=tmp_path)
    assert [member.index for member in sweep.members] == [0]
    assert bits(sweep.run()) == alone[:2]
