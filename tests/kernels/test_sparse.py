"""Kernels give the same bits for sparse rows as for dense arrays."""

from typing import Any

import numpy as np
import pytest
from every_optimizer import EVERY_RULE
from sparse_networks import SIZES, SOFTMAX, network, sparse, trained

from nncore import reference
from nncore.arguments.arrays import UpdateRule
from nncore.sparse import SparseRows, sparse_rows


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
            same, expected = core.mlp_gradients(weights, layers, x.toarray(), y, **keywords)
            assert loss == same
            np.testing.assert_array_equal(gradient, expected)


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
    x.data[::7] *= 1e9  # so that another order of the sums would be detected
    rows = sparse_rows("x", x)
    for some in (x, rows[3:140], rows[np.arange(149, -1, -1)], x[:, ::-1].tocsr()):
        dense = core.mlp_predict(weights, layers, some.toarray())
        np.testing.assert_array_equal(core.mlp_predict(weights, layers, some), dense)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_are_written_to_out_in_any_layout(core: Any, dtype: Any) -> None:
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
def test_invalid_sparse_rows_are_recognised(core: Any, dtype: Any, index: Any) -> None:
    def sound(data: Any = (1, 2, 3), indices: Any = (0, 4, 2), indptr: Any = (0, 2, 2, 3)) -> bool:
        arrays = np.array(data, dtype), np.array(indices, index), np.array(indptr, index)
        return bool(core.rows_are_valid(SparseRows(*arrays, (3, 5))))

    assert sound()
    assert sound(data=(np.nan, 1, 2, 3), indices=(9, 0, 4, 2), indptr=(1, 3, 3, 4))
    for value in (np.nan, np.inf, -np.inf):
        assert not sound(data=(1, 2, value))
    for columns in ((4, 0, 2), (0, 0, 2), (-1, 4, 2), (0, 5, 2), (0, 4, 5), (0, 4, -1)):
        assert not sound(indices=columns)
    for starts in ((0, 2, 1, 3), (-1, 2, 2, 3), (0, 2, 2, 4), (0, 2, 3), (0, 2, 2, 3, 3)):
        assert not sound(indptr=starts)


@pytest.mark.parametrize(
    "extra",
    [{}, {"l1": 0.01, "l2": 0.02}, {"alpha": 0.1, "clip_norm": 0.5}, {"clip_value": 0.01},
     {"dropout": (0.3,)}],
)  # fmt: skip
@pytest.mark.parametrize("batch", [1, 4, 37])
@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.kind)
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
