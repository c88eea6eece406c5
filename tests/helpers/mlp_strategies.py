"""Hypothesis strategies for MLP, and rows for its networks."""

import numpy as np
from every_optimizer import EVERY_OPTIMIZER
from hypothesis import strategies as st
from properties import dtypes, seeds

from nncore import (
    MLP,
)
from nncore.initializers import INITIALIZERS
from nncore.registry import ACTIVATIONS, CHANCES, LOSS_ROW, MLP_LOSSES, SIGNS, outputs_for

OTHER_TYPES = ("f2", "g", "i1", "u2", "i8", "?", ">f4", ">i2", "O")


@st.composite
def networks(draw, kinds=dtypes):
    """Settings of a small network that fit together."""
    loss = draw(st.sampled_from(MLP_LOSSES))
    last = draw(st.sampled_from(outputs_for(loss)))
    least = 2 if last == "softmax" or LOSS_ROW[loss].takes_labels else 1
    widths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    hidden = len(widths) - 1
    return {
        "layer_sizes": (*widths, draw(st.integers(least, 5))),
        "hidden_activation": draw(st.tuples(*[st.sampled_from(ACTIVATIONS)] * hidden)),
        "output_activation": last,
        "loss": loss,
        "l1": draw(st.sampled_from([0, 0.01])),
        "l2": draw(st.sampled_from([0, 0.1])),
        "dropout": draw(st.tuples(*[st.sampled_from([0, 0.4])] * hidden)),
        "weight_init": draw(st.sampled_from(["auto", *INITIALIZERS])),
        "dtype": draw(kinds),
        "rng": draw(seeds),
    }


def pair(settings):
    """The same network in compiled code and in NumPy."""
    return MLP(**settings), MLP(**settings, backend="numpy")


def rows_for(net, n, seed):
    """Inputs, and valid targets for the loss of the network."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, net.layer_sizes[0])).astype(net.dtype)
    shape = (n, net.layer_sizes[-1])
    row = LOSS_ROW[net.loss_name]
    if row.takes_labels:
        return x, np.arange(n) % shape[1]
    if row.targets == SIGNS:
        return x, rng.choice(SIGNS, shape).astype(net.dtype)
    chances = row.targets == CHANCES
    return x, (rng.random(shape) if chances else rng.standard_normal(shape)).astype(net.dtype)


optimizers = st.sampled_from([None, *EVERY_OPTIMIZER])
