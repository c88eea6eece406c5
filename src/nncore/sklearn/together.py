"""Training of many estimators on the same data: in lanes where that is faster, or in turn.

Each estimator gets the bits that its `fit` gives for its rows alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from nncore.params import Array
from nncore.sklearn import alone, fitting, lanes
from nncore.sklearn.orders import Orders
from nncore.sklearn.parameters import hidden_sizes
from nncore.sklearn.recording import NOT_FINITE
from nncore.sklearn.training import Epochs
from nncore.sklearn.validated import Validated

ATOMS = (bool, int, float, str, type(None))  # parameters that copies may share
MOST_KEPT = 1 << 22  # rows in the orders that are kept for other members


@dataclass
class Task:
    """An estimator to be trained on some rows.

    Attributes
    ----------
    estimator : MLPClassifier or MLPRegressor
        A new estimator for which `reason_against` is None.
    data : Validated
        The data.
    at : ndarray of intp of shape (n,)
        The rows of the data to train on.
    error : Exception or None
        The error that its `fit` raised.
    seconds : float
        How long its training took; estimators in lanes share their time equally.
    """

    estimator: Any
    data: Validated
    at: Array
    error: Exception | None = None
    seconds: float = 0.0


def copies(estimator: Any) -> Iterator[Any]:
    """Return any number of unfitted copies of an estimator, faster than `clone`."""
    parameters = estimator.get_params(deep=False)
    while True:
        yield type(estimator)(
            **{
                name: value if isinstance(value, ATOMS) else clone(value, safe=False)
                for name, value in parameters.items()
            }
        )


def reason_against(estimator: Any) -> str | None:
    """Return why an estimator cannot be trained together with others, or None."""
    if estimator.solver == "lbfgs":
        return "solver='lbfgs'"
    if np.any(np.asarray(estimator.dropout)):
        return "dropout"
    if getattr(estimator, "class_weight", None) is not None:
        return "class_weight"
    if estimator.callbacks or getattr(estimator, "_skl_callbacks", None):
        return "callbacks"
    return next((name for name in ("verbose", "progress") if getattr(estimator, name)), None)


def fit(tasks: Iterable[Task]) -> None:
    """Train the estimators of all tasks, and set the outcome of each.

    Ctrl-C ends training, with estimators that are not fitted.
    """
    waiting: dict[Any, list[tuple[Task, Epochs]]] = {}
    orders: dict[Any, Orders] = {}
    for task in tasks:
        if parameters(task) > lanes.MOST:
            _alone(task)
        elif member := _begun(task):
            _share_orders(member, orders)
            waiting.setdefault(key(member), []).append((task, member))
    for group in waiting.values():  # equal learning rates in a block need less time
        _train(sorted(group, key=lambda pair: pair[1].steps.learning_rate))


def parameters(task: Task) -> int:
    """Return about how many parameters the network of a task will have; 0 if `fit` refuses it."""
    try:
        sizes = [task.data.x.shape[1], *hidden_sizes(task.estimator), 1]
    except (TypeError, ValueError):
        return 0
    return sum((sizes[i] + 1) * sizes[i + 1] for i in range(len(sizes) - 1))


def key(member: Epochs) -> tuple[Any, ...]:
    """Return what members have in common whose networks may share compiled calls."""
    estimator = member.estimator
    penalised = estimator.alpha > 0 or estimator.l1 > 0
    return (
        member.layers.tobytes(),
        member.network.weights.dtype,
        id(lanes.rows_of(member).whole),
        estimator._kernel_loss(),
        member.steps.rule,
        member.count,
        member.batch,
        estimator.clip_norm,
        estimator.schedule is None,
        estimator.shuffle,
        member.checked,
        penalised if member.batch == 1 else None,  # which has another loop in the kernel
    )


def _share_orders(member: Epochs, known: dict[Any, Orders]) -> None:
    """Let a member read the rows in the orders of an earlier one with an equal generator."""
    orders = member.orders
    if orders is None or member.batch == member.count:
        member.orders = None
        return
    _, numbers, *position = orders.rng.get_state()
    state = member.count, np.asarray(numbers).tobytes(), *position
    if state not in known:
        kept = max(1, min(member.estimator.max_iter, MOST_KEPT // member.count))
        known[state] = Orders(orders.rng, member.count, kept)
    member.orders = known[state]


def _begun(task: Task) -> Epochs | None:
    """Return the epochs of a task before the first one, or None if it has failed."""
    started = time.perf_counter()
    try:
        return fitting.begin(task.estimator, task.data, task.at)
    except Exception as error:
        task.error = error
        return None
    finally:
        task.seconds += time.perf_counter() - started


def _alone(task: Task) -> None:
    """Train the estimator of one task."""
    if member := _begun(task):
        _share_orders(member, {})
        _train([(task, member)])


def suits_lanes(members: Sequence[Epochs]) -> bool:
    """Whether these networks can run side by side, with the bits of `fit`, and should.

    The reported loss of several outputs depends on the penalties, which lanes do not tell.
    """
    first = members[0]
    exact = first.estimator._loss_scale() == 1 or not any(
        member.estimator.alpha or member.estimator.l1 for member in members
    )
    return exact and lanes.suit(first, len(members))


def _train(group: list[tuple[Task, Epochs]]) -> None:
    """Train the members of tasks that may share compiled calls."""
    if suits_lanes([member for _, member in group]):
        _train_in_lanes(group)
        return
    while group:
        task, member = group.pop(0)  # and release its copies of rows
        started = time.perf_counter()
        member.estimator.n_iter_ = 0
        try:
            _finish(member, alone.train(member))
        except Exception as error:
            task.error = error
        task.seconds += time.perf_counter() - started


def _train_in_lanes(group: list[tuple[Task, Epochs]]) -> None:
    """Train members side by side."""
    started = time.perf_counter()
    side_by_side = lanes.Lanes([member for _, member in group])
    try:
        side_by_side.run()
    except Exception as error:  # of a schedule of one of them, for example
        for task, _ in group:
            task.error = error
        return
    for k, (task, member) in enumerate(group):
        task.error = side_by_side.errors.get(k)
        if task.error is None:
            try:
                _finish(member, bool(side_by_side.stopped[k]))
            except Exception as error:
                task.error = error
    seconds = (time.perf_counter() - started) / len(group)
    for task, _ in group:
        task.seconds += seconds


def _finish(member: Epochs, stopped: bool) -> None:
    """Do what `fit` does after the last epoch."""
    member.restore_the_best()
    member.end(stopped)
    if not np.isfinite(member.network.weights).all():
        raise ValueError(NOT_FINITE)
