"""Invalid arguments of the kernels of populations: errors, and nothing changes."""

import numpy as np
import pytest
from calls import shaped
from numpy.lib.stride_tricks import as_strided
from population_networks import Members

from nncore import reference
from nncore.arguments.arrays import UpdateRule

M, SIZE, ROWS = 7, 66, 23  # 5-7-3
LABELS = "softmax_cross_entropy"


def table(*rows):
    return np.array(rows, np.int64).reshape(-1, 3)


def ints(*shape, value=0, dtype=np.int64, **changed):
    array = np.full(shape, value, dtype)
    for at, number in changed.items():
        array.flat[int(at[1:])] = number
    return array


def labels(*changed, dtype=np.intp):
    return np.array([*changed, *[0] * (ROWS - len(changed))], dtype)


def read_only(array):
    array.flags.writeable = False
    return array


def of_members(**changes):
    """A change of one argument to an array that has the shape of the right one."""
    net = Members(np.float32, own_rows=True)
    ((name, change),) = changes.items()
    return {name: change(net.arguments(5)[name])}


BAD_NETWORKS = {
    "no weights": ({"weights": None}, TypeError, "weights must be .* got NoneType"),
    "weights in a list": ({"weights": [[0.0] * SIZE]}, TypeError, "weights must be .* got list"),
    "weights of float16": ({"weights": shaped(M, SIZE, dtype="f2")}, TypeError, "weights must be"),
    "padded weights": ({"weights": shaped(M, 80)}, ValueError, "weights must .*any, 66"),
    "flat weights": ({"weights": shaped(M * SIZE)}, ValueError, "weights must be"),
    "strided weights": ({"weights": shaped(2 * M, SIZE)[::2]}, ValueError, "weights must be a C"),
    "swapped weights": ({"weights": shaped(M, SIZE, dtype=">f4")}, ValueError, "weights must be"),
    "masked weights": ({"weights": np.ma.zeros((M, SIZE), "f4")}, TypeError, "weights .* masked"),
    "no layers": ({"layers": shaped(0, 3, dtype=np.int64)}, ValueError, "layers has 0 rows"),
    "65 layers": ({"layers": table(*[(5, 5, 0)] * 65)}, ValueError, "layers has 65 rows"),
    "layers of int32": ({"layers": shaped(2, 3, dtype="i4")}, ValueError, "layers must be"),
    "layers that do not chain": ({"layers": table((5, 7, 0), (8, 3, 0))}, ValueError, "row 1 has"),
    "a layer without units": ({"layers": table((5, 0, 0))}, ValueError, "layers: row 0 has 5 inp"),
    "activation 99": ({"layers": table((5, 3, 99))}, ValueError, "row 0 has activation 99"),
    "layers of 2**63 - 1": (
        {"layers": table((2**63 - 1, 2**63 - 1, 0))}, ValueError, "at most \\d+ parameters"
    ),
    "x in a list": ({"x": [[0.0] * 5] * ROWS}, ValueError, "x must be .* got list"),
    "x of float64": ({"x": shaped(ROWS, 5, dtype="f8")}, ValueError, "x must be .* float32"),
    "x of integers": ({"x": shaped(ROWS, 5, dtype=np.int64)}, ValueError, "x must be"),
    "narrow x": ({"x": shaped(ROWS, 4)}, ValueError, "x must .*\\(any, 5\\)"),
    "strided x": ({"x": shaped(2 * ROWS, 5)[::2]}, ValueError, "x must be a C-ordered"),
    "flat x": ({"x": shaped(ROWS * 5)}, ValueError, "x must be"),
    "x of four axes": ({"x": shaped(1, M, ROWS, 5)}, ValueError, "x must be"),
    "x of other members": ({"x": shaped(M - 1, ROWS, 5)}, ValueError, "x must be"),
    "x beyond memory": (
        {"x": as_strided(shaped(1, 5), (2**56, 5), (0, 4))}, ValueError, "x must be a C-ordered"
    ),
}  # fmt: skip

BAD_TRAINING = {
    "own rows of x": ({"x": shaped(M, ROWS, 5)}, ValueError, "x must have shape \\(N, I\\)"),
    "no rows of x": ({"x": shaped(0, 5), "y": shaped(0, 3)}, ValueError, "x has no rows"),
    "y of float64": ({"y": shaped(ROWS, 3, dtype="f8")}, ValueError, "y must be .* float32"),
    "short y": ({"y": shaped(ROWS - 1, 3)}, ValueError, "y must be .*\\(23, 3\\)"),
    "flat y": ({"y": shaped(ROWS)}, ValueError, "y must be"),
    "no y": ({"y": None}, ValueError, "y must be .* got NoneType"),
    "targets for labels": ({"loss": LABELS}, ValueError, "y must be .* int64"),
    "label 3 of 3": ({"loss": LABELS, "y": labels(0, 3)}, IndexError, "y has 3, expected 0 to 2"),
    "label -1": ({"loss": LABELS, "y": labels(0, -1)}, IndexError, "y has -1, expected 0 to 2"),
    "label -2**63": ({"loss": LABELS, "y": labels(-(2**63))}, IndexError, "y has -9223372036854"),
    "labels of int32": ({"loss": LABELS, "y": labels(dtype="i4")}, ValueError, "y must be"),
    "an unknown loss": ({"loss": "hing"}, ValueError, "loss must be one of .* got 'hing'"),
    "no slots": ({"slots": None}, ValueError, "slots must be .* got NoneType"),
    "slots of SGD": ({"slots": shaped(0, M, SIZE)}, ValueError, "slots must be"),
    "slots by members": ({"slots": shaped(M, 2, SIZE)}, ValueError, "slots must be"),
    "slots of float64": ({"slots": shaped(2, M, SIZE, dtype="f8")}, ValueError, "slots must be"),
    "weights to read": (of_members(weights=read_only), ValueError, "weights must be a writable"),
    "slots to read": (of_members(slots=read_only), ValueError, "slots must be a writable"),
    "counters to read": (of_members(counters=read_only), ValueError, "counters must be a writable"),
    "losses to read": (of_members(losses=read_only), ValueError, "losses must be a writable"),
    "counters of one": ({"counters": ints(4)}, ValueError, "counters must be"),
    "counters of uint64": ({"counters": ints(M, 4, dtype="u8")}, ValueError, "counters must be"),
    "negative counters": ({"counters": ints(M, 4, _0=-1)}, ValueError, "counters is out of range"),
    "row 23 of 23": ({"counters": ints(M, 4, _6=23)}, ValueError, "counters is out of range"),
    "row 2**63 - 1": ({"counters": ints(M, 4, _2=2**63 - 1)}, ValueError, "counters is out of ran"),
    "rates of one": ({"rates": np.zeros(5)}, ValueError, "rates must be"),
    "rates of float32": ({"rates": shaped(M, 5)}, ValueError, "rates must be"),
    "more rates": ({"rates": np.zeros((M, 6))}, ValueError, "rates must be"),
    "rates as columns": ({"rates": np.zeros((5, M)).T}, ValueError, "rates must be a C-ordered"),
    "flat losses": ({"losses": np.zeros(5)}, ValueError, "losses must be"),
    "no updates per loss": ({"updates_per_loss": 0}, ValueError, "updates_per_loss must be at"),
    "no threads": ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    "half a thread": ({"threads": 0.5}, TypeError, "threads must be an integer, got float"),
    "endless updates": ({"updates_per_loss": 1 << 50}, ValueError, "a call must have at most"),
    "seeds of int64": ({"seeds": ints(M)}, ValueError, "seeds must be"),
    "fewer seeds": ({"seeds": ints(M - 1, dtype="u8")}, ValueError, "seeds must be"),
    "penalties by members": ({"penalties": np.zeros((M, 3))}, ValueError, "penalties must be"),
    "a negative penalty": (
        of_members(penalties=lambda a: a - 1e-9), ValueError, "penalties must not be negative"
    ),
    "a penalty of NaN": (
        of_members(penalties=lambda a: a * np.nan), ValueError, "penalties must not be negative"
    ),
    "no epoch_rows": ({"epoch_rows": None}, ValueError, "epoch_rows must be"),
    "epochs of 0 rows": ({"epoch_rows": ints(M, value=23, _3=0)}, ValueError, "epoch_rows must be"),
    "epochs of -1 rows": ({"epoch_rows": ints(M, value=-1)}, ValueError, "epoch_rows must be"),
    "epochs of 24 rows": ({"epoch_rows": ints(M, value=24)}, ValueError, "epoch_rows must be 1 to"),
    "more than its rows": (
        {"epoch_rows": ints(M, value=4), "rows": ints(M, 3)}, ValueError, "epoch_rows must be 1 to"
    ),
    "epoch_rows of int32": (
        {"epoch_rows": ints(M, value=23, dtype="i4")}, ValueError, "epoch_rows must be"
    ),
    "row 23": ({"rows": ints(M, ROWS, _9=23)}, IndexError, "rows has 23, expected 0 to 22"),
    "row -1": ({"rows": ints(M, ROWS, _9=-1)}, IndexError, "rows has -1, expected 0 to 22"),
    "rows of int32": ({"rows": ints(M, ROWS, dtype="i4")}, ValueError, "rows must be"),
    "rows of one": ({"rows": ints(ROWS)}, ValueError, "rows must be"),
    "a mask of rows": ({"rows": np.ones((M, ROWS), bool)}, ValueError, "rows must be"),
    "no own rows": ({"rows": ints(M, 0)}, ValueError, "epoch_rows must be 1 to 0"),
    "weights of float64": ({"sample_weight": np.ones((M, ROWS))}, ValueError, "sample_weight must"),
    "weights of one member": ({"sample_weight": shaped(ROWS)}, ValueError, "sample_weight must be"),
    "weights of two": ({"sample_weight": shaped(2, ROWS)}, ValueError, "sample_weight must be"),
    "weights of 22 rows": ({"sample_weight": shaped(1, 22)}, ValueError, "sample_weight must be"),
    "weights in a list": ({"sample_weight": [1.0]}, ValueError, "sample_weight must be .* list"),
    "dropout of one rate": ({"dropout": 0.5}, ValueError, "dropout must be .* got float"),
    "dropout of float32": ({"dropout": shaped(M, 1)}, ValueError, "dropout must be"),
    "dropout of outputs": ({"dropout": np.zeros((M, 2))}, ValueError, "dropout must be"),
    "dropout of 1": ({"dropout": np.ones((M, 1))}, ValueError, "dropout must be"),
    "dropout of -0.1": ({"dropout": np.full((M, 1), -0.1)}, ValueError, "dropout must be"),
    "dropout of NaN": ({"dropout": np.full((M, 1), np.nan)}, ValueError, "dropout must be"),
    "batches of 0": ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    "batches of 1.5": ({"batch_size": 1.5}, TypeError, "batch_size must be an integer"),
    "a negative clip": ({"clip_value": -1.0}, ValueError, "clip_value"),
    "a norm of NaN": ({"clip_norm": np.nan}, ValueError, "clip_norm"),
    "a rule in text": ({"optimizer": "adam"}, TypeError, "optimizer must be an UpdateRule"),
    "an unknown rule": ({"optimizer": UpdateRule("adamax")}, ValueError, "optimizer: kind"),
}  # fmt: skip


def assert_refused(core, method, changes, error, text):
    """Compiled code and reference raise the same error, and nothing that was passed changes."""
    messages = []
    for module in (core, reference):
        net = Members(np.float32)
        given = {**net.arguments(5), **net.settings}
        if method == "predict":
            given = {name: given[name] for name in ("weights", "layers", "x")}
        elif method == "evaluate":
            names = ("weights", "layers", "x", "y", "rows", "loss")
            given = {name: given[name] for name in names}
        given |= changes
        arrays = {n: a for n, a in given.items() if isinstance(a, np.ndarray) and a.size < 10**6}
        before = {name: array.tobytes() for name, array in arrays.items()}
        with pytest.raises(error, match=text) as raised:
            getattr(module, f"population_{method}")(**given)
        messages.append(str(raised.value))
        assert before == {name: array.tobytes() for name, array in arrays.items()}
    assert messages[0] == messages[1]


@pytest.mark.parametrize("method", ["train", "predict", "evaluate"])
@pytest.mark.parametrize("kind", BAD_NETWORKS)
def test_bad_networks_are_refused(core, method, kind):
    changes, error, text = BAD_NETWORKS[kind]
    assert_refused(core, method, changes, error, text)


@pytest.mark.parametrize("kind", BAD_TRAINING)
def test_bad_training_is_refused(core, kind):
    assert_refused(core, "train", *BAD_TRAINING[kind])


@pytest.mark.parametrize("kind", [
    "own rows of x", "no rows of x", "y of float64", "short y", "no y", "targets for labels",
    "label 3 of 3", "label -2**63", "an unknown loss", "row 23", "row -1", "rows of int32",
    "rows of one", "a mask of rows",
])  # fmt: skip
def test_bad_rows_to_evaluate_are_refused(core, kind):
    assert_refused(core, "evaluate", *BAD_TRAINING[kind])


def test_an_evaluation_needs_rows(core):
    text = r"rows must have at least one column, got shape \(7, 0\)"
    assert_refused(core, "evaluate", {"rows": ints(M, 0, dtype=np.intp)}, ValueError, text)


@pytest.mark.parametrize("method", ["train", "predict", "evaluate"])
@pytest.mark.parametrize("layer", [0, 1])
def test_activations_of_whole_rows_are_refused(core, method, layer):
    layers = Members(np.float32).layers
    layers[layer, 2] = Members(np.float32, (3, 2), ["softmax"]).layers[0, 2]
    text = "layers: activation 'softmax' is not supported, expected element-wise"
    assert_refused(core, method, {"layers": layers}, ValueError, text)


@pytest.mark.parametrize("name", ["rates", "penalties"])
def test_arrays_that_are_only_read_may_be_read_only(core, name):
    nets = [Members(np.float32) for _ in range(2)]
    given = read_only(nets[0].arguments(5)[name])
    assert nets[0].train(core, 5, **{name: given}).tolist() == [5] * M
    nets[1].train(core, 5)
    assert nets[0].bytes() == nets[1].bytes()


def test_batches_of_any_size_are_those_of_all_rows(core):
    nets = [Members(np.float32, batch_size=size) for size in (ROWS, 2**53)]
    for net in nets:
        net.train(core, 5)
    assert nets[0].bytes() == nets[1].bytes()


def test_networks_beyond_memory_without_members_raise(core):
    units = 2**20 - 2
    layers = table((units, units, 0))
    none = {"weights": shaped(0, (units + 1) * units), "layers": layers, "x": shaped(0, units)}
    with pytest.raises(MemoryError):
        core.population_predict(**none)
