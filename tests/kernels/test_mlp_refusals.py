"""Invalid arguments of the kernels of the multi-layer perceptron: errors, and nothing changes."""

from contextlib import suppress

import numpy as np
import pytest
from calls import shaped
from mlp_networks import Network, refused
from numpy.lib.stride_tricks import as_strided

from nncore import reference
from nncore.arguments.arrays import UpdateRule

P = Network(np.float32).weights.size  # of 5-7-3; 23 rows
LABELS = "softmax_cross_entropy"


def table(*rows):
    return np.array(rows, np.int64).reshape(-1, 3)


def labels(*changed, dtype=np.intp):
    result = np.zeros(23, dtype)
    result[: len(changed)] = changed
    return result


def short_of_memory(rows, columns):
    """An array that claims more numbers than there is memory for."""
    return as_strided(shaped(1, columns), (rows, columns), (0, 4))


BAD_NETWORKS = {
    "no weights": ({"weights": None}, TypeError, "weights must be a NumPy array .* got NoneType"),
    "weights in a list": ({"weights": [0.0] * P}, TypeError, "weights must be .* got list"),
    "weights of float16": ({"weights": shaped(P, dtype="f2")}, TypeError, "weights must be"),
    "short weights": ({"weights": shaped(P - 1)}, ValueError, f"weights must .*\\({P},\\)"),
    "weights with an axis more": ({"weights": shaped(1, P)}, ValueError, "weights must be"),
    "strided weights": ({"weights": shaped(2 * P)[::2]}, ValueError, "weights must be a C-ord"),
    "swapped weights": ({"weights": shaped(P, dtype=">f4")}, ValueError, "weights must be"),
    "masked weights": ({"weights": np.ma.zeros(P, "f4")}, TypeError, "weights .* masked array"),
    "no layers": ({"layers": shaped(0, 3, dtype=np.int64)}, ValueError, "layers has 0 rows"),
    "65 layers": ({"layers": table(*[(5, 5, 0)] * 65)}, ValueError, "layers has 65 rows, expected"),
    "layers of int32": ({"layers": shaped(2, 3, dtype="i4")}, ValueError, "layers must be"),
    "layers of two columns": ({"layers": shaped(2, 2, dtype=np.int64)}, ValueError, "layers must"),
    "layers in a list": ({"layers": [(5, 7, 0), (7, 3, 0)]}, ValueError, "layers must .* got list"),
    "layers that do not chain": (
        {"layers": table((5, 7, 0), (8, 3, 0))},
        ValueError,
        "layers: row 1 has 8 inputs and 3 outputs",
    ),
    "a layer without units": (
        {"layers": table((5, 0, 0), (0, 3, 0))},
        ValueError,
        "layers: row 0 has 5 inputs and 0 outputs",
    ),
    "a negative layer": (
        {"layers": table((5, -7, 0), (-7, 3, 0))},
        ValueError,
        "layers: row 0 has 5 inputs and -7",
    ),
    "an unknown activation": ({"layers": table((5, 3, 99))}, ValueError, "row 0 has activation 99"),
    "activation -1": ({"layers": table((5, 3, -1))}, ValueError, "layers: row 0 has activation -1"),
    "layers beyond memory": (
        {"layers": table((5, 2**62, 0), (2**62, 3, 0))},
        ValueError,
        "layers must have at most \\d+ parameters",
    ),
    "layers of 2**63 - 1": (
        {"layers": table((2**63 - 1, 2**63 - 1, 0))},
        ValueError,
        "layers must have at most \\d+ parameters",
    ),
    "other layers": ({"layers": table((5, 7, 0), (7, 30, 0))}, ValueError, "weights must be"),
    "x in a list": ({"x": [[0.0] * 5] * 23}, TypeError, "x must be .* got list"),
    "x of integers": ({"x": shaped(23, 5, dtype=np.int64)}, TypeError, "x must be .* of int64"),
    "x of bool": ({"x": shaped(23, 5, dtype=bool)}, TypeError, "x must be .* of bool"),
    "x of text": ({"x": shaped(23, 5, dtype=str)}, TypeError, "x must be"),
    "masked x": ({"x": np.ma.zeros((23, 5), "f4")}, TypeError, "x must .* masked array"),
    "flat x": ({"x": shaped(23 * 5)}, ValueError, "x must .*\\(any, 5\\)"),
    "narrow x": ({"x": shaped(23, 4)}, ValueError, "x must .*\\(any, 5\\)"),
    "wide x": ({"x": shaped(23, 6)}, ValueError, "x must .*\\(any, 5\\)"),
    "strided x": ({"x": shaped(46, 5)[::2]}, ValueError, "x must be a C-ordered"),
    "transposed x": ({"x": shaped(5, 23).T}, ValueError, "x must be a C-ordered"),
    "swapped x": ({"x": shaped(23, 5, dtype=">f4")}, ValueError, "x must be a C-ordered"),
    "x beyond memory": ({"x": short_of_memory(2**56, 5)}, ValueError, "x must be a C-ordered"),
}

BAD_ROWS = {
    "no rows": ({"x": shaped(0, 5), "y": shaped(0, 3)}, ValueError, "x has no rows, expected at"),
    "y of float64": ({"y": shaped(23, 3, dtype="f8")}, ValueError, "y must be .* float32"),
    "y of integers": ({"y": shaped(23, 3, dtype=np.int64)}, ValueError, "y must be .* float32"),
    "short y": ({"y": shaped(22, 3)}, ValueError, "y must be .*\\(23, 3\\)"),
    "wide y": ({"y": shaped(23, 4)}, ValueError, "y must be .*\\(23, 3\\)"),
    "flat y": ({"y": shaped(23)}, ValueError, "y must be .*\\(23, 3\\)"),
    "strided y": ({"y": shaped(46, 3)[::2]}, ValueError, "y must be a C-ordered"),
    "swapped y": ({"y": shaped(23, 3, dtype=">f4")}, ValueError, "y must be a C-ordered"),
    "y in a list": ({"y": [[0.0] * 3] * 23}, ValueError, "y must be .* got list"),
    "no y": ({"y": None}, ValueError, "y must be .* got NoneType"),
    "y beyond memory": ({"y": short_of_memory(2**56, 3)}, ValueError, "y must be"),
    "an unknown loss": ({"loss": "hing"}, ValueError, "loss must be one of .* got 'hing'"),
    "loss None": ({"loss": None}, ValueError, "loss must be one of .* got None"),
    "targets for labels": ({"loss": LABELS}, ValueError, "y must be .* int64 .*\\(23,\\)"),
    "labels of int32": ({"loss": LABELS, "y": labels(dtype="i4")}, ValueError, "y must be"),
    "labels of uint64": ({"loss": LABELS, "y": labels(dtype="u8")}, ValueError, "y must be"),
    "labels in rows": ({"loss": LABELS, "y": labels()[:, None]}, ValueError, "y must be"),
    "label 3 of 3": ({"loss": LABELS, "y": labels(0, 3)}, IndexError, "y has 3, expected 0 to 2"),
    "label -1": ({"loss": LABELS, "y": labels(0, -1)}, IndexError, "y has -1, expected 0 to 2"),
    "label -2**63": ({"loss": LABELS, "y": labels(-(2**63))}, IndexError, "y has -922337203685477"),
    "l1 below 0": ({"l1": -1}, ValueError, "l1 must be 0 or a positive number, got -1"),
    "l2 of NaN": ({"l2": np.nan}, ValueError, "l2 must be 0 or a positive number, got nan"),
    "l2 of text": ({"l2": "1"}, TypeError, "l2 must be a number, got str"),
    "l1 of None": ({"l1": None}, TypeError, "l1 must be a number, got NoneType"),
    "short weights of rows": ({"sample_weight": shaped(22)}, ValueError, "sample_weight must .*23"),
    "weights of rows of float64": (
        {"sample_weight": shaped(23, dtype="f8")},
        ValueError,
        "sample_weight must be .* float32",
    ),
    "a column of weights": ({"sample_weight": shaped(23, 1)}, ValueError, "sample_weight must be"),
    "weights of rows in a list": ({"sample_weight": [1.0] * 23}, ValueError, "sample_weight must"),
    "strided weights of rows": ({"sample_weight": shaped(46)[::2]}, ValueError, "sample_weight"),
}

BAD_TRAINING = {
    "short gradient": ({"gradient": shaped(P - 1)}, ValueError, "gradient must be"),
    "gradient of float64": ({"gradient": shaped(P, dtype="f8")}, ValueError, "gradient must be"),
    "flat slots": ({"slots": shaped(2 * P)}, ValueError, "slots must be .*\\(2, "),
    "one slot": ({"slots": shaped(1, P)}, ValueError, "slots must be .*\\(2, "),
    "no slots": ({"slots": None}, ValueError, "slots must be .* got NoneType"),
    "two counters": ({"counters": shaped(2, dtype=np.int64)}, ValueError, "counters must be"),
    "counters of int32": ({"counters": shaped(3, dtype="i4")}, ValueError, "counters must be"),
    "a count below 0": (
        {"counters": np.array([-1, 0, 0, 0])},
        ValueError,
        "counters is out of range: \\[-1, 0, 0",
    ),
    "steps below 0": (
        {"counters": np.array([0, -1, 0, 0])},
        ValueError,
        "counters is out of range: \\[0, -1, 0",
    ),
    "place below 0": (
        {"counters": np.array([0, 0, -1, 0])},
        ValueError,
        "counters is out of range: \\[0, 0, -1",
    ),
    "place behind the rows": (
        {"counters": np.array([0, 0, 23, 0])},
        ValueError,
        "counters is out of range: \\[0, 0, 23, 0\\] for epochs of 23 rows",
    ),
    "rates of float32": ({"rates": shaped(3)}, ValueError, "rates must be"),
    "short rates": ({"rates": shaped(2, dtype=float)}, ValueError, "rates must be .*\\(3,\\)"),
    "losses of lines": ({"losses": shaped(1, 3, dtype=float)}, ValueError, "losses must be"),
    "losses of float32": ({"losses": shaped(3)}, ValueError, "losses must be"),
    "no batch": ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    "half a batch": ({"batch_size": 2.5}, TypeError, "batch_size must be an integer, got float"),
    "no epochs": ({"epoch_rows": 0}, ValueError, "epoch_rows must be at least 1, got 0"),
    "short epochs": (
        {"epoch_rows": 22, "order": labels()},
        ValueError,
        "epoch_rows is 22, expected 23, the number of rows of x",
    ),
    "rows too few": ({"epoch_rows": 40, "first": 1}, ValueError, "x has 23 rows from row 1 of the"),
    "rows of the next epoch": (
        {"epoch_rows": 24, "batch_size": 20},
        ValueError,
        "x has 23 rows from row 0 of the epoch, expected rows 0 to 59, or all 24",
    ),
    "first of float": ({"first": 0.0}, TypeError, "first must be an integer, got float"),
    "a float of rows": ({"epoch_rows": 23.0}, TypeError, "epoch_rows must be an integer, got"),
    "order of int32": ({"order": shaped(23, dtype="i4")}, ValueError, "order must be"),
    "order in a list": ({"order": [0] * 23}, ValueError, "order must be .* got list"),
    "strided order": (
        {"order": shaped(46, dtype=np.intp)[::2]},
        ValueError,
        "order must be a writable, C",
    ),
    "row 23 of 23": (
        {"order": labels(1, 23), "counters": np.array([0, 0, 7, 0])},
        IndexError,
        "order has 23, expected 0 to 22",
    ),
    "row -1": (
        {"order": labels(1, -1), "counters": np.array([0, 0, 7, 0])},
        IndexError,
        "order has -1, expected 0 to 22",
    ),
    "short order": ({"order": labels()[:20]}, ValueError, "order must be .*\\(23,\\)"),
    "dropout of no layer": ({"dropout": (0.5, 0.5)}, ValueError, "dropout has 2 rates, expected 1"),
    "dropout of 1": ({"dropout": (1.0,)}, ValueError, "dropout must be in \\[0, 1\\), got 1.0"),
    "dropout below 0": (
        {"dropout": (-0.1,)},
        ValueError,
        "dropout must be in \\[0, 1\\), got -0.1",
    ),
    "dropout of NaN": (
        {"dropout": (np.nan,)},
        ValueError,
        "dropout must be in \\[0, 1\\), got nan",
    ),
    "dropout of text": ({"dropout": ("1",)}, TypeError, "dropout must be a number, got str"),
    "seed -1": ({"seed": -1}, ValueError, "seed must be in \\[0, 2\\*\\*64\\)"),
    "seed 2**64": ({"seed": 2**64}, ValueError, "seed must be in \\[0, 2\\*\\*64"),
    "half a seed": ({"seed": 0.5}, TypeError, "seed must be an integer, got float"),
    "negative clip": ({"clip_value": -1}, ValueError, "clip_value must be 0 .* got -1"),
    "clip of NaN": ({"clip_norm": np.nan}, ValueError, "clip_norm must be 0 .* got nan"),
    "clip of None": ({"clip_norm": None}, TypeError, "clip_norm must be a number, got NoneType"),
    "negative alpha": ({"alpha": -1}, ValueError, "alpha must be 0 or a positive number, got -1"),
    "too few penalties": ({"penalties": np.zeros(2)}, ValueError, "penalties must"),
    "orders of too few epochs": (
        {"order": np.arange(23), "shuffle": False, "batch_size": 20},
        ValueError,
        "order must",
    ),
    "an order of other rows": (
        {"order": np.arange(46), "shuffle": False, "batch_size": 20},
        IndexError,
        "order",
    ),
    "beta1 of 1": ({"optimizer": UpdateRule("adam", 1.0, 0.9)}, ValueError, "beta1 must be in"),
    "beta2 of 1": ({"optimizer": UpdateRule("adam", 0.9, 1.0)}, ValueError, "beta2 must be in"),
    "an unknown optimizer": ({"optimizer": UpdateRule("adamax")}, ValueError, "got .adamax."),
}


@pytest.mark.parametrize("kind", BAD_NETWORKS)
def test_prediction_refuses_bad_arguments(core, kind):
    changes, error, text = BAD_NETWORKS[kind]
    refused(core, "predict", ((), changes), error, text)


@pytest.mark.parametrize("kind", BAD_NETWORKS | BAD_ROWS)
def test_gradients_refuse_bad_arguments(core, kind):
    changes, error, text = (BAD_NETWORKS | BAD_ROWS)[kind]
    refused(core, "gradients", ((), changes), error, text)


@pytest.mark.parametrize("kind", BAD_NETWORKS | BAD_ROWS | BAD_TRAINING)
def test_training_refuses_bad_arguments(core, kind):
    changes, error, text = (BAD_NETWORKS | BAD_ROWS | BAD_TRAINING)[kind]
    refused(core, "train", ((3,), changes), error, text)


@pytest.mark.parametrize("name", ["weights", "gradient", "slots", "order", "counters", "losses"])
def test_training_refuses_to_write_to_read_only_arrays(core, name):
    for module in (core, reference):
        net = Network(np.float32)
        net.losses, net.order = np.zeros(3), np.zeros(23, np.intp)
        array = getattr(net, name).copy()
        array.setflags(write=False)
        with pytest.raises(ValueError, match=f"^{name} must be a writable, C-ordered array"):
            net.train(module, 3, **{name: array})


def test_sizes_do_not_overflow_in_small_integers(core):
    """3 batches of 90 rows are 270; in 8 bits they would be 14, which x has."""
    net = Network(np.float32)
    for module in (core, reference):
        with pytest.raises(ValueError, match="x has 23 rows from row 0 of the epoch, expected"):
            net.train(module, 3, order=None, epoch_rows=np.int8(100), batch_size=np.int8(90))


def test_arrays_that_are_only_read_may_be_read_only(core):
    net = Network(np.float32)
    rates, weight = np.full(3, 0.1), np.ones(23, np.float32)
    for array in (net.layers, net.x, net.y, rates, weight):
        array.setflags(write=False)
    assert net.train(core, 3, rates=rates, sample_weight=weight) == 3
    net.weights.setflags(write=False)
    assert net.predict(core).shape == (23, 3)
    assert np.isfinite(net.gradients(core)[0])


def test_predictions_of_no_rows_are_empty(core, dtype):
    for module in (core, reference):
        outputs = Network(dtype).predict(module, x=shaped(0, 5, dtype=dtype))
        assert outputs.shape == (0, 3)
        assert outputs.dtype == dtype


def test_no_updates_change_nothing(core):
    for module in (core, reference):
        net = Network(np.float32)
        before = net.bytes()
        assert net.train(module, 0) == 0
        assert net.train(module, 0, order=np.zeros(23, np.intp)) == 0
        assert net.bytes() == before


def test_weights_of_rows_that_are_all_zero_leave_the_penalties(core, dtype):
    for module in (core, reference):
        net = Network(dtype)
        objective, gradient = net.gradients(module, sample_weight=np.zeros(23, dtype), l2=1)
        expected = sum(float((w.astype(float) ** 2).sum()) / 2 for n, w in net.parameters.items()
                     if n[0] == "w")  # fmt: skip
        assert objective == pytest.approx(expected, rel=1e-6)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("rows", [2**31, 2**40, 2**62, 2**63 - 1, 2**64])
def test_batches_beyond_memory_raise_or_use_the_rows_there_are(core, rows):
    """No rows are visited, so no memory is needed."""
    for module in (core, reference):
        net = Network(np.float32)
        before = net.bytes()
        with suppress(MemoryError, OverflowError, ValueError):
            assert net.train(module, 0, order=labels(), epoch_rows=rows, batch_size=rows) == 0
        with pytest.raises((MemoryError, OverflowError, ValueError)):
            net.train(module, 1, order=labels(), epoch_rows=rows, batch_size=rows)
        assert net.bytes() == before
        assert net.train(module, 3, batch_size=rows) == 3
