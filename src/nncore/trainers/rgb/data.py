"""Background colours and the font that is readable on them: data sets, splits and conversions.

A colour is three integers from 0 to 255: red, green, blue. Label 1 means a dark font and label 0 a
light one, as in the table and the code of the tutorial (whose text says that 1 is light). Printed
output has "dark" and "light" instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.checks import number, one_of
from nncore.trainers.rgb.css_colors import CSS_COLORS
from nncore.training.epochs.checks import numeric

FONTS = ("light", "dark")  # by label
CHANNELS = ("red", "green", "blue")
BRIGHTNESS_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green, blue
MIDDLE = 127.0  # brighter colours have a dark font
GRID_LEVELS = 10  # of each channel in the embedded colours

# The colours that the tutorial tests its network with.
NAMED_COLORS: dict[str, tuple[int, int, int]] = {
    "aliceblue": (240, 248, 255),
    "antiquewhite": (250, 235, 215),
    "aqua": (0, 255, 255),
    "aquamarine": (127, 255, 212),
    "black": (0, 0, 0),
    "brown": (165, 42, 42),
    "chocolate": (210, 105, 30),
    "cadetblue": (95, 158, 160),
    "crimson": (220, 20, 60),
    "darkcyan": (0, 139, 139),
    "darkgoldenrod": (184, 134, 11),
}


@dataclass(frozen=True, eq=False)
class RGBData:
    """Colours and the font that is readable on each.

    Attributes
    ----------
    rgb : ndarray of uint8 (N, 3)
        Red, green and blue.
    dark : ndarray of bool (N,)
        Whether the font on each colour is dark.
    source : str
        Name of the data in errors.
    """

    rgb: NDArray[np.uint8]
    dark: NDArray[np.bool_]
    source: str = "colors"

    def __post_init__(self) -> None:
        for name, array in (("rgb", self.rgb), ("dark", self.dark)):
            if not isinstance(array, np.ndarray) or not array.ndim:
                raise TypeError(f"RGBData: {name} must be an array, got {type(array).__name__}")
        for name, array, shape, dtype, expected in (
            ("rgb", self.rgb, (*self.rgb.shape[:1], 3), np.uint8, "uint8 (N, 3)"),
            ("dark", self.dark, self.rgb.shape[:1], np.bool_, f"bool {self.rgb.shape[:1]}"),
        ):
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"RGBData: {name} must be {expected}, got {array.dtype} {array.shape}; "
                    f"train_rgb takes other arrays as a pair (rgb, labels)"
                )

    def __len__(self) -> int:
        return len(self.rgb)

    def __repr__(self) -> str:
        dark = int(self.dark.sum())
        return (
            f"<RGBData: {len(self)} rows, {self.distinct} colours, {dark} rows have a dark font "
            f"and {len(self) - dark} a light one>"
        )

    @property
    def distinct(self) -> int:
        """Number of different colours."""
        return len(np.unique(self._codes))

    @property
    def contradictions(self) -> int:
        """Number of colours that have both labels, in different rows."""
        return len(np.intersect1d(self._codes[self.dark], self._codes[~self.dark]))

    def shared(self, other: RGBData) -> int:
        """Return the number of different colours that are also in the other data.

        Parameters
        ----------
        other : RGBData
            The other data.

        Returns
        -------
        int
        """
        return len(np.intersect1d(self._codes, other._codes))

    @property
    def _codes(self) -> NDArray[np.int64]:
        """The colour of each row as an integer 0xRRGGBB (N,)."""
        return np.asarray(self.rgb.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]))

    def take(self, rows: Any) -> RGBData:
        """Return some of the rows.

        Parameters
        ----------
        rows : slice, or array of int or of bool (N,)
            Indices of the rows, or a mask.

        Returns
        -------
        RGBData
        """
        return RGBData(self.rgb[rows], self.dark[rows], self.source)

    def split(
        self, by: str, test_fraction: float, rng: np.random.Generator
    ) -> tuple[RGBData, RGBData]:
        """
        Split at random into training and test rows.

        Parameters
        ----------
        by : {"color", "rows"}
            "color" holds out a fraction of the different colours, with all their rows; "rows" holds
            out a fraction of the rows, regardless of their colours.
        test_fraction : float
            Fraction to hold out for the test, above 0 and below 1.
        rng : numpy.random.Generator
            Source of the random numbers.

        Returns
        -------
        train, test : RGBData

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid, or one of the parts would be empty.
        """
        one_of("split", by, ("color", "rows"))
        fraction = number("test_fraction", test_fraction)
        if not 0 < fraction < 1:
            raise ValueError(f"test_fraction must be above 0 and below 1, got {test_fraction}")
        codes = self._codes if by == "color" else np.arange(len(self))
        units, unit_of = np.unique(codes, return_inverse=True)
        tested = round(len(units) * fraction)
        what = "colours" if by == "color" else "rows"
        if not 0 < tested < len(units):
            raise ValueError(
                f"test_fraction of {fraction:g} holds out {tested} of {len(units)} {what} for the "
                f"test, expected at least 1, and at least 1 to train on"
            )
        test = np.zeros(len(units), bool)
        test[rng.permutation(len(units))[:tested]] = True
        in_test = test[unit_of.reshape(-1)]
        return self.take(~in_test), self.take(in_test)


def brightness(rgb: ArrayLike) -> NDArray[np.float64]:
    """Return the brightness 0.299 R + 0.587 G + 0.114 B.

    Parameters
    ----------
    rgb : array-like of shape (..., 3)
        Red, green and blue from 0 to 255.

    Returns
    -------
    ndarray of float64 (...)
        From 0 to 255.

    References
    ----------
    W3C 2000, Techniques for Accessibility Evaluation and Repair Tools, 2.2.
    """
    red, green, blue = np.moveaxis(np.asarray(rgb), -1, 0)
    r, g, b = np.array(BRIGHTNESS_WEIGHTS)  # in float64 for colours of any type
    return np.asarray(red * r + green * g + blue * b)  # bits of a product depend on the BLAS


def wants_dark(rgb: ArrayLike) -> NDArray[np.bool_]:
    """Return whether a dark font is readable on each colour: whether it is brighter than 127.

    Parameters
    ----------
    rgb : array-like of shape (..., 3)
        Red, green and blue from 0 to 255.

    Returns
    -------
    ndarray of bool (...)
    """
    return np.asarray(brightness(rgb) > MIDDLE)


def default_colors() -> RGBData:
    """Return the embedded colours: a regular grid of 1000, labelled by their brightness."""
    levels = np.linspace(0, 255, GRID_LEVELS).round().astype(np.uint8)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    return RGBData(rgb, wants_dark(rgb), "the embedded colours")


# --- arrays ---------------------------------------------------------------------------------------


def color_array(name: str, value: Any) -> NDArray[np.uint8]:
    """Return colours (N, 3) as uint8; ValueError for other shapes and values out of range."""
    array = numeric(name, value)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"{name} has shape {array.shape}, expected (N, 3): red, green, blue")
    with np.errstate(invalid="ignore"):
        bad = ~((array >= 0) & (array <= 255) & (array == np.floor(array)))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{name}: {CHANNELS[column]} of row {row} is {array[row, column]}, expected an "
            f"integer from 0 to 255"
        )
    return array.astype(np.uint8)


def font_labels(name: str, value: Any, rows: int) -> NDArray[np.bool_]:
    """Return labels (N,) or (N, 1) as booleans, True for a dark font."""
    labels = np.asarray(value)
    if labels.shape not in ((rows,), (rows, 1)):
        raise ValueError(
            f"{name} has shape {labels.shape}, expected ({rows},), as rgb has {rows} rows"
        )
    return np.array([label_of(f"{name}: row {i}", x) for i, x in enumerate(labels.flat)], bool)


def label_of(name: str, value: Any) -> bool:
    """Return True for the label of a dark font, 1 or "dark", and False for 0 or "light"."""
    text = str(value).strip().lower()
    known = {"dark": True, "light": False, "true": True, "false": False}
    if text in known:
        return known[text]
    if re.fullmatch(r"0*[01](\.0*)?", text, re.ASCII):
        return float(text) == 1
    raise ValueError(
        f"{name} is {text[:40]!r}, expected 1 or dark for a dark font, 0 or light for a light one"
    )


# --- single colours -------------------------------------------------------------------------------


def channel(name: str, value: Any) -> int:
    """Return an integer from 0 to 255, also from a float; errors for other values."""
    at = number(name, value, "an integer from 0 to 255")
    if not 0 <= at <= 255 or at != int(at):
        raise ValueError(f"{name} must be an integer from 0 to 255, got {value}")
    return int(at)


def parse_color(text: str) -> tuple[int, int, int]:
    """Parse a colour.

    Parameters
    ----------
    text : str
        The colour: "255,140,0", "#ff8c00", "ff8c00", "#f80", or a CSS name such as "orange", in
        upper or lower case.

    Returns
    -------
    tuple of int
        Red, green and blue.

    Raises
    ------
    ValueError
        If the text is not a colour.

    Examples
    --------
    >>> from nncore.trainers.rgb.data import parse_color
    >>> parse_color("#ff8c00")
    (255, 140, 0)
    """
    if (code := _code(text.strip())) is not None:
        return code >> 16, code >> 8 & 255, code & 255
    shown = repr(text if len(text) <= 40 else f"{text[:40]}...")
    parts = text.split(",")
    if len(parts) != 3:
        raise ValueError(f"expected a colour such as 255,140,0, #ff8c00 or orange, got {shown}")
    red, green, blue = (
        whole_byte(f"{name} of {shown}", part) for name, part in zip(CHANNELS, parts, strict=True)
    )
    return red, green, blue


def _code(text: str) -> int | None:
    """Return 0xRRGGBB for a CSS name, six hexadecimal digits, or # and three; otherwise None."""
    if found := re.fullmatch(r"#?([0-9a-fA-F]{6})", text):
        return int(found[1], 16)
    if found := re.fullmatch(r"#([0-9a-fA-F]{3})", text):
        return int("".join(2 * digit for digit in found[1]), 16)
    return CSS_COLORS.get(text.lower())


def whole_byte(name: str, text: str) -> int:
    """Return a channel from text: 7, 007 or 7.0."""
    text = text.strip()
    if is_number(text):
        value = float(text)
        if 0 <= value <= 255 and value == int(value):
            return int(value)
    shown = text if len(text) <= 40 else f"{text[:40]}..."
    raise ValueError(f"{name} is {shown!r}, expected an integer from 0 to 255")


def is_number(text: str) -> bool:
    """Whether a text is a decimal number without an exponent."""
    return re.fullmatch(r"\s*[+-]?[0-9]+(\.[0-9]*)?\s*", text) is not None


def hex_name(color: Sequence[int]) -> str:
    """Return a colour as "#rrggbb"."""
    return "#" + bytes(map(int, color)).hex()
