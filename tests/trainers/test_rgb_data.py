"""Colours and their fonts: tables, arrays, splits, single colours, and what cannot be read."""

import os
import re
from itertools import count

import numpy as np
import pytest
from colors import random_colors
from hypothesis import given
from hypothesis import strategies as st

from nncore.trainers.rgb.css_colors import CSS_COLORS
from nncore.trainers.rgb.csv_file import read_colors
from nncore.trainers.rgb.data import (
    NAMED_COLORS,
    RGBData,
    brightness,
    default_colors,
    hex_name,
    parse_color,
    wants_dark,
)
from nncore.trainers.rgb.given import colors_from
from nncore.trainers.rgb.train import train_rgb

ROWS = "0,0,0,0\n255,255,255,1\n10,10,10,0\n250,250,250,1\n"


def refusal(read, source):
    """The message of the error that reading raises."""
    try:
        read(source)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64])
def test_a_colour_is_as_bright_alone_as_among_others(dtype):
    rgb = np.random.default_rng(0).integers(0, 256, (200, 3)).astype(dtype)
    alone = np.array([brightness(color) for color in rgb])
    assert alone.dtype == np.float64
    assert alone.tobytes() == brightness(rgb).tobytes()
    assert alone.tobytes() == brightness(rgb.reshape(4, 50, 3)).tobytes()


def test_the_embedded_colours_follow_the_brightness_rule():
    data = default_colors()
    assert len(data) == data.distinct == 1000
    expected = [0.299 * r + 0.587 * g + 0.114 * b > 127 for r, g, b in data.rgb.tolist()]
    assert data.dark.tolist() == expected


# --- tables and arrays ----------------------------------------------------------------------------


def table(folder, content):
    path = folder / "colors.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        "RED,GREEN,BLUE,LIGHT_OR_DARK_FONT_IND\n" + ROWS,
        "red,green,blue,dark\n" + ROWS,
        "R1,G2,B3,dark\n" + ROWS,
        "\ufeff" + ROWS,
        "\ufeffrouge,verte,blé,police\n" + ROWS,
        ROWS.replace("\n", "\r\n"),
        ROWS.replace("\n", "\n\n \n,,,\n"),
        ROWS.rstrip(),
        ROWS.replace(",", " , "),
        ROWS.replace(",0\n", ",light\n").replace(",1\n", ", DARK\n"),
        ROWS.replace(",0\n", ",0.0\n").replace("10,", "010.0,"),
        '"0","0","0","0"\n' + ROWS.partition("\n")[2],
    ],
    ids=count(),
)
def test_tables_are_read_however_they_are_written(content, tmp_path):
    for path in (table(tmp_path, content), str(table(tmp_path, content))):
        data = colors_from(path)
        assert data.rgb.tolist() == [[0] * 3, [255] * 3, [10] * 3, [250] * 3]
        assert data.dark.tolist() == [False, True, False, True]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_gives_the_encoding_of_a_table(encoding, tmp_path):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    text = f"{mark}rouge,verte,bleue,été\r\n" + "255,255,255,1\r\n0,0,0,0\r\n" * 20_000
    data = read_colors(table(tmp_path, text.encode(encoding)))
    assert (len(data), data.distinct) == (40_000, 2)
    assert data.dark[:3].tolist() == [True, False, True]


def test_a_table_in_invalid_utf16_is_refused(tmp_path):
    path = table(tmp_path, ROWS.encode("utf-16-le").join([b"\xff\xfe", b"\0"]))
    message = re.escape(f"{path} is not valid UTF-16: byte 0x00 at offset ")
    with pytest.raises(ValueError, match=message):
        read_colors(path)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
def test_a_table_that_cannot_be_read_is_named():
    with pytest.raises(OSError, match="Input/output error") as error:
        read_colors("/proc/self/mem")
    assert error.value.filename == "/proc/self/mem"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", " has no rows of colours"),
        ("r,g,b,label\n\n", " has no rows of colours"),
        (ROWS + "1,2,3\n", ", line 5 has 3 column(s), expected 4: red, green, blue, label"),
        (ROWS + "\n1,2,3,4,5\n", ", line 6 has 5 column(s), expected 4"),
        ("r,g,b\n" + ROWS, ", line 1 has 3 column(s)"),
        (ROWS.replace(",", ";"), ", line 1 has 1 column(s)"),
        (ROWS + "1,x,3,0\n", ", line 5: green is 'x', expected an integer from 0 to 255"),
        (ROWS + "r,g,b,label\n", ", line 5: red is 'r', expected"),
        ("1O,2,3,0\n" + ROWS, ", line 1: red is '1O', expected"),
        ("x,y,z,0\n" + ROWS, ", line 1: red is 'x', expected"),
        (ROWS + "1,2,256,0\n", ", line 5: blue is '256', expected"),
        (ROWS + "-1,2,3,0\n", ", line 5: red is '-1', expected"),
        (ROWS + "1,2.5,3,0\n", ", line 5: green is '2.5', expected"),
        (ROWS + "1,1_0,3,0\n", ", line 5: green is '1_0', expected"),
        (ROWS + "1,nan,3,0\n", ", line 5: green is 'nan', expected"),
        (ROWS + "1,,3,0\n", ", line 5: green is '', expected"),
        (ROWS + f"{'9' * 400},2,3,0\n", f", line 5: red is '{'9' * 40}...', expected"),
        (ROWS + "1,2,3,2\n", ", line 5: label is '2', expected 1 or dark for a dark font, 0 or"),
        (ROWS + "1,2,3,grey\n", ", line 5: label is 'grey', expected"),
        (ROWS + "1,2,3,\n", ", line 5: label is '', expected"),
        (ROWS.encode() + b"1,2,3,d\xe4rk\n", ", line 5 is not valid UTF-8: byte 0xe4"),
        (b"\xef\xbb\xbf\n\n1,\xff,2\n", ", line 3 is not valid UTF-8: byte 0xff"),
        (ROWS + '1,2,"3,0\n', ", line 5: unexpected end of data"),
        (ROWS + f"1,2,{'3' * 200_000},0\n", ", line 5: field larger than field limit"),
    ],
    ids=count(),
)
def test_errors_for_wrong_tables_name_file_and_line(content, message, tmp_path):
    path = table(tmp_path, content)
    with pytest.raises(ValueError, match=re.escape(f"{path}{message}")):
        train_rgb(path)


@given(st.binary(max_size=60) | st.text('0125,".\n\r x', max_size=60).map(str.encode))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = table(tmp_path_factory.getbasetemp(), content)
    assert str(path) in (refusal(read_colors, path) or str(path))


def test_a_missing_table_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv"):
        train_rgb(tmp_path / "nothing.csv")
    with pytest.raises(IsADirectoryError):
        train_rgb(tmp_path)


@pytest.mark.parametrize("kind", [int, bool, float, str, "words"])
def test_arrays_are_taken(kind):
    rgb = random_colors(100)
    dark = wants_dark(rgb)
    labels = np.where(dark, "dark", "light") if kind == "words" else dark.astype(int).astype(kind)
    data = colors_from((rgb.tolist(), labels))
    np.testing.assert_array_equal(data.rgb, rgb)
    np.testing.assert_array_equal(data.dark, dark)
    assert len(train_rgb((rgb, labels), epochs=1).test) == 33


def test_contradictions_are_counted():
    rgb = [(1, 2, 3), (1, 2, 3), (1, 2, 3), (0, 0, 0), (9, 9, 9), (9, 9, 9), (255, 255, 255)]
    data = colors_from((rgb, [0, 1, 1, 0, 1, 0, 1]))
    assert (data.contradictions, data.distinct) == (2, 4)
    assert "7 rows, 4 colours, 4 rows have a dark font and 3 a light one" in repr(data)
    assert train_rgb(data, epochs=1).net.history.epochs == 1


def test_rows_of_a_colour_stay_together_in_a_split_by_colour():
    rgb = random_colors(60).repeat(5, axis=0)
    result = train_rgb((rgb, wants_dark(rgb)), epochs=1)
    assert (result.train.distinct, result.test.distinct) == (40, 20)
    assert (len(result.train), len(result.test)) == (200, 100)


# --- single colours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("255,140,0", " 255 , 140 ,0 ", "#ff8c00", "FF8C00", "255.0,140,00"),
        *("darkorange", " DarkOrange\n", "DARKORANGE"),
    ],
)
def test_colours_are_read(text):
    assert parse_color(text) == (255, 140, 0)


def test_hexadecimal_colours_of_three_digits_double_each():
    assert parse_color("#f80") == parse_color("#FF8800") == (255, 136, 0)


def test_the_names_are_those_of_css():
    known = pytest.importorskip("matplotlib.colors", reason="knows the names of CSS").CSS4_COLORS
    assert len(CSS_COLORS) == 148
    assert {name: hex_name(parse_color(name)) for name in CSS_COLORS} == {
        name: code.lower() for name, code in known.items()
    }
    assert {name: parse_color(name) for name in NAMED_COLORS} == NAMED_COLORS


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_hexadecimal_names_lead_back_to_their_colours(color):
    assert parse_color(hex_name(color)) == parse_color(",".join(map(str, color))) == color


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a colour such as 255,140,0, #ff8c00 or orange, got ''"),
        ("rouge", "got 'rouge'"),
        ("light green", "got 'light green'"),
        ("f80", "got 'f80'"),
        ("1,2", "got '1,2'"),
        ("#ff8c0", "got '#ff8c0'"),
        ("1,2,300", "blue of '1,2,300' is '300', expected an integer from 0 to 255"),
        ("1,,3", "green of '1,,3' is '', expected"),
        ("x" * 100, "got '" + "x" * 40 + "...'"),
    ],
)
def test_invalid_colours_are_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_color(text)


@given(st.text(max_size=20))
def test_any_text_is_a_colour_or_refused(text):
    assert "expected" in (refusal(parse_color, text) or "expected")


def test_rgb_data_is_used_as_given():
    rgb = random_colors(100).astype(np.uint8)
    data = RGBData(rgb, wants_dark(rgb))
    assert colors_from(data) is data


@pytest.mark.parametrize(
    ("rgb", "dark", "message"),
    [
        (np.zeros((2, 3)), np.zeros(2, bool), "rgb must be uint8 (N, 3), got float64 (2, 3)"),
        (np.zeros((2, 4), np.uint8), np.zeros(2, bool), "rgb must be uint8 (N, 3), got uint8 (2"),
        (np.zeros((2, 3), np.uint8), np.zeros(3, bool), "dark must be bool (2,), got bool (3,)"),
        (np.zeros((2, 3), np.uint8), np.zeros(2), "dark must be bool (2,), got float64 (2,)"),
    ],
)
def test_data_of_other_types_is_refused(rgb, dark, message):
    with pytest.raises(ValueError, match=re.escape(f"RGBData: {message}")):
        RGBData(rgb, dark)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["pipe", "/dev/null", "/dev/zero", "a\0b", "."])
def test_pipes_devices_and_folders_are_refused_as_tables(name, tmp_path):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    with pytest.raises(OSError) as error:  # noqa: PT011  # the texts differ
        read_colors(tmp_path / name)
    assert error.value.filename == str(tmp_path / name)
