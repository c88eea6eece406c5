"""Training of a network that chooses a light or a dark font for a background colour.

Examples
--------
>>> import nncore
>>> result = nncore.train_rgb()
>>> result.predict_font(255, 140, 0)
'dark'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nncore.checks import one_of, positive_int
from nncore.mlp.history import MLPHistory
from nncore.mlp.network import MLP
from nncore.optimizers import SGD, Adam, Optimizer
from nncore.params import Array
from nncore.randomness import streams
from nncore.schedules import CosineDecay
from nncore.trainers.rgb.data import FONTS, RGBData
from nncore.trainers.rgb.given import colors_from
from nncore.trainers.rgb.predictor import Confusion, FontPredictor
from nncore.training import progress_bar

if TYPE_CHECKING:
    from nncore.randomness import Seed

__all__ = ["METHODS", "Confusion", "FontPredictor", "RGBData", "RGBResult", "train_rgb"]

METHODS = {"balanced": 100, "plain": 500, "seed": 100}
"""The methods of training, and their epochs."""
PENALTY = 5e-4  # l2 of "balanced"
LEARNING_RATE = 0.02
SEED_STEPS = 1000  # in an epoch of "seed", which draws its rows with replacement


class RGBResult(FontPredictor):
    """Result of `train_rgb`.

    Attributes
    ----------
    net : MLP
        The trained network.
    train, test : RGBData
        The training rows, and the held-out rows.
    confusion : Confusion
        Confusion matrix of the test rows.
    """

    def __init__(self, net: MLP, train: RGBData, test: RGBData) -> None:
        super().__init__(net)
        self.train = train
        self.test = test
        self.confusion = self.measure(test)

    @property
    def accuracy(self) -> float:
        """Fraction of test rows classified correctly."""
        return float(np.trace(self.confusion.counts) / self.confusion.counts.sum())

    @property
    def history(self) -> MLPHistory:
        """Record of the training of the network."""
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
    Train a 3-hidden_size-1 network to predict which font is readable on a colour.

    Parameters
    ----------
    colors : None, path, pair or RGBData
        None for an embedded grid of 1000 colours, in which those brighter than 127 have the label
        "dark"; see `nncore.trainers.rgb.data.brightness`. A path for a CSV file; see
        `nncore.trainers.rgb.csv_file.read_colors`. A pair (rgb, labels) for arrays: rgb of shape
        (N, 3), from 0 to 255, and labels of shape (N,), 1 or "dark" and 0 or "light". RGBData is
        used as it is.
    hidden_size : int
        Number of hidden units.
    split : {"color", "rows"}
        "color" holds out colours with all their rows, so that no tested colour is in the training
        rows. "rows", as in the tutorial that this task comes from, holds out single rows, whose
        colours can also be in training rows.
    test_fraction : float
        Fraction of the colours (or rows) that is held out for the test.
    optimizer : Optimizer, optional
        By default Adam(0.02), or SGD(0.05) for "seed". The learning rate decays along half a
        cosine, except for "seed".
    epochs : int, optional
        Number of passes through the training rows, by default 100, or 500 for "plain". For "seed",
        the number of steps in thousands, by default 100.
    method : {"balanced", "plain", "seed"}
        "balanced" uses tanh hidden units and the cross-entropy, gives both fonts the same total
        weight, and has a small penalty, which makes the boundary smooth. "plain" is the same
        without weights and penalty, and fits the labels most closely. "seed" is the tutorial's
        trainer: relu, the squared error, initial weights and biases uniform in [0, 1), and batches
        of a single row, drawn with replacement.
    dtype : {"float32", "float64"}
        Type of parameters and computation.
    rng : int, SeedSequence, Generator or None
        Seed of the split, the weights and the order of rows. The same seed gives the same bits.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    RGBResult

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError, ValueError
        If an argument or a row of the file is invalid, or if all colours or all training rows have
        the same font. The error names the row.
    DivergenceError
        If training diverges.

    Notes
    -----
    With the tutorial's table, the accuracy on held-out colours is 0.987 ("balanced") and 0.997
    ("plain"), as means over ten splits by colour. "balanced" agrees with the tutorial on its named
    colours, even on chocolate, for which the tutorial's network predicts a light font, although its
    brightness is 127.8 and its label in the table is dark.

    The derivatives of "seed" are correct; the tutorial's code instead gives every hidden unit the
    sum over all of them.
    """
    one_of("method", method, tuple(METHODS))
    positive_int("hidden_size", hidden_size)
    rounds = METHODS[method] if epochs is None else positive_int("epochs", epochs)
    data = colors_from(colors)
    _check_fonts(data, data.source)
    split_rng, net_rng, row_rng = streams(rng, 3)
    train, test = data.split(split, test_fraction, split_rng)
    _check_fonts(train, f"{data.source}: the training rows of the split")
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
            sample_weight=_balanced_weights(train.dark) if balanced else None,
            progress=progress,
        )
    return RGBResult(net, train, test)


def _check_fonts(data: RGBData, name: str) -> None:
    """Raise ValueError unless both fonts occur."""
    if not len(data):
        raise ValueError(f"{name} has no rows, expected at least one for each font")
    if data.dark.all() or not data.dark.any():
        raise ValueError(
            f"{name}: all {len(data)} rows have a {FONTS[int(data.dark[0])]} font, expected some "
            f"rows for each font"
        )


def _network(hidden: int, l2: float, dtype: npt.DTypeLike, rng: Seed) -> MLP:
    """Return a new network for "balanced" and "plain"."""
    sizes, loss = (3, hidden, 1), "binary_cross_entropy"
    return MLP(sizes, "tanh", "sigmoid", loss, l2=l2, dtype=dtype, rng=rng)


def _seed_network(hidden: int, dtype: npt.DTypeLike, rng: Seed) -> MLP:
    """Return a new network for "seed"."""
    sizes, loss = (3, hidden, 1), "squared_error"
    return MLP(sizes, "relu", "sigmoid", loss, weight_init="uniform", dtype=dtype, rng=rng)


def _rows(data: RGBData) -> tuple[Array, Array]:
    """Return inputs (N, 3) from 0 to 1 and targets (N,)."""
    return data.rgb / 255.0, data.dark.astype(np.float64)


def _balanced_weights(dark: Array) -> Array:
    """Return weights (N,) of mean 1 that give both fonts the same total."""
    return np.asarray(np.where(dark, 0.5 / dark.mean(), 0.5 / (~dark).mean()))


def _train_singly(
    net: MLP,
    data: RGBData,
    optimizer: Optimizer,
    epochs: int,
    rng: np.random.Generator,
    progress: bool,
) -> None:
    """Train on single rows drawn with replacement, in epochs of SEED_STEPS steps."""
    x, y = _rows(data)
    with progress_bar(progress, epochs, "epoch") as bar:
        for _ in range(epochs):
            rows = rng.integers(len(x), size=SEED_STEPS)
            net.fit(x[rows], y[rows], optimizer=optimizer, epochs=1, batch_size=1, shuffle=False)
            bar(1, {"loss": f"{net.history.loss[-1]:.4g}"})
