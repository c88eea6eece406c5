"""Conversion of the argument `colors` of `train_rgb`: embedded colours, a CSV file, or arrays."""

from __future__ import annotations

import os
from typing import Any

from nncore.trainers.rgb.csv_file import read_colors
from nncore.trainers.rgb.data import RGBData, color_array, default_colors, font_labels


def colors_from(colors: Any) -> RGBData:
    """Return the data for the argument `colors` of `train_rgb`."""
    if colors is None:
        return default_colors()
    if isinstance(colors, RGBData):
        return colors
    if isinstance(colors, str | os.PathLike):
        return read_colors(colors)
    if not isinstance(colors, tuple | list) or len(colors) != 2:
        raise TypeError(
            f"colors must be None, a path, an RGBData or a pair (rgb, labels), "
            f"got {type(colors).__name__}"
        )
    rgb = color_array("colors: rgb", colors[0])
    return RGBData(rgb, font_labels("colors: labels", colors[1], len(rgb)))
