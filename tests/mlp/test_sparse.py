"""Networks train on sparse rows, and give the bits of the same numbers in a dense array."""

from typing import Any

import numpy as np
import pytest
from sparse_networks import sparse

import nncore


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


def test_check_gradients_passes_on_sparse_rows() -> None:
    x, y = classes(20)
    net = nncore.MLP([20, 6, 3], "tanh", "softmax", "softmax_cross_entropy", l1=1e-3, rng=0)
    assert nncore.check_gradients(net, x[:7], y[:7]).ok


def test_an_interrupted_run_is_resumed_with_sparse_rows(tmp_path: Any) -> None:
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
    with pytest.raises(ValueError, match="must be those that it was started with"):
        other.fit(x * 2, y, epochs=6, resume=True)
    other.fit(x, y, epochs=6, resume=True)
    for name, array in other.parameters.items():
        np.testing.assert_array_equal(array, whole.parameters[name])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_training_names_the_position_of_non_finite_values(value: float) -> None:
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
