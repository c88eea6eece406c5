"""The record of a population grows with its epochs, and a refused allocation changes nothing."""

import tracemalloc

import numpy as np
import pytest
from interruptions import interrupted_once
from mlp_runs import calls_of
from populations import HELD_OUT, M, X, Y, bits, population, record, trained

from nncore import SGD, EarlyStopping, Population
from nncore.population import record as population_record
from nncore.population import run as population_run
from nncore.training import GrowableArray

MANY = 10**9  # epochs, whose losses would take 40 GB


def test_a_run_that_may_be_long_takes_memory_for_its_epochs_only():
    how = {"early_stopping": EarlyStopping(3), "validation_data": HELD_OUT, "optimizer": SGD(1.0)}
    nets = population()
    tracemalloc.start()
    nets.fit(X, Y, epochs=MANY, **how)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10**7
    control = population()
    control.fit(X, Y, epochs=200, **how)
    assert bits(nets) == bits(control)
    np.testing.assert_equal(record(nets.history), record(control.history))
    assert nets.history.epochs < 200


def test_no_memory_is_reserved_beyond_the_planned_epochs():
    nets = Population((2, 2, 1), rng=5000)
    nets.fit(X[:, :2], Y[:, 0], epochs=3)
    base = nets.history.loss.base
    assert nets.history.loss.nbytes == 5000 * 3 * 8
    assert base is None or base.nbytes == nets.history.loss.nbytes


@pytest.mark.parametrize(
    ("name", "at"),
    [("slots", 1), *((name, at) for name in ("losses", "snapshot") for at in (1, 2, 3))],
)
def test_a_refused_allocation_leaves_the_updates_before_it(name, at, monkeypatch):
    """At the start nothing changes; later, what was trained stays, and the run can be resumed."""
    owner, function = {
        "losses": (population_record.Record, "room"),
        "slots": (population_run, "aligned_zeros"),
        "snapshot": (population_run.BeforeCall, "snapshot"),
    }[name]

    def refused(*args):
        calls.append(1)
        if len(calls) == at:
            raise MemoryError
        return real(*args)

    calls, real, how = [], getattr(owner, function), {"epochs": 6, "optimizer": SGD(momentum=0.9)}
    nets, before, whole = trained(), trained(), trained()
    with monkeypatch.context() as patch:
        calls_of(1, patch, population_run)
        patch.setattr(owner, function, refused)
        with pytest.raises(MemoryError):
            nets.fit(X, Y, **how)
    if at == 1:
        assert nets.flat.tobytes() == before.flat.tobytes()
        np.testing.assert_equal(record(nets.history), record(before.history))
    whole.fit(X, Y, **how)
    nets.fit(X, Y, **how, resume=name != "slots")
    assert bits(nets) == bits(whole)
    np.testing.assert_equal(record(nets.history), record(whole.history))


@pytest.mark.parametrize("start", [1, 2])
def test_ctrl_c_while_the_record_grows_changes_no_bit(start, monkeypatch):
    nets, whole = population(), trained({"epochs": 6})
    with monkeypatch.context() as patch:
        calls_of(1, patch, population_run)
        put_columns = interrupted_once(GrowableArray.put_columns, start, after=True)
        patch.setattr(GrowableArray, "put_columns", put_columns)
        with pytest.raises(KeyboardInterrupt):
            nets.fit(X, Y, epochs=6)
    assert nets.history.loss.shape == (M, start - 1)
    nets.fit(X, Y, epochs=6, resume=True)
    assert bits(nets) == bits(whole)
    np.testing.assert_equal(record(nets.history), record(whole.history))
