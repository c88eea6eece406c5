"""Hypothesis strategies for RNN, and sequences for its networks."""

import numpy as np
from hypothesis import strategies as st
from properties import dtypes, seeds

from nncore import RNN
from nncore.registry import CELLS, CHANCES, LOSS_ROW, MLP_LOSSES, SIGNS, outputs_for


@st.composite
def networks(draw, kinds=dtypes):
    """Settings of a small network that fit together."""
    loss = draw(st.sampled_from(MLP_LOSSES))
    last = draw(st.sampled_from(outputs_for(loss)))
    least = 2 if last == "softmax" or LOSS_ROW[loss].takes_labels else 1
    widths = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    return {
        "layer_sizes": (*widths, draw(st.integers(least, 4))),
        "cell": draw(st.sampled_from(CELLS)),
        "output_activation": last,
        "loss": loss,
        "returns": draw(st.sampled_from(["last", "sequence"])),
        "l2": draw(st.sampled_from([0, 0.1])),
        "dropout": draw(st.sampled_from([0, 0.4])) if len(widths) > 2 else 0,
        "dtype": draw(kinds),
        "rng": draw(seeds),
    }


def pair(settings):
    """The same network in compiled code and in NumPy."""
    return RNN(**settings), RNN(**settings, backend="numpy")


def _targets(net, rows, rng):
    """Valid targets of rows of outputs for the loss of the network."""
    shape, row = (rows, net.layer_sizes[-1]), LOSS_ROW[net.loss_name]
    if row.takes_labels:
        return np.arange(rows) % shape[1]
    if row.targets == SIGNS:
        return rng.choice(SIGNS, shape).astype(net.dtype)
    chances = row.targets == CHANCES
    return (rng.random(shape) if chances else rng.standard_normal(shape)).astype(net.dtype)


def arrays_for(net, count, steps, seed):
    """Sequences (N, T, I), and their targets."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, steps, net.layer_sizes[0])).astype(net.dtype)
    if net.returns == "last":
        return x, _targets(net, count, rng)
    y = _targets(net, count * steps, rng)
    return x, y.reshape(count, steps, *y.shape[1:])


def lists_for(net, lengths, seed):
    """Sequences of these lengths, and their targets."""
    rng = np.random.default_rng(seed)
    x = [rng.standard_normal((n, net.layer_sizes[0])).astype(net.dtype) for n in lengths]
    if net.returns == "last":
        return x, _targets(net, len(lengths), rng)
    y = _targets(net, sum(lengths), rng)
    return x, np.split(y, np.cumsum(lengths)[:-1])


lengths = st.lists(st.integers(1, 6), min_size=2, max_size=8)
