"""Sparse matrices of any kind are read as SciPy reads them, or refused."""

import dataclasses
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sparse_networks import SOFTMAX, network, scipy_sparse, sparse, trained

import nncore
from nncore import kernels, reference
from nncore.registry import UpdateRule
from nncore.sparse import SparseRows, sparse_rows

# --- matrices ----------------------------------------------------------------------------------


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


# --- refusals -----------------------------------------------------------------------------


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
        ({"data": np.ones(4, complex)}, TypeError, "must contain numbers"),
        ({"data": np.ones((2, 2))}, TypeError, "must contain numbers"),
        ({"indices": np.ones(4)}, TypeError, "indices must be integers"),
        ({"indptr": np.ones(3)}, TypeError, "indptr must be integers"),
        ({"shape": (2, 6)}, ValueError, r"shape \(2, 6\)"),
        ({"shape": (2,)}, ValueError, "rows and columns"),
    ],
)
def test_invalid_sparse_matrices_are_refused(
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


def test_kernels_notice_changes_after_the_check() -> None:
    """The same errors from the kernel itself, on arrays that nothing has checked before."""
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
    expected = net.predict(x)
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / name, getattr(x, name))
        setattr(x, name, np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    np.testing.assert_array_equal(net.predict(x), expected)


def test_sparse_rows_are_indexed_as_in_numpy() -> None:
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
                lambda: trained(x, UpdateRule("sgd"), batch_size=batch),
                lambda: trained(x, UpdateRule("adam", 0.9, 0.99, 1e-8), batch_size=batch),
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


def test_precomputed_columns_are_used_and_checked() -> None:
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
    with pytest.raises(IndexError, match=r"x\.columns\.indices has a value outside 0 to 36"):
        gradients(indices=turned.indices + 1)
    for starts in (turned.indptr - 1, turned.indptr[::-1].copy(), turned.indptr * 1000):
        with pytest.raises(ValueError, match=r"x\.columns\.indptr has row"):
            gradients(indptr=starts)
    overlapping = np.where(np.arange(31) % 2, len(turned.data), 0).astype(np.int32)
    with pytest.raises(ValueError, match=r"x\.columns\.indptr has row"):
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
        matrix.data[::3] = 0  # explicit zeros
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
def test_coordinates_out_of_range_are_refused(row):
    """SciPy's own conversion trusts them: a segmentation fault before."""
    x = scipy_sparse.coo_matrix(np.eye(30))
    x.row[0] = row
    with pytest.raises(ValueError, match="X is malformed"):
        nncore.MLP([30, 4, 2], rng=0).predict(x)


def test_blocks_out_of_range_are_refused():
    x = scipy_sparse.bsr_matrix(np.eye(30), blocksize=(3, 3))
    expected = nncore.MLP([30, 4, 2], rng=0).predict(np.eye(30))
    assert nncore.MLP([30, 4, 2], rng=0).predict(x).tobytes() == expected.tobytes()
    x.indptr[1] = 9999999
    with pytest.raises(ValueError, match="X is malformed"):
        nncore.MLP([30, 4, 2], rng=0).predict(x)


def test_targets_have_to_be_dense():
    with pytest.raises(TypeError, match="Y must be dense, got a sparse matrix"):
        nncore.MLP([3, 4, 2], rng=0).fit(np.ones((5, 3)), scipy_sparse.csr_array(np.ones((5, 2))))
