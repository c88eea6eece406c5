"""A light or a dark font on a background colour.

result = train_rgb()                  # colours labelled by their brightness, in a blink
result.predict_font(255, 140, 0)      # 'dark'
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nncore.checks import one_of, positive_int
from nncore.errors import CheckpointError
from nncore.mlp.history import MLPHistory
from nncore.mlp.network import MLP
from nncore.optimizers import SGD, Adam, Optimizer
from nncore.params import Array
from nncore.randomness import streams
from nncore.schedules import CosineDecay
from nncore.trainers.rgb.data import FONTS, RGBData, channel, color_array
from nncore.trainers.rgb.given import colors_from
from nncore.training import progress_bar

if TYPE_CHECKING:
    from nncore.randomness import Seed

__all__ = ["METHODS", "Confusion", "FontPredictor", "RGBData", "RGBResult", "train_rgb"]

METHODS = {"balanced": 100, "plain": 500, "seed": 100}
"""Ways to train, and their epochs."""
PENALTY = 5e-4  # l2 of "balanced"
LEARNING_RATE = 0.02
SEED_STEPS = 1000  # in an epoch of "seed", which draws its rows with replacement


@dataclass(frozen=True)
class Confusion:
    """How often which font was predicted, by the font that is wanted."""

    counts: Array
    """(2, 2): rows are the wanted font, columns the predicted one, each dark and then light."""
    names: tuple[str, str] = ("dark", "light")

    def __getitem__(self, wanted_and_predicted: tuple[str, str]) -> int:
        """How often, as confusion["dark", "light"]: dark wanted, light predicted."""
        wanted, predicted = wanted_and_predicted
        one_of("wanted", wanted, self.names)
        one_of("predicted", predicted, self.names)
        return int(self.counts[self.names.index(wanted), self.names.index(predicted)])

    def __str__(self) -> str:
        lines = ["".ljust(14) + "".join(f"{f'predicted {name}':>18}" for name in self.names)]
        for name, row in zip(self.names, self.counts, strict=True):
            lines.append(f"{f'wanted {name}':<14}" + "".join(f"{count:>18}" for count in row))
        return "\n".join(lines)


class FontPredictor:
    """A trained network that tells the font for colours."""

    def __init__(self, net: MLP) -> None:
        if not isinstance(net, MLP):
            raise TypeError(f"net must be an MLP, got {type(net).__name__}")
        ends = (net.layer_sizes[0], net.layer_sizes[-1], net.activations[-1])
        if ends != (3, 1, "sigmoid"):
            raise ValueError(
                f"net has {ends[0]} inputs and {ends[1]} outputs by {ends[2]}, wanted 3 inputs "
                f"(red, green, blue) and 1 output by sigmoid (the probability of a dark font)"
            )
        self.net = net

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FontPredictor:
        """The network of a file that `save` wrote; CheckpointError for other files."""
        net = MLP.load(path)
        try:
            return FontPredictor(net)
        except ValueError as error:
            raise CheckpointError(f"{os.fspath(path)}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a model file, without the colours."""
        self.net.save(path)

    def probabilities(self, rgb: npt.ArrayLike) -> Array:
        """Probabilities (N,) of a DARK font on colours (N, 3) from 0 to 255."""
        return self.net.predict(color_array("rgb", rgb) / 255.0)[:, 0]

    def predict_probability(self, r: int, g: int, b: int) -> float:
        """The probability of a DARK font on one colour of whole numbers from 0 to 255."""
        color = [channel(name, value) for name, value in zip("rgb", (r, g, b), strict=True)]
        return float(self.probabilities([color])[0])

    def predict_font(self, r: int, g: int, b: int) -> str:
        """Which font is readable, "dark" or "light", on one colour of whole numbers 0 to 255."""
        return FONTS[self.predict_probability(r, g, b) > 0.5]

    def measure(self, data: RGBData) -> Confusion:
        """What is predicted for the rows of some data, against what they want."""
        found = self.probabilities(data.rgb) > 0.5
        counts = np.zeros((2, 2), np.int64)
        np.add.at(counts, ((~data.dark).astype(int), (~found).astype(int)), 1)
        return Confusion(counts)


class RGBResult(FontPredictor):
    """What `train_rgb` returns: the network, what it learned from and how it does."""

    def __init__(self, net: MLP, train: RGBData, test: RGBData) -> None:
        super().__init__(net)
        self.train = train
        """Rows trained on."""
        self.test = test
        """Rows kept out of training."""
        self.confusion = self.measure(test)
        """Wanted and predicted fonts of the test rows."""

    @property
    def accuracy(self) -> float:
        """Share of the test rows whose font is predicted."""
        return float(np.trace(self.confusion.counts) / self.confusion.counts.sum())

    @property
    def history(self) -> MLPHistory:
        """The network's history."""
        return self.net.history

    def __repr__(self) -> str:
        return f"<RGBResult: accuracy {self.accuracy:.4f} on {len(self.test)} rows, {self.net!r}>"


def train_rgb(
    colors: Any = None,
    *,
    hidden_size: int = 3,
    split: str = "color",
    test_fraction: float = 1 / 3,
    optimizer: Optimizer | None = None,
    epochs: int | None = None,
    method: str = "balanced",
    dtype: npt.DTypeLike = "float32",
    rng: Seed = 0,
    progress: bool = False,
) -> RGBResult:
    """
    Train a network 3-hidden_size-1 to tell which font is readable on a colour.

    Parameters
    ----------
    colors : None, path, pair or RGBData
        None: an embedded grid of 1000 colours, of which those of a brightness 0.299 R +
        0.587 G + 0.114 B above 127 want a dark font; the formula is the W3C's, see
        `nncore.trainers.rgb.data.brightness`. A path: a CSV file, see
        `nncore.trainers.rgb.csv_file`. A pair (rgb, labels): arrays (N, 3) from 0 to 255, and (N,)
        of 1 or "dark" and 0 or "light".
    hidden_size : int
        Hidden units.
    split : {"color", "rows"}
        "color": no colour of the test is trained on. "rows": the tutorial's way, which
        lets a colour of several rows be on both sides.
    test_fraction : float
        Share of the colours (or rows) that is tested and not trained on.
    optimizer : Optimizer, optional
        Adam(0.02) along half a cosine, or SGD(0.05) for "seed".
    epochs : int, optional
        Times through the training rows: 100, and 500 for "plain". Of "seed": thousands of
        steps, 100.
    method : {"balanced", "plain", "seed"}
        "balanced": hidden units by tanh and cross-entropy; both fonts count the same, however
        many rows want them, and a small penalty keeps the boundary smooth. "plain": the same
        without weights and penalty: fits the labels closest. Of the new colours in the
        tutorial's table 0.987 and 0.997 are told right (ten splits by colour); "balanced" gives
        the tutorial's answers for its named colours, also for chocolate, whose brightness of
        127.8 and whose row in the table say dark and the tutorial's network light. "seed": the
        tutorial's trainer: relu, squared error, weights and biases uniform in 0..1, and single
        rows drawn with replacement. Its derivatives are the true ones; the tutorial's code
        instead gives every hidden unit the sum over all of them.
    dtype : {"float32", "float64"}
        Of all numbers.
    rng : int, SeedSequence, Generator or None
        Of the split, the weights and the order of rows. The same seed gives the same bits.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    OSError
        For a file that cannot be read.
    TypeError, ValueError
        For wrong arguments, naming them, and for wrong tables, with file and line; also where
        all colours, or all that would be trained on, want the same font.
    DivergenceError
        If the optimizer's steps are far too large.
    """
    one_of("method", method, tuple(METHODS))
    positive_int("hidden_size", hidden_size)
    rounds = METHODS[method] if epochs is None else positive_int("epochs", epochs)
    data = colors_from(colors)
    _check_fonts(data, data.source)
    split_rng, net_rng, row_rng = streams(rng, 3)
    train, test = data.split(split, test_fraction, split_rng)
    _check_fonts(train, f"{data.source}: what the split leaves to train on")
    if method == "seed":
        net = _seed_network(hidden_size, dtype, net_rng)
        _train_singly(net, train, optimizer or SGD(0.05), rounds, row_rng, progress)
    else:
        balanced = method == "balanced"
        net = _network(hidden_size, PENALTY if balanced else 0.0, dtype, net_rng)
        net.fit(
            *_rows(train),
            optimizer=optimizer or Adam(LEARNING_RATE),
            epochs=rounds,
            schedule=CosineDecay(),
            sample_weight=_equal_shares(train.dark) if balanced else None,
            progress=progress,
        )
    return RGBResult(net, train, test)


def _check_fonts(data: RGBData, name: str) -> None:
    if not len(data):
        raise ValueError(f"{name} has no rows; wanted at least one for each font")
    if data.dark.all() or not data.dark.any():
        raise ValueError(
            f"{name}: all {len(data)} rows want a {FONTS[int(data.dark[0])]} font; wanted some "
            f"for each font, as there is nothing to tell apart"
        )


def _network(hidden: int, l2: float, dtype: npt.DTypeLike, rng: Seed) -> MLP:
    sizes, loss = (3, hidden, 1), "binary_cross_entropy"
    return MLP(sizes, "tanh", "sigmoid", loss, l2=l2, dtype=dtype, rng=rng)


def _seed_network(hidden: int, dtype: npt.DTypeLike, rng: Seed) -> MLP:
    sizes, loss = (3, hidden, 1), "squared_error"
    return MLP(sizes, "relu", "sigmoid", loss, weight_init="uniform", dtype=dtype, rng=rng)


def _rows(data: RGBData) -> tuple[Array, Array]:
    """Inputs (N, 3) from 0 to 1 and targets (N,)."""
    return data.rgb / 255.0, data.dark.astype(np.float64)


def _equal_shares(dark: Array) -> Array:
    """Weights (N,) of mean 1 that let both fonts count the same."""
    return np.asarray(np.where(dark, 0.5 / dark.mean(), 0.5 / (~dark).mean()))


def _train_singly(
    net: MLP,
    data: RGBData,
    optimizer: Optimizer,
    epochs: int,
    rng: np.random.Generator,
    progress: bool,
) -> None:
    """One row a step, drawn with replacement: epochs of SEED_STEPS steps."""
    x, y = _rows(data)
    with progress_bar(progress, epochs, "epoch") as bar:
        for _ in range(epochs):
            rows = rng.integers(len(x), size=SEED_STEPS)
            net.fit(x[rows], y[rows], optimizer=optimizer, epochs=1, batch_size=1, shuffle=False)
            bar(1, {"loss": f"{net.history.loss[-1]:.4g}"})
