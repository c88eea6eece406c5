"""A light or a dark font on a background colour: data, trainer and pictures."""
