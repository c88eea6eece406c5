"""Damaged files are read correctly or raise the documented exception, within bounds of memory."""

import json

import numpy as np
import pytest
from hostile_files import ALLOWED, MODELS, fuzz, header_of, judge, originals, with_header

from nncore import MLP, SGD, CharRNN, CheckpointError, Vocabulary
from nncore.files.model_file import CONSTANT
from nncore.files.safetensors import HEADER_LIMIT
from nncore.trainers.rgb.csv_file import LONGEST_ROW, read_colors

EVERY_MODEL = pytest.mark.parametrize("kind", MODELS)


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    return originals(tmp_path_factory.mktemp("originals"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.mark.parametrize("kind", ALLOWED)
def test_the_originals_are_read(kind, contents, path):
    for content in contents[kind]:
        path.write_bytes(content)
        assert judge(kind, path)[0] == "read"


@pytest.mark.parametrize("kind", ALLOWED)
def test_damaged_files_are_read_or_refused(kind, contents, tmp_path):
    outcomes, _ = fuzz(kind, contents[kind], 500, 1, tmp_path)
    assert outcomes["read"] > 5
    assert outcomes["refused"] > 100


@EVERY_MODEL
def test_a_file_that_ends_at_any_byte_is_refused(kind, contents, path):
    content = min(contents[kind], key=len)
    with path.open("wb") as file:
        file.write(content)
        for length in reversed(range(len(content))):
            file.truncate(length)
            assert judge(kind, path)[0] == "refused"


@EVERY_MODEL
def test_a_flip_of_any_header_byte_is_refused_or_another_model(kind, contents, path):
    content = min(contents[kind], key=len)
    for at in range(len(content) - len(header_of(content)[1])):
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        outcome, _ = judge(kind, path)
        assert at >= 8 or outcome == "refused"  # at least the length of the header


# --- memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: MLP([700, 700, 600], rng=0),
        lambda: CharRNN(900, 5, 1, SGD(0.1), weight_init="small", rng=0).build("abc"),
        lambda: CharRNN(900, 5, 1, weight_init="small", rng=0).build("abc"),
    ],
    ids=["MLP", "CharRNN", "CharRNN with Adam"],
)
def test_a_large_file_takes_twice_its_size(make, path):
    model = make()
    model.save(path)
    assert path.stat().st_size > 3e6
    assert judge(type(model).__name__, path, constant=2_000_000)[0] == "read"


def test_the_largest_vocabulary_fits(path):
    vocabulary = Vocabulary("".join(map(chr, range(0x110000 - (1 << 16), 0x110000))))
    CharRNN(1, 5, 1, vocabulary=vocabulary, dtype="float64", rng=0).save(path)
    assert judge("CharRNN", path, CONSTANT)[0] == "read"


@pytest.mark.parametrize("unit", ["[]", "{}", "1000", "1.5", "[[[[[[", '{"a":'])
def test_the_longest_header_takes_no_more_memory_than_the_constant(unit, path):
    parts = ",".join([unit] * ((HEADER_LIMIT - 200) // (len(unit) + 1)))
    metadata = {"nncore": json.dumps({"kind": "MLP", "version": 1})}
    text = f'{{"__metadata__": {json.dumps(metadata)}, "a": [{parts}]}}'.encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    assert judge("MLP", path, CONSTANT)[0] == "refused"


def test_a_longer_header_is_not_read(path, contents):
    header, arrays = header_of(contents["MLP"][0])
    header["__metadata__"]["long"] = "x" * HEADER_LIMIT
    path.write_bytes(with_header(header, arrays))
    with pytest.raises(CheckpointError, match=f"bytes, expected at most {HEADER_LIMIT}"):
        MLP.load(path)


def test_a_text_of_all_characters_takes_no_memory_for_each(path):
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    path.write_bytes("".join(map(chr, codes)).encode())
    assert judge("text", path)[0] == "refused"
    with pytest.raises(
        ValueError, match="text has 1112064 different characters, expected at most 65536"
    ):
        CharRNN(4, rng=0).fit(path)


@pytest.mark.parametrize(
    "content",
    [
        b'"\na",' * 200_000,
        b"a," * 500_000,
        "\U0001f600".encode() + b"a" * 10**6,
        b"1,2,3,4" * 10**5,
    ],
    ids=["fields of two lines", "fields", "wide characters", "one line"],
)
def test_a_table_without_an_end_of_a_row_is_refused_early(content, path):
    path.write_bytes(content)
    assert judge("colours", path)[0] == "refused"
    with pytest.raises(ValueError, match=r"line \d+: (the row is longer than|field larger)"):
        read_colors(path)


@pytest.mark.parametrize("length", [LONGEST_ROW, 2 * LONGEST_ROW + 1])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_long_tables_of_short_rows_are_read_in_pieces(length, end, path):
    rows = [f"{i % 256},{i // 256 % 256},7,{i % 2}" for i in range(length // 8)]
    path.write_text("\ufeff" + end.join(rows), encoding="utf-8", newline="")
    data = read_colors(path)
    assert len(data) == len(rows)
    assert data.rgb[-1].tolist() == [int(part) for part in rows[-1].split(",")[:3]]
    assert data.dark.sum() == len(rows) // 2


# --- numbers ------------------------------------------------------------------------------------


@EVERY_MODEL
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_weights_are_neither_saved_nor_loaded(kind, value, contents, path):
    path.write_bytes(contents[kind][0])
    model = MODELS[kind].load(path)
    name = next(iter(model.parameters))
    model.parameters[name][1, 1] = value
    with pytest.raises(ValueError, match=f"parameters.{name} contains NaN or infinity: the model"):
        model.save(path)
    assert path.read_bytes() == contents[kind][0]
    header, arrays = header_of(contents[kind][0])
    at = header[f"parameters.{name}"]["data_offsets"][0]
    arrays = arrays[:at] + np.array(value, "<f4").tobytes() + arrays[at + 4 :]
    path.write_bytes(with_header(header, arrays))
    with pytest.raises(
        CheckpointError, match=f"array 'parameters.{name}' contains NaN or infinity"
    ):
        type(model).load(path)


@EVERY_MODEL
def test_an_optimizers_state_may_be_infinite_but_not_nan(kind, contents, path):
    header, arrays = header_of(contents[kind][0])
    at = min(v["data_offsets"][0] for name, v in header.items() if name.startswith("optimizer.1"))
    for value, outcome in ((np.inf, "read"), (np.nan, "refused")):
        changed = arrays[:at] + np.array(value, "<f4").tobytes() + arrays[at + 4 :]
        path.write_bytes(with_header(header, changed))
        assert judge(kind, path)[0] == outcome


@pytest.mark.parametrize("depth", [17, 150])
def test_a_file_with_endlessly_nested_warm_ups_is_refused(depth, contents, path):
    header, arrays = header_of(contents["CharRNN"][0])
    schedule = {"name": "Constant"}
    for _ in range(depth):
        schedule = {"name": "WarmUp", "share": 0.1, "then": schedule}
    header["__metadata__"]["nncore"]["settings"]["schedule"] = schedule
    path.write_bytes(with_header(header, arrays))
    with pytest.raises(CheckpointError, match="at most 16 can be nested"):
        CharRNN.load(path)


# --- messages -----------------------------------------------------------------------------------


def test_text_of_a_file_in_an_error_is_short_and_escaped(contents, path):
    header, arrays = header_of(contents["MLP"][0])
    for kind in ("\x1b[2J\x07", "x" * 10**5, "\ud800"):
        header["__metadata__"]["nncore"]["kind"] = kind
        path.write_bytes(with_header(header, arrays))
        with pytest.raises(CheckpointError) as error:
            MLP.load(path)
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 200 + len(str(path))


@EVERY_MODEL
@pytest.mark.parametrize("value", [10**4200, -(10**4200)], ids=["huge", "minus huge"])
def test_numbers_of_thousands_of_digits_are_shortened_in_errors(kind, value, contents, path):
    for field in ("version", "kind", "settings"):
        header, arrays = header_of(contents[kind][0])
        header["__metadata__"]["nncore"][field] = value
        path.write_bytes(with_header(header, arrays))
        with pytest.raises(CheckpointError) as error:
            MODELS[kind].load(path)
        assert len(str(error.value)) < 200 + len(str(path))
