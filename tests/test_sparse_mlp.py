"""Networks take sparse rows, and give the bits of the same numbers given dense."""

import dataclasses
import itertools
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nncore
from nncore import kernels, reference
from nncore.arguments import mlp as mlp_arguments
from nncore.arguments.arrays import UpdateRule
from nncore.params import aligned_zeros, mlp_shapes, views
from nncore.registry import ACTIVATIONS
from nncore.sparse import SparseRows, sparse_rows

scipy_sparse = pytest.importorskip("scipy.sparse")

RULES = (
    UpdateRule("sgd"),
    UpdateRule("momentum", 0.9),
    UpdateRule("adagrad", epsilon=1e-8),
    UpdateRule("rmsprop", 0.9, epsilon=1e-8),
    UpdateRule("adam", 0.9, 0.99, 1e-8),
    UpdateRule("adamw", 0.9, 0.99, 1e-8, 0.01),
)
SOFTMAX = "softmax_cross_entropy"
SLOTS = {"sgd": 0, "adam": 2, "adamw": 2}


def sparse(rows: int, columns: int, density: float = 0.15, dtype: Any = np.float64) -> Any:
    matrix = scipy_sparse.random(
        rows, columns, density=density, format="csr", random_state=1, dtype=dtype
    )
    matrix.data -= dtype(0.5)
    return matrix


def network(sizes: tuple[int, ...], dtype: Any, hidden: str = "tanh") -> tuple[Any, Any]:
    names = [hidden] * (len(sizes) - 2) + ["identity"]
    layers = np.array(
        [
            (*pair, ACTIVATIONS.index(n))
            for pair, n in zip(itertools.pairwise(sizes), names, strict=True)
        ],
        np.int64,
    )
    weights = aligned_zeros(mlp_arguments.flat_size(layers), dtype)
    rng = np.random.default_rng(3)
    for array in views(weights, mlp_shapes(sizes)).values():
        array[...] = 0.5 * rng.normal(size=array.shape)
    return layers, weights


# Narrow ones, one vector and more wide, several panels, and one with blocks of columns.
SIZES = [(7, 3), (5, 4, 2), (300, 50, 4), (40, 130, 3), (300, 9, 4, 5), (60, 1, 2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SIZES)
def test_kernels_have_the_bits_of_dense_rows(core: Any, sizes: tuple[int, ...], dtype: Any) -> None:
    layers, weights = network(sizes, dtype)
    y = np.arange(37) % sizes[-1]
    share = np.random.default_rng(0).random(37).astype(dtype)
    for other in (np.float32, np.float64):
        x = sparse(37, sizes[0], dtype=other)
        dense = core.mlp_predict(weights, layers, x.toarray())
        np.testing.assert_array_equal(core.mlp_predict(weights, layers, x), dense)
        np.testing.assert_array_equal(core.mlp_predict(weights, layers, x[:1]), dense[:1])
        for weight in (None, share):
            keywords: dict[str, Any] = {
                "loss": SOFTMAX,
                "l1": 0.01,
                "sample_weight": weight,
            }
            loss, gradient = core.mlp_gradients(weights, layers, x, y, **keywords)
            same, wanted = core.mlp_gradients(weights, layers, x.toarray(), y, **keywords)
            assert loss == same
            np.testing.assert_array_equal(gradient, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("units", "density"),
    [(70, 0.02), (70, 0.1), (400, 0.03), (400, 0.06)],
    ids=["where they are", "weights copied", "entries sorted", "both"],
)
def test_many_rows_by_blocks_of_columns_have_the_bits_of_dense_rows(
    core: Any, units: int, density: float, dtype: Any
) -> None:
    layers, weights = network((6000, units, 2), dtype)
    x = sparse(150, 6000, density)
    x.data[::7] *= 1e9  # so that another order of the sums would show
    rows = sparse_rows("x", x)
    for some in (x, rows[3:140], rows[np.arange(149, -1, -1)], x[:, ::-1].tocsr()):
        dense = core.mlp_predict(weights, layers, some.toarray())
        np.testing.assert_array_equal(core.mlp_predict(weights, layers, some), dense)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_go_into_out_wherever_it_is(core: Any, dtype: Any) -> None:
    layers, weights = network((30, 9, 3), dtype)
    y = np.arange(37) % 3
    for module in (core, reference):
        for x in (sparse_rows("x", sparse(37, 30, dtype=dtype)), sparse(37, 30).toarray()):
            loss, expected = module.mlp_gradients(weights, layers, x, y, loss=SOFTMAX)
            itself = weights.copy()
            for own, out in (
                (weights, np.full_like(weights, np.nan)),
                (weights, np.full(2 * weights.size, 7, dtype)[::2]),
                (itself, itself),
            ):
                got = module.mlp_gradients(own, layers, x, y, loss=SOFTMAX, out=out)
                assert got[0] == loss
                assert got[1] is out
                np.testing.assert_array_equal(out, expected)
        for bad in (weights[1:], weights.astype(np.float16), weights[None]):
            with pytest.raises((TypeError, ValueError), match="out"):
                module.mlp_gradients(weights, layers, x, y, loss=SOFTMAX, out=bad)


def test_gradients_into_the_numbers_of_sparse_rows_are_right(core: Any) -> None:
    layers, weights = network((30, 9, 3), np.float64)
    y = np.arange(37) % 3
    data = np.random.default_rng(0).random(weights.size)
    indices = np.arange(weights.size) % 30
    indptr = np.minimum(np.arange(38) * 30, 30 * (weights.size // 30))
    x = SparseRows(data, indices, indptr, (37, 30))
    expected = core.mlp_gradients(weights, layers, x.copy(), y, loss=SOFTMAX)
    got = core.mlp_gradients(weights, layers, x, y, loss=SOFTMAX, out=data)
    assert got[0] == expected[0]
    np.testing.assert_array_equal(data, expected[1])


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_with_anything_odd_are_not_sound(core: Any, dtype: Any, index: Any) -> None:
    def sound(data: Any = (1, 2, 3), indices: Any = (0, 4, 2), indptr: Any = (0, 2, 2, 3)) -> bool:
        arrays = np.array(data, dtype), np.array(indices, index), np.array(indptr, index)
        return bool(core.rows_are_sound(SparseRows(*arrays, (3, 5))))

    assert sound()
    assert sound(data=(np.nan, 1, 2, 3), indices=(9, 0, 4, 2), indptr=(1, 3, 3, 4))
    for value in (np.nan, np.inf, -np.inf):
        assert not sound(data=(1, 2, value))
    for columns in ((4, 0, 2), (0, 0, 2), (-1, 4, 2), (0, 5, 2), (0, 4, 5), (0, 4, -1)):
        assert not sound(indices=columns)
    for starts in ((0, 2, 1, 3), (-1, 2, 2, 3), (0, 2, 2, 4), (0, 2, 3), (0, 2, 2, 3, 3)):
        assert not sound(indptr=starts)


def trained(x: Any, rule: UpdateRule, ops: Any = kernels, **keywords: Any) -> list[Any]:
    """Everything that `mlp_train` leaves behind."""
    sizes = (30, 9, 3)
    layers, weights = network(sizes, keywords.pop("dtype", np.float32))
    slots = aligned_zeros((SLOTS.get(rule.kind, 1), weights.size), weights.dtype)
    gradient, counters = np.zeros_like(weights), np.zeros(4, np.int64)
    losses, penalties, order = np.zeros(23), np.zeros(23), np.zeros(37, np.intp)
    done = ops.mlp_train(
        *(weights, gradient, slots, layers, x, np.arange(37) % 3, order, counters),
        *(np.full(23, 0.01), losses),
        loss=SOFTMAX,
        optimizer=rule,
        epoch_rows=37,
        seed=3,
        penalties=penalties,
        **keywords,
    )
    return [weights, slots, losses, penalties, counters, done]


@pytest.mark.parametrize(
    "extra",
    [{}, {"l1": 0.01, "l2": 0.02}, {"alpha": 0.1, "clip_norm": 0.5}, {"clip_value": 0.01},
     {"dropout": (0.3,)}],
)  # fmt: skip
@pytest.mark.parametrize("batch", [1, 4, 37])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_training_has_the_bits_of_dense_rows(
    core: Any, rule: UpdateRule, batch: int, extra: dict[str, Any]
) -> None:
    x = sparse(37, 30)
    ours = trained(x, rule, core, batch_size=batch, **extra)
    dense = trained(x.toarray(), rule, core, batch_size=batch, **extra)
    for one, other in zip(ours, dense, strict=True):
        np.testing.assert_array_equal(one, other)
    twin = trained(x, rule, reference, batch_size=batch, dtype=np.float64, **extra)
    double = trained(x, rule, core, batch_size=batch, dtype=np.float64, **extra)
    for one, other in zip(double, twin, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_any_format_type_and_order_of_entries_is_the_same_matrix() -> None:
    layers, weights = network((30, 9, 3), np.float64)
    x = sparse(20, 30)
    dense = kernels.mlp_predict(weights, layers, x.toarray())
    net = nncore.MLP([30, 3], rng=0, dtype="float64")
    for form in ("csr", "csc", "coo", "lil", "dok", "bsr"):
        for made in (scipy_sparse.csr_matrix(x), scipy_sparse.csr_array(x)):
            same = made.asformat(form)
            np.testing.assert_array_equal(kernels.mlp_predict(weights, layers, same), dense)
            np.testing.assert_array_equal(net.predict(same), net.predict(x.toarray()))
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 20, 300), rng.integers(0, 30, 300)  # many twice
    messy = scipy_sparse.coo_array((rng.normal(size=300), (rows, columns)), (20, 30))
    by_rows = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[by_rows], np.arange(21))
    for kind in (np.int32, np.int64):
        unsorted = scipy_sparse.csr_array(
            (messy.data[by_rows], columns[by_rows].astype(kind), starts.astype(kind)), (20, 30)
        )
        np.testing.assert_allclose(
            kernels.mlp_predict(weights, layers, unsorted),
            kernels.mlp_predict(weights, layers, messy.toarray()),
            rtol=1e-12,
        )
        assert (np.diff(unsorted.indices) < 0).any()


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint64, np.float16, np.longdouble])
def test_numbers_of_other_types_are_converted(kind: Any) -> None:
    x = scipy_sparse.csr_array(np.eye(6, 5))
    other = SparseLikeScipy(x.data.astype(kind), x.indices, x.indptr, x.shape)
    net = nncore.MLP([5, 2], rng=0)
    np.testing.assert_array_equal(net.predict(other), net.predict(x.toarray()))


class SparseLikeScipy:
    """Only what is asked of a matrix by rows."""

    def __init__(self, data: Any, indices: Any, indptr: Any, shape: Any) -> None:
        self.data, self.indices, self.indptr, self.shape = data, indices, indptr, shape

    def tocsr(self) -> Any:
        return self


def test_empty_rows_and_matrices() -> None:
    net = nncore.MLP([5, 4, 2], rng=0)
    for shape in ((0, 5), (3, 5)):
        empty = scipy_sparse.csr_array(shape)
        np.testing.assert_array_equal(net.predict(empty), net.predict(np.zeros(shape)))
    with pytest.raises(ValueError, match="no rows"):
        net.fit(scipy_sparse.csr_array((0, 5)), np.zeros((0, 2)))


# --- networks -------------------------------------------------------------------------------


def classes(columns: int = 60) -> tuple[Any, Any]:
    return sparse(90, columns), np.arange(90) % 3


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_a_network_does_everything_with_sparse_rows(backend: Any) -> None:
    x, y = classes()
    nets = []
    for rows in (x, x.toarray()):
        net = nncore.MLP([60, 8, 3], "tanh", "softmax", "softmax_cross_entropy", l2=1e-3, rng=0,
                         backend=backend)  # fmt: skip
        history = net.fit(rows, y, epochs=4, batch_size=16, validation_fraction=0.2)
        net.fit(rows, y, epochs=2, validation_data=(rows[:20], y[:20]))
        loss, gradients = net.loss_and_gradients(rows, y, sample_weight=np.arange(90) + 1.0)
        figures = [net.predict(rows), net.predict_class(rows), net.accuracy(rows, y), loss]
        figures += [net.loss(rows, y), history.loss, history.validation_loss, *gradients.values()]
        nets.append(
            [*figures, *net.parameters.values(), *map(net.trace(rows, y).get, ("z1", "a2"))]
        )
    for one, other in zip(*nets, strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradients_are_those_of_differences() -> None:
    x, y = classes(20)
    net = nncore.MLP([20, 6, 3], "tanh", "softmax", "softmax_cross_entropy", l1=1e-3, rng=0)
    assert nncore.check_gradients(net, x[:7], y[:7]).ok


def test_a_run_that_was_broken_off_goes_on_with_sparse_rows(tmp_path: Any) -> None:
    x, y = classes()

    def made() -> Any:
        return nncore.MLP([60, 5, 3], "tanh", "softmax", "softmax_cross_entropy", rng=0)

    whole, part = made(), made()
    whole.fit(x, y, epochs=6)

    def stop(event: Any) -> None:
        if event.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        part.fit(x, y, epochs=6, callbacks=[stop], checkpoint=tmp_path / "net")
    other = nncore.MLP.load(tmp_path / "net")
    with pytest.raises(ValueError, match="must be those that it began with"):
        other.fit(x * 2, y, epochs=6, resume=True)
    other.fit(x, y, epochs=6, resume=True)
    for name, array in other.parameters.items():
        np.testing.assert_array_equal(array, whole.parameters[name])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_training_names_the_place_of_what_is_not_finite(value: float) -> None:
    x, y = classes()
    x.data[40] = value
    row, column = (int(axis[40]) for axis in x.tocoo().coords)
    net = nncore.MLP([60, 3], "tanh", "softmax", "softmax_cross_entropy", rng=0)
    with pytest.raises(ValueError, match=f"in row {row}, column {column};"):
        net.fit(x, y)


def test_prediction_passes_nan_on_in_its_row_only() -> None:
    x, _ = classes()
    x.data[40] = np.nan
    lost = np.asarray(np.isnan(nncore.MLP([60, 5, 3], rng=0).predict(x)).any(axis=1))
    assert lost.nonzero()[0].tolist() == [int(x.tocoo().coords[0][40])]


# --- what is no matrix ----------------------------------------------------------------------


def parts(**changed: Any) -> Any:
    given = {"data": np.ones(4), "indices": np.array([0, 2, 1, 3]), "indptr": np.array([0, 2, 4]),
             "shape": (2, 5)} | changed  # fmt: skip
    return SparseLikeScipy(**given)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"indices": np.array([0, 2, 1, 5])}, IndexError, "indices has 5"),
        ({"indices": np.array([0, -1, 1, 3])}, IndexError, "indices has -1"),
        ({"indices": np.array([0, 2**40, 1, 3])}, IndexError, "indices has 1099511627776"),
        ({"indptr": np.array([0, 4, 2])}, ValueError, "indptr must be ascending .* from 0 to 2"),
        ({"indptr": np.array([0, 2, 5])}, ValueError, "at most 4"),
        ({"indptr": np.array([-1, 2, 4])}, ValueError, "indptr must be ascending .* from -1"),
        ({"indptr": np.array([0, 2])}, ValueError, "indptr has 2 entries, expected 3"),
        ({"indptr": np.array([0, 2**62, 4])}, ValueError, "indptr must be ascending"),
        ({"indices": np.ones(3, int)}, ValueError, "at most 3"),
        ({"data": np.ones(3)}, ValueError, "at most 3"),
        ({"data": np.ones(4, complex)}, TypeError, "must hold numbers"),
        ({"data": np.ones((2, 2))}, TypeError, "must hold numbers"),
        ({"indices": np.ones(4)}, TypeError, "indices must be integers"),
        ({"indptr": np.ones(3)}, TypeError, "indptr must be integers"),
        ({"shape": (2, 6)}, ValueError, r"shape \(2, 6\)"),
        ({"shape": (2,)}, ValueError, "rows and columns"),
    ],
)
def test_what_is_no_matrix_is_refused(
    changed: dict[str, Any], error: type[Exception], message: str
) -> None:
    net = nncore.MLP([5, 2], rng=0)
    net.predict(parts())
    for use in (net.predict, lambda x: net.fit(x, np.zeros((2, 2)))):
        with pytest.raises(error, match=message):
            use(parts(**changed))
    layers, weights = network((5, 2), np.float32)
    for ops in (kernels, reference):
        with pytest.raises(error, match=message):
            ops.mlp_predict(weights, layers, parts(**changed))


def test_kernels_check_what_was_changed_after_it_was_found_good() -> None:
    """The same errors from the kernel itself, on arrays that nobody looks at before."""
    layers, weights = network((5, 2), np.float32)
    wrong = [("indices", 3, 5), ("indices", 0, -1), ("indptr", 1, 5), ("indptr", 0, -9)]
    for name, at, value in [*wrong, ("indptr", 2, 1), ("indptr", 2, 2**62)]:
        x = sparse_rows("x", parts())
        getattr(x, name)[at] = value
        for ops in (kernels, reference):
            with pytest.raises((IndexError, ValueError), match=rf"x\.{name}"):
                ops.mlp_predict(weights, layers, x)
            with pytest.raises((IndexError, ValueError), match=rf"x\.{name}"):
                ops.mlp_gradients(weights, layers, x, np.zeros(2, np.intp),
                                  loss=SOFTMAX)  # fmt: skip


def test_rows_with_arrays_of_other_types_are_refused() -> None:
    layers, weights = network((5, 2), np.float32)
    good = parts()
    for changed in ({"data": np.ones(4, np.int64)}, {"indices": np.ones(4)}, {"indptr": [0, 2, 4]},
                    {"data": np.ones(8)[::2]}, {"indptr": np.zeros(2, np.int64)}):  # fmt: skip
        x = SparseRows(**(vars(good) | changed))
        with pytest.raises((ValueError, AttributeError)):
            kernels.mlp_predict(weights, layers, x)


def test_read_only_and_mapped_arrays_are_read(tmp_path: Any) -> None:
    x = sparse(20, 30)
    net = nncore.MLP([30, 2], rng=0)
    wanted = net.predict(x)
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / name, getattr(x, name))
        setattr(x, name, np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    np.testing.assert_array_equal(net.predict(x), wanted)


def test_some_rows_are_taken_as_numpy_takes_them() -> None:
    x = sparse_rows("x", sparse(20, 30))
    dense = x.toarray()
    for rows in (
        slice(3, 9),
        slice(5, 2),
        slice(None, None, -3),
        np.array([7, 7, 0]),
        np.array([], int),
    ):
        np.testing.assert_array_equal(x[rows].toarray(), dense[rows])
    assert x[4:].data is x.data
    np.testing.assert_array_equal(x[4:][np.array([1])].toarray(), dense[5:6])


@pytest.mark.parametrize("batch", [1, 7])
def test_another_thread_may_write_into_the_rows(batch: int) -> None:
    """Calls raise, or end with something: none reads or writes where there is nothing."""
    given = sparse(37, 30)
    layers, weights = network((30, 9, 3), np.float32)
    y = np.arange(37) % 3
    stop = threading.Event()
    x = sparse_rows("x", given.copy())

    def scribble() -> None:
        rng = np.random.default_rng(0)
        while not stop.is_set():
            x.indices[rng.integers(0, len(x.indices), 9)] = rng.choice([-1, 0, 29, 30, 2**31 - 1])
            x.indptr[rng.integers(0, 38)] = rng.choice([-5, 0, 10**6, 2**31 - 1, 9, 100])
            x.data[rng.integers(0, len(x.data), 9)] = 1.0
            x.indptr[:] = given.indptr
            x.indices[:] = given.indices

    thread = threading.Thread(target=scribble)
    thread.start()
    raised = ended = rounds = 0
    deadline = time.monotonic() + 30
    try:
        # Whether the threads meet is a matter of luck, above all on a busy machine.
        while rounds < 50 or (not (raised and ended) and time.monotonic() < deadline):
            rounds += 1
            for use in (
                lambda: trained(x, RULES[0], batch_size=batch),
                lambda: trained(x, RULES[4], batch_size=batch),
                lambda: kernels.mlp_predict(weights, layers, x),
                lambda: kernels.mlp_gradients(weights, layers, x, y, loss=SOFTMAX),
            ):
                try:
                    use()
                    ended += 1
                except (IndexError, ValueError):
                    raised += 1
    finally:
        stop.set()
        thread.join()
    assert raised
    assert ended


def test_columns_beside_the_rows_spare_a_sort_and_are_checked() -> None:
    layers, weights = network((30, 9, 3), np.float64)
    y = np.arange(37) % 3
    matrix = sparse(37, 30)
    x, turned = sparse_rows("x", matrix), matrix.tocsc()

    def gradients(**changed: Any) -> Any:
        arrays = {name: getattr(turned, name).copy() for name in ("data", "indices", "indptr")}
        columns = SparseRows(**{**arrays, "shape": (30, 37)} | changed)
        both = dataclasses.replace(x, columns=columns)
        return kernels.mlp_gradients(weights, layers, both, y, loss=SOFTMAX)

    loss, gradient = kernels.mlp_gradients(weights, layers, x, y, loss=SOFTMAX)
    assert gradients()[0] == loss
    np.testing.assert_array_equal(gradients()[1], gradient)
    with pytest.raises(IndexError, match="by columns has a row beyond 36"):
        gradients(indices=turned.indices + 1)
    for starts in (turned.indptr - 1, turned.indptr[::-1].copy(), turned.indptr * 1000):
        with pytest.raises(ValueError, match="by columns has column"):
            gradients(indptr=starts)
    overlapping = np.where(np.arange(31) % 2, len(turned.data), 0).astype(np.int32)
    with pytest.raises(ValueError, match="by columns has column"):
        gradients(indptr=overlapping)
    with pytest.raises(ValueError, match="expected"):
        gradients(shape=(31, 37))


@given(data=st.data())
def test_any_matrix_has_the_bits_of_its_numbers_given_dense(data: Any) -> None:
    rows, inputs, units = (data.draw(st.integers(1, most)) for most in (40, 90, 40))
    seed, density = data.draw(st.integers(0, 99)), data.draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))
    kind, dtype = (data.draw(st.sampled_from([np.float32, np.float64])) for _ in range(2))
    matrix = scipy_sparse.random(
        rows, inputs, density=density, format="csr", random_state=seed, dtype=kind
    )
    if data.draw(st.booleans()):
        matrix.data[::3] = 0  # that stand there all the same
    index = data.draw(st.sampled_from([np.int32, np.int64]))
    x = SparseLikeScipy(
        matrix.data, matrix.indices.astype(index), matrix.indptr.astype(index), matrix.shape
    )
    layers, weights = network((inputs, units, 3), dtype)
    y, dense = np.arange(rows) % 3, matrix.toarray()
    np.testing.assert_array_equal(
        kernels.mlp_predict(weights, layers, x), kernels.mlp_predict(weights, layers, dense)
    )
    results = [kernels.mlp_gradients(weights, layers, each, y, loss=SOFTMAX) for each in (x, dense)]
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize("row", [999, -1])
def test_coordinates_that_there_are_not_are_refused(row):
    """SciPy's own conversion trusts them: a segmentation fault before."""
    x = scipy_sparse.coo_matrix(np.eye(30))
    x.row[0] = row
    with pytest.raises(ValueError, match="X is malformed"):
        nncore.MLP([30, 4, 2], rng=0).predict(x)


def test_blocks_that_there_are_not_are_refused():
    x = scipy_sparse.bsr_matrix(np.eye(30), blocksize=(3, 3))
    wanted = nncore.MLP([30, 4, 2], rng=0).predict(np.eye(30))
    assert nncore.MLP([30, 4, 2], rng=0).predict(x).tobytes() == wanted.tobytes()
    x.indptr[1] = 9999999
    with pytest.raises(ValueError, match="X is malformed"):
        nncore.MLP([30, 4, 2], rng=0).predict(x)


def test_targets_have_to_be_dense():
    with pytest.raises(TypeError, match="Y must be dense, got a sparse matrix"):
        nncore.MLP([3, 4, 2], rng=0).fit(np.ones((5, 3)), scipy_sparse.csr_array(np.ones((5, 2))))
