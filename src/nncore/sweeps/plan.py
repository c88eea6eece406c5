"""Members of a sweep that are perceptrons on the same rows, which can be trained side by side."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nncore.mlp.network import MLP
from nncore.optimizers import Adam, Optimizer
from nncore.population import engine
from nncore.population.network import Population
from nncore.schedules import OnPlateau
from nncore.sparse import is_sparse
from nncore.sweeps.member import Member, train_member
from nncore.sweeps.settings import Settings
from nncore.training.epochs.network_settings import dropout_rate

OF_NETWORKS = tuple(inspect.signature(MLP).parameters)
OF_TRAINING = tuple(name for name in inspect.signature(MLP.fit).parameters if name.islower())
OWN = ("rng", "l1", "l2", "dropout", "learning_rate", "rows")  # of each member of a population
ALONE = ("callbacks", "checkpoint", "checkpoint_every", "progress", "resume", "validation_fraction")
MOST_TOGETHER = 1024  # members, so that others are seen before all are trained


class Plan:
    """Perceptrons for a `sweep`: the rows and settings with which all of them are trained.

    A plan is a function like any other that `sweep` takes: ``plan(**settings)`` builds an `MLP`
    and trains it on the rows. But as `sweep` knows what a plan does, it trains networks of the same
    layers side by side, as a `Population` does, with the same bits, unless it has an executor.

    Parameters
    ----------
    X, Y : array-like
        Rows of inputs and targets, as for `MLP.fit`.
    **settings
        Arguments of `MLP` and of `MLP.fit` for all networks; those given for a single network
        replace them. Two more names are known: `learning_rate`, in place of the optimizer's, and
        `rows`, the indices of the rows of X to train on, such as those of a fold.

    Raises
    ------
    TypeError
        If a setting is not known.

    Examples
    --------
    >>> import nncore
    >>> X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> plan = nncore.Plan(
    ...     X, Y, layer_sizes=[2, 3, 1], hidden_activation="tanh", output_activation="sigmoid",
    ...     loss="binary_cross_entropy", epochs=500)
    >>> settings = [{"rng": seed, "learning_rate": 0.05} for seed in range(100)]
    >>> best = nncore.sweep(plan, settings).run().best()[0].network
    """

    def __init__(self, X: Any, Y: Any, **settings: Any) -> None:
        self.X, self.Y, self.settings = X, Y, settings
        _check_names(settings)

    def __call__(self, **settings: Any) -> MLP:
        """Build and train a network.

        Parameters
        ----------
        **settings
            As for `Plan`.

        Returns
        -------
        MLP

        Raises
        ------
        TypeError, ValueError, DivergenceError and others
            As for `MLP` and `MLP.fit`.
        """
        both = self._merged(settings)
        net = MLP(**_chosen(both, OF_NETWORKS))
        fit = _chosen(both, OF_TRAINING)
        rows = both.get("rows")
        if "learning_rate" in both:
            fit["optimizer"] = replace(_optimizer(both), learning_rate=both["learning_rate"])
        if rows is None:
            net.fit(self.X, self.Y, **fit)
            return net
        if fit.get("sample_weight") is not None:
            fit["sample_weight"] = np.asarray(fit["sample_weight"])[rows]
        X = self.X if is_sparse(self.X) else np.asarray(self.X)
        net.fit(X[rows], np.asarray(self.Y)[rows], **fit)
        return net

    def _merged(self, settings: Settings) -> dict[str, Any]:
        """Return the settings of one network."""
        _check_names(settings)
        return {**self.settings, **settings}

    def train(
        self,
        score: Callable[[Any], float] | None,
        settings: Sequence[Settings],
        left: Sequence[int],
    ) -> Iterator[Member]:
        """Yield the members of a sweep with these numbers, which are trained side by side.

        Parameters
        ----------
        score : callable or None
            As for `sweep`.
        settings : sequence of mappings
            The settings of all members.
        left : sequence of int
            Numbers of the members to train.

        Yields
        ------
        Member
        """
        for group in self._groups(settings, left):
            start = time.perf_counter()
            nets = self._trained([settings[i] for i in group])
            share = (time.perf_counter() - start) / len(group)
            for k, i in enumerate(group):
                make, own = _Trained(self, nets, k), settings[i]
                network, found, seconds, error = train_member(make, score, own)
                yield Member(i, own, network, found, seconds + share, error)

    def _groups(self, settings: Sequence[Settings], left: Sequence[int]) -> Iterator[list[int]]:
        """Yield the numbers of members that differ only in what is a member's own."""
        groups: list[tuple[dict[str, Any], list[int]]] = []
        for i in left:
            shared = self._shared(settings[i])
            for other, group in groups:
                if len(group) < MOST_TOGETHER and _same(shared, other):
                    group.append(i)
                    break
            else:
                groups.append((shared, [i]))
        for _, group in groups:
            yield group

    def _shared(self, settings: Settings) -> dict[str, Any]:
        """Return those settings of a network that all members of a population share."""
        both = {**self.settings, **settings}
        shared = {name: value for name, value in both.items() if name not in OWN}
        if isinstance(both.get("optimizer"), Optimizer):
            shared["optimizer"] = replace(both["optimizer"], learning_rate=1.0)
        return shared

    def _trained(self, group: Sequence[Settings]) -> Population | None:
        """Return the networks of a group; None if each has to be trained alone."""
        try:
            given = [self._merged(settings) for settings in group]
            if len(group) < 2 or not self._together(given):
                return None
            return self._population(given)
        except (Exception, SystemExit):
            return None  # each member alone says what is wrong with it

    def _together(self, given: list[dict[str, Any]]) -> bool:
        """Whether a population can be trained with these settings."""
        first = given[0]
        return not (
            is_sparse(self.X)
            or any(first.get(name) for name in ALONE)
            or isinstance(first.get("schedule"), OnPlateau)
            or first.get("backend", "compiled") != "compiled"
            # A generator would be drawn from again by a network that has to be trained alone.
            or any(isinstance(both.get("rng"), np.random.Generator) for both in given)
        )

    def _population(self, given: list[dict[str, Any]]) -> Population | None:
        """Return the trained networks of a group; None if they are faster alone."""
        first, hidden = given[0], len(given[0]["layer_sizes"]) - 2
        own: dict[str, Any] = {
            name: [both.get(name, 0.0) for both in given] for name in ("l1", "l2")
        }
        if any("dropout" in both for both in given):
            rates = [both.get("dropout", 0.0) for both in given]
            for rate in np.concatenate([np.ravel(each) for each in rates]).tolist():
                dropout_rate("dropout", rate)
            own["dropout"] = np.array([np.broadcast_to(each, hidden) for each in rates])
        shared = [name for name in OF_NETWORKS if name not in (*OWN, "backend")]
        nets = Population(**_chosen(first, shared), **own, rng=[both.get("rng") for both in given])
        if not engine.suits_lanes(
            nets._template._loss_layers, nets.size, nets.dtype
        ) or _records_accuracy(nets._template, first.get("validation_data")):
            return None
        optimizers = [_optimizer(both) for both in given]
        fit = _chosen(first, [name for name in OF_TRAINING if name not in ALONE])
        fit["optimizer"] = optimizers[0]
        fit["learning_rate"] = [
            both.get("learning_rate", own_optimizer.learning_rate)
            for both, own_optimizer in zip(given, optimizers, strict=True)
        ]
        if any(both.get("rows") is not None for both in given):
            whole = np.arange(len(self.X))
            rows = [both.get("rows") for both in given]
            fit["rows"] = [whole if each is None else each for each in rows]
        nets.fit(self.X, self.Y, **fit)
        return nets


class _Trained:
    """A network that was trained with others, in the place of a function that trains it."""

    def __init__(self, plan: Plan, nets: Population | None, k: int) -> None:
        self.plan, self.nets, self.k = plan, nets, k

    def __call__(self, **settings: Any) -> MLP:
        if self.nets is None or self.nets.history.diverged[self.k]:
            return self.plan(**settings)  # which raises what a network alone raises
        return self.nets[self.k]


def _check_names(settings: Settings) -> None:
    """Raise TypeError for settings that a plan does not know."""
    for name in settings:
        if name not in (*OF_NETWORKS, *OF_TRAINING, *OWN):
            raise TypeError(
                f"{name} is not a setting of a plan, expected an argument of MLP or MLP.fit, "
                f"learning_rate or rows"
            )


def _chosen(settings: Settings, names: Sequence[str]) -> dict[str, Any]:
    """Return the settings with some names."""
    return {name: settings[name] for name in names if name in settings}


def _records_accuracy(network: MLP, validation_data: Any) -> bool:
    """Whether the history of a network has an accuracy, which that of a population lacks."""
    held_out = network._given_validation(validation_data, 0.0)
    if held_out is None:
        return False
    outputs = np.zeros((held_out.rows, network.layer_sizes[-1]))
    return network._held_out_accuracy(outputs, held_out) is not None


def _optimizer(settings: Settings) -> Optimizer:
    """Return the optimizer of a network."""
    given = settings.get("optimizer")
    if given is not None and not isinstance(given, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer, got {type(given).__name__}")
    return Adam() if given is None else given


def _same(some: dict[str, Any], others: dict[str, Any]) -> bool:
    """Whether two networks have the same settings, as far as that can be seen."""
    if some.keys() != others.keys():
        return False
    for name, value in some.items():
        other = others[name]
        try:
            if value is not other and not (type(value) is type(other) and bool(value == other)):
                return False
        except Exception:  # arrays, which are equal number by number, or anything of the user's
            return False
    return True
