"""A network of another kind trains by epochs with what the base classes give it."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import nncore
from nncore.checks import float_dtype
from nncore.guards import exclusive
from nncore.model import Model
from nncore.params import views
from nncore.reference.hashing import shuffled
from nncore.training import CallLength
from nncore.training.epochs import file as epochs_file
from nncore.training.epochs.checks import check_finite, check_rows, numeric, sample_weights
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.history import EpochHistory
from nncore.training.epochs.model import ROWS, EpochModel
from nncore.training.epochs.run import EpochRun
from nncore.training.epochs.settings import EpochFitSettings

rng = np.random.default_rng(4)
X = rng.standard_normal((41, 6, 3))  # sequences of vectors
Y = X.sum(axis=1) @ [[0.5], [-1.0], [0.25]] + 0.05 * rng.standard_normal((41, 1))


DEFAULTS = {
    "optimizer": nncore.SGD(0.02), "epochs": 30, "batch_size": 8, "shuffle": True,
    "schedule": nncore.Constant(), "clip": None, "clip_norm": None, "early_stopping": None,
    "callbacks": (), "progress": False, "checkpoint": None, "checkpoint_every": 60.0,
    "resume": False,
}  # fmt: skip


class SumsHistory(EpochHistory):
    """Record of the training of a `Sums`."""


class Sums(EpochModel):
    """A linear function of the sum of a sequence, trained by gradient descent in NumPy."""

    history: SumsHistory

    def __init__(self, inputs=3, dtype="float64", rng=0):
        super().__init__(dtype, "numpy")
        init_rng = self._allocate({"w": (inputs, 1), "b": (1,)}, rng)
        self.history = SumsHistory()
        self._set_parameters({"w": init_rng.standard_normal((inputs, 1)), "b": np.zeros(1)})

    @property
    def parameters(self):
        return views(self._weights, self._shapes)

    @exclusive
    def fit(self, X, Y, sample_weight=None, validation_data=None, validation_fraction=0.0, **how):
        settings = EpochFitSettings(**DEFAULTS | how)
        data, held_out = self._run_data(
            settings, X, Y, sample_weight, validation_data, validation_fraction
        )
        self._check_parameters()
        SumsRun(self, data, held_out, settings).run()
        return self.history

    def _data(self, X, Y, sample_weight=None, names=ROWS):
        x, y = numeric(names[0], X), numeric(names[1], Y)
        check_finite(names[0], x)
        check_rows(names[1], y, len(x))
        return EpochData(x, y, sample_weights(names[2], sample_weight, len(x), self.dtype))

    def _evaluate(self, data):
        outputs = data.x.sum(axis=1) @ self.parameters["w"] + self.parameters["b"]
        return float(np.average((outputs - data.y)[:, 0] ** 2, weights=data.weight)), outputs

    def _held_out_accuracy(self, outputs, data):
        return None

    @classmethod
    def _files(cls):
        return SimpleNamespace(save=save, load=load)


class SumsRun(EpochRun):
    """A run of `Sums.fit`."""

    def __init__(self, *args):
        super().__init__(*args)
        self.call = CallLength(longest=50)

    def _train_call(self, n, rates, losses):
        return SimpleNamespace(run=partial(self.updates, n, rates, losses))

    def updates(self, n, rates, losses, ops):
        """Make n updates with the rows of `order`."""
        model, counters = self.model, self.model._counters
        for i in range(n):
            at, epoch = map(int, counters[2:])
            if self.shuffle and at == 0:
                self.order[...] = shuffled(self.rows, model._hash_seed, epoch)
            part = slice(at, min(at + self.batch, self.rows))
            data = self.data.take(self.order[part] if self.shuffle else part)
            sums, weight = data.x.sum(axis=1), 1 if data.weight is None else data.weight[:, None]
            error = sums @ model.parameters["w"] + model.parameters["b"] - data.y
            with np.errstate(over="ignore"):
                losses[i] = np.mean(weight * error**2)
            if not np.isfinite(losses[i]):
                return i
            slope = 2 * rates[i] * weight * error / len(error)
            model.parameters["w"][...] -= sums.T @ slope
            model.parameters["b"][...] -= slope.sum()
            ended = part.stop == self.rows
            counters += (1, 1, -at if ended else part.stop - at, ended)
        return n


def save(model, path):
    epochs_file.save(model, path, "Sums", {"inputs": len(model.parameters["w"])})


def load(cls, path, backend):
    def build(file):
        inputs = file.field("settings", dict)["inputs"]
        epochs_file.check_arrays(file, {"w": (inputs, 1), "b": (1,)}, float_dtype("", "float64"))
        return cls(inputs)

    return epochs_file.load(path, "Sums", build)


def result(model):
    arrays = [model._weights, model._counters, model.history.loss, model.history.validation_loss]
    return [array.tobytes() for array in arrays] + [model.history.best_epoch]


def test_it_learns_and_records_its_epochs():
    net = Sums()
    history = net.fit(X, Y, validation_fraction=0.2)
    assert history is net.history
    assert (history.epochs, history.updates) == (30, 150)  # batches of 8 of 33 rows
    assert history.validation_loss[-1] < 0.02 < history.validation_loss[0]
    assert repr(history).startswith("<SumsHistory: 30 epochs, 150 updates in ")
    np.testing.assert_allclose(net.parameters["w"][:, 0], [0.5, -1.0, 0.25], atol=0.05)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows():
    net, other = Sums(), Sums()
    weight = np.arange(41.0)
    net.fit(X, Y, sample_weight=weight, epochs=1, shuffle=False, optimizer=nncore.SGD(1e-30))
    expected = other._evaluate(other._data(X, Y, weight))[0]
    np.testing.assert_allclose(net.history.loss, [expected])
    net.fit(X, Y, epochs=1, shuffle=False, optimizer=nncore.SGD(1e-30))
    np.testing.assert_allclose(net.history.loss[1], other._evaluate(other._data(X, Y))[0])


@pytest.mark.parametrize("at", [1, 4, 6])
@pytest.mark.parametrize(
    "how",
    [
        {"validation_fraction": 0.3},
        {"early_stopping": nncore.EarlyStopping(2), "optimizer": nncore.SGD(0.05)},
        {"schedule": nncore.OnPlateau(patience=1), "validation_data": (X[:9], Y[:9])},
        {"shuffle": False},
    ],
    ids=lambda how: next(iter(how)),
)
def test_a_run_interrupted_at_an_epoch_is_finished_from_its_file_with_the_same_bits(
    how, at, tmp_path
):
    path, whole, part = tmp_path / "sums", Sums(), Sums()
    whole.fit(X, Y, **how)

    def ctrl_c(event):
        if event.epoch == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        part.fit(X, Y, **how, callbacks=[ctrl_c], checkpoint=path)
    loaded = Sums.load(path)
    assert loaded.history.epochs == at < whole.history.epochs
    with pytest.raises(ValueError, match="must be those that it was started with"):
        Sums.load(path).fit(X[:, ::-1], Y, **how, resume=True)
    loaded.fit(X, Y, **how, resume=True)
    assert result(loaded) == result(whole)
    with pytest.raises(ValueError, match="there is no run to resume"):
        loaded.fit(X, Y, **how, resume=True)


@pytest.mark.parametrize("stop", [0, 3, 17])
def test_ctrl_c_within_an_epoch_leaves_its_order_to_be_drawn_again(stop, monkeypatch):
    whole, part = Sums(), Sums()
    whole.fit(X, Y)
    updates = SumsRun.updates

    def interrupted(self, n, rates, losses, ops):
        if self.model._counters[0] + n > stop:
            updates(self, n, rates, losses, ops)
            raise KeyboardInterrupt
        return updates(self, n, rates, losses, ops)

    monkeypatch.setattr(SumsRun, "updates", interrupted)
    with pytest.raises(KeyboardInterrupt):
        part.fit(X, Y)
    monkeypatch.undo()
    assert part.history.updates == part._counters[0] <= stop
    part.fit(X, Y, resume=True)
    assert result(part) == result(whole)


def test_divergence_restores_the_last_good_parameters():
    net = Sums()
    with pytest.raises(nncore.DivergenceError, match="smaller learning rate \\(it is 1000\\)"):
        net.fit(X, Y, optimizer=nncore.SGD(1e3), epochs=500)
    assert np.isfinite(net._weights).all()
    assert np.isfinite(net.history.loss).all()


def test_a_base_without_a_network_implements_nothing():
    class Bare(EpochModel):
        """A network without functions."""

    bare = Bare("float32", "numpy")
    assert isinstance(bare, Model)
    for call in (lambda: bare._data(X, Y), lambda: bare._evaluate(None)):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(NotImplementedError):
        bare._held_out_accuracy(Y, None)
    with pytest.raises(TypeError, match="_train_call"):
        EpochRun(bare, None, None, None)
