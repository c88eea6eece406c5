"""Valid files, ways to damage them, and the permitted results of reading them.

`judge` reads a damaged file: it returns a correct result or raises the documented exception, with
at most twice the file's size in memory (and a constant). Anything else is an AssertionError.
"""

import contextlib
import json
import tracemalloc
import warnings
from collections import Counter
from copy import deepcopy
from pathlib import Path

import numpy as np
from mlps import classifier, rows, small
from texts import prose

from nncore import (
    MLP,
    RNN,
    SGD,
    AdamW,
    CharRNN,
    CheckpointError,
    EarlyStopping,
    Population,
    Vocabulary,
    WarmUp,
)  # fmt: skip
from nncore.trainers.rgb.csv_file import read_colors

NUMBERS = (
    0,
    1,
    -1,
    2,
    3,
    255,
    2**15,
    2**31,
    2**32 - 1,
    2**53,
    2**63 - 1,
    2**64,
    10**30,
    10**4200,
    -(10**4200),
    1.5,
    1e308,
)
VALUES = (
    *NUMBERS,
    None,
    True,
    "",
    "x",
    "Adam",
    "\0\ud800",
    [],
    {},
    [1],
    [[]],
    {"name": "Constant"},
    {"name": "WarmUp", "then": {"name": "WarmUp", "then": {"name": "Constant"}}},
)
RAW = (b"", b"\0", b"\xff", b"\xff" * 8, b"\xef\xbb\xbf", b'"', b"{", b"[" * 2000, b"NaN", b"1e999",
       b"-", b",", b"\n", b"\r", b"9" * 400, "\U0001f600".encode(), b"\xed\xa0\x80")  # fmt: skip
SMALL_CONSTANT = 1 << 22  # bytes: tables of all code points, for a text of any size
MODELS = {"CharRNN": CharRNN, "MLP": MLP, "RNN": RNN, "Population": Population}
ALLOWED = {
    "CharRNN": CheckpointError,
    "MLP": CheckpointError,
    "RNN": CheckpointError,
    "Population": CheckpointError,
    "colours": ValueError,
    "text": ValueError,
}


# --- valid files --------------------------------------------------------------------------------


def originals(folder):
    """Contents of valid files by kind, several of each."""
    text, (x, y, labels) = prose(400), rows()
    characters = [
        CharRNN(6, 5, 2, rng=0),
        CharRNN(3, 4, 1, SGD(0.1), schedule=WarmUp(), dtype="float64", rng=1),
        CharRNN(2, 3, 1, AdamW(0.01), vocabulary="bytes", clip=5, rng=2),
        CharRNN(3, 4, 2, cell="lstm", layers=2, dropout=0.2, rng=4),
        CharRNN(2, 3, 1, SGD(0.1), cell="gru", dtype="float64", rng=5),
    ]
    for model in characters:
        model.fit(text, iterations=4, validation_fraction=0.1)
    characters.append(CharRNN(2, 3, 1, SGD(0.1), rng=3).build("ab"))
    stopped, plain = classifier(dropout=0.25, l2=0.1), small(layer_sizes=(4, 3), dtype="float64")
    stopped.fit(x, labels, epochs=3, validation_fraction=0.2, early_stopping=EarlyStopping(5))
    plain.fit(x, y, epochs=1, optimizer=SGD(0.1))
    recurrent = [RNN([4, 3, 2, 3], cell, dropout=0.2, rng=0) for cell in ("lstm", "gru")]
    recurrent.append(RNN([4, 3, 3], "tanh", returns="sequence", dtype="float64", rng=0))
    recurrent[0].fit(x[:, None], y, epochs=3, validation_fraction=0.2, batch_size=9)
    models = {"CharRNN": characters, "MLP": [stopped, plain, small()], "RNN": recurrent}
    models["Population"] = populations(x, y)
    return {kind: [_content(model, folder) for model in models[kind]] for kind in models} | {
        "colours": [b"r,g,b,dark\n0,0,0,0\n255,255,255,1\n", b'"1",2,3,light\r\n\r\n4,5,6,dark'],
        "text": [text.encode(), "añb漢字😀\r\n".encode() * 9],
    }


def train_some(nets, resume):
    """Train a population with rows of different numbers, until a callback stops it."""
    x, _, labels = rows()
    nets.fit(
        x,
        labels,
        rows=[range(20), range(9), range(20)],
        batch_size=7,
        validation_data=(x, labels),
        early_stopping=EarlyStopping(5),
        callbacks=[lambda event: event.epoch >= 4],
        resume=resume,
    )


def populations(x, y):
    """Populations: in the middle of a run, finished, and not trained."""
    broken_off = Population((4, 3, 3), "tanh", "softmax", "softmax_cross_entropy", rng=3)
    train_some(broken_off, resume=False)
    finished = Population((4, 3), dtype="float64", l2=[0.1, 0], rng=2)
    finished.fit(x, y, epochs=2, optimizer=SGD(0.1))
    return [broken_off, finished, Population((4, 2, 3), rng=1)]


def _content(model, folder):
    path = Path(folder) / "original"
    model.save(path)
    return path.read_bytes()


def header_of(content):
    """The header of a model file, nncore's part of it as an object, and the arrays."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"]["nncore"] = json.loads(header["__metadata__"]["nncore"])
    return header, content[end:]


def with_header(header, arrays):
    """A model file with this header and these arrays."""
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and "nncore" in metadata:
        header = header | {"__metadata__": metadata | {"nncore": json.dumps(metadata["nncore"])}}
    text = json.dumps(header).encode(errors="surrogatepass")
    return len(text).to_bytes(8, "little") + text + arrays


# --- damage -------------------------------------------------------------------------------------


def damaged(kind, contents, rng):
    """A damaged copy of one of these files."""
    content = contents[rng.integers(len(contents))]
    if kind in MODELS and rng.random() < 0.5:
        content = _other_header(content, rng)
        if rng.random() < 0.8:
            return content
    for _ in range(rng.integers(1, 4)):
        way = WAYS[rng.integers(len(WAYS))]
        content = way(bytearray(content), contents, rng)
    return bytes(content)


def _place(content, rng):
    """A random position in a file, half of the time at its beginning, where headers are."""
    end = min(len(content), 400) if rng.random() < 0.5 else len(content)
    return int(rng.integers(end + 1))


def _flip(content, others, rng):
    if content:
        content[_place(content[:-1], rng)] ^= 1 << int(rng.integers(8))
    return content


def _replace(content, others, rng):
    at, count = _place(content, rng), int(rng.integers(9))
    content[at : at + count] = rng.bytes(count)
    return content


def _insert(content, others, rng):
    at = _place(content, rng)
    content[at:at] = RAW[rng.integers(len(RAW))]
    return content


def _cut(content, others, rng):
    del content[_place(content, rng) :]
    return content


def _remove(content, others, rng):
    at = _place(content, rng)
    del content[at : at + int(rng.integers(1, 100))]
    return content


def _repeat(content, others, rng):
    at = _place(content, rng)
    content[at:at] = content[at : at + int(rng.integers(1, 100))]
    return content


def _splice(content, others, rng):
    other = others[rng.integers(len(others))]
    return content[: _place(content, rng)] + other[_place(other, rng) :]


WAYS = (_flip, _replace, _insert, _cut, _remove, _repeat, _splice)


def _other_header(content, rng):
    """One to three values of the header changed, removed or added: still a file of the format."""
    header, arrays = header_of(content)
    for _ in range(rng.integers(1, 4)):
        holders = list(_holders(header))
        holder = holders[rng.integers(len(holders))]
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = keys[rng.integers(len(keys))]
        value = deepcopy(VALUES[rng.integers(len(VALUES))])
        act = rng.integers(6)
        if act == 0:
            del holder[key]
        elif act == 1:
            holder[key] = deepcopy(holder[keys[rng.integers(len(keys))]])
        elif act == 2 and isinstance(holder[key], int | float):
            holder[key] += int(rng.integers(-2, 3))
        elif act == 3 and isinstance(holder, dict):
            holder[f"{key}x"] = value
        else:
            holder[key] = value
    return with_header(header, arrays)


def _holders(value):
    """All objects and lists in a value that are not empty; long lists of numbers seldom matter."""
    if isinstance(value, dict | list) and value:
        yield value
        for part in value.values() if isinstance(value, dict) else value[:20]:
            yield from _holders(part)


# --- judgement ----------------------------------------------------------------------------------


def read(kind, path):
    """Read a file as a program does."""
    if kind == "text":
        vocabulary = Vocabulary.of(path)
        ids = vocabulary.encode(path)
        assert vocabulary.decode(ids).encode() == path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    elif kind == "colours":
        data = read_colors(path)
        assert data.rgb.shape == (len(data.dark), 3)
    else:
        return MODELS[kind].load(path)
    return None


def use(model):
    """A loaded model can be used, and saved again."""
    with np.errstate(all="ignore"):
        if isinstance(model, CharRNN):
            assert len(model.sample(3)) == 3
        elif isinstance(model, Population):
            x = np.zeros((2, model.layer_sizes[0]), np.float32)
            assert model.predict(x).shape == (model.size, 2, model.layer_sizes[-1])
            assert model[0].predict(x).shape == (2, model.layer_sizes[-1])
            if model.size == 3 and model.layer_sizes[0] == 4 and model._run is not None:
                with contextlib.suppress(ValueError):  # a run that does not fit is refused
                    train_some(model, resume=True)
        elif isinstance(model, RNN):
            x = np.zeros((2, 1, model.layer_sizes[0]), np.float32)
            assert model.predict(x).shape[-1] == model.layer_sizes[-1]
        else:
            x = np.zeros((2, model.layer_sizes[0]), np.float32)
            assert model.predict(x).shape == (2, model.layer_sizes[-1])


def judge(kind, path, constant=SMALL_CONSTANT):
    """Read a file: "read" or "refused", and the most memory that took; all else raises."""
    size = path.stat().st_size
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = read(kind, path)
        outcome, message = "read", ""
    except ALLOWED[kind] as error:
        model, outcome, message = None, "refused", str(error)
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(message) < 500 + len(str(path)), f"a message of {len(message)} characters"
    assert most <= 2 * size + constant, f"{most} bytes of memory for a file of {size}"
    if model is not None:
        use(model)
    return outcome, most


def fuzz(kind, contents, count, seed, folder, keep=None):
    """Damage `count` files; how many were read, refused, and failed, and the most memory beyond
    twice the size of a file. Those that failed are kept in a folder, if one is given.
    """
    rng, path = np.random.default_rng(seed), Path(folder) / "damaged"
    outcomes, beyond = Counter(), 0
    for i in range(count):
        content = damaged(kind, contents, rng)
        path.write_bytes(content)
        try:
            outcome, most = judge(kind, path)
        except Exception as error:
            if keep is None:
                raise
            outcome, most = "failed", 0
            kept = Path(keep) / f"{kind}-{seed}-{i}"
            kept.write_bytes(content)
            print(f"{kept}: {type(error).__name__}: {error!s:.200}")
        outcomes[outcome] += 1
        beyond = max(beyond, most - 2 * len(content))
    return outcomes, beyond
