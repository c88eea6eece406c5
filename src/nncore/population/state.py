"""The arrays of all members of a population, and single members as networks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from nncore.arguments import arrays as arguments
from nncore.arguments.population import COUNTERS, over_rows
from nncore.checks import number, positive_int
from nncore.initializers import initial_parameters
from nncore.many_seeds import Restarted, states_of_streams
from nncore.mlp.history import MLPHistory
from nncore.mlp.network import MLP
from nncore.model import Model
from nncore.params import Array, aligned_zeros, compact, flat_size, padded
from nncore.population import engine
from nncore.population.history import PopulationHistory, own_epochs
from nncore.population.run_state import PopulationRunState
from nncore.randomness import WORDS, generator_from_words, state_words
from nncore.registry import OPTIMIZER_SLOTS
from nncore.sparse import SparseRows
from nncore.training.epochs import arrays
from nncore.training.epochs.checks import numeric
from nncore.training.epochs.network_settings import dropout_rate, penalty_factor

if TYPE_CHECKING:
    from nncore.initializers import WeightInit
    from nncore.many_seeds import State
    from nncore.randomness import Seed
    from nncore.training.epochs.data import EpochData


class PopulationState(Model):
    """A population without the prediction and training that `Population` adds."""

    history: PopulationHistory

    def __init__(
        self,
        layer_sizes: Sequence[int],
        hidden_activation: str | Sequence[str] = "relu",
        output_activation: str = "identity",
        loss: str = "squared_error",
        l1: npt.ArrayLike = 0.0,
        l2: npt.ArrayLike = 0.0,
        dropout: npt.ArrayLike = 0.0,
        weight_init: WeightInit = "auto",
        dtype: npt.DTypeLike = "float32",
        *,
        rng: int | Iterable[Seed],
    ) -> None:
        super().__init__(dtype, "compiled")
        seeds = _seeds(rng)
        template = MLP(
            layer_sizes, hidden_activation, output_activation, loss, weight_init=weight_init,
            dtype=dtype, rng=0,
        )  # fmt: skip
        self._allocate(template, len(seeds))
        self._l1 = each_member("l1", l1, self.size, penalty_factor)
        self._l2 = each_member("l2", l2, self.size, penalty_factor)
        self._dropout = _dropout_rates(dropout, self.size, len(self.layer_sizes) - 2)
        source = Restarted()
        with np.errstate(all="ignore"):  # numbers too small for float32 become 0
            for k, states in enumerate(states_of_streams(seeds, 3)):
                self._draw(k, states, weight_init, source)

    def _check_template(self) -> None:
        """Raise ValueError for settings that members cannot have."""
        net = self._template
        if over_rows(net._loss_layers):
            raise ValueError(
                f"a population needs element-wise activations, or softmax outputs with a "
                f"cross-entropy from labels, got {', '.join(net.activations)} with loss "
                f"{net.loss_name!r}"
            )

    def _draw(
        self, k: int, states: list[State], weight_init: WeightInit, source: Restarted
    ) -> None:
        """Draw the initial weights of a member, as `MLP` does from the streams of its seed."""
        self._split_rngs[k] = state_words(source.at(states[1]))
        self._seeds[k] = int(source.at(states[2]).integers(2**63))
        if callable(weight_init):  # it may keep its generator
            source = Restarted()
        init_rng, activations = source.at(states[0]), self._template.activations
        start = initial_parameters(weight_init, self._shapes, activations, init_rng, self._dtype)
        self._weights[k] = np.concatenate([np.ravel(start[name]) for name in self._shapes])

    def _allocate(self, template: MLP, members: int) -> None:
        """Allocate what training changes, for members with the settings of a network."""
        # Settings, tables of layers, and all that does not differ between members.
        self._template = template
        self._check_template()
        self._shapes = template._shapes
        self._gradient = template._gradient = template._weights = aligned_zeros(0, self._dtype)
        parameters = sum(map(math.prod, self._shapes.values()))
        self._weights = aligned_zeros((members, parameters), self._dtype)
        self._slots = aligned_zeros((0, members, parameters), self._dtype)
        self._slots_of = ""  # the rule whose state the slots are
        self._counters = np.zeros((members, COUNTERS), np.int64)
        self._seeds = np.zeros(members, np.uint64)
        self._split_rngs = np.zeros((members, WORDS), np.uint64)  # their states
        self._run: PopulationRunState | None = None  # the last run of fit
        self.history = PopulationHistory.of(members)

    def _allocate_slots(self, rule: str) -> None:
        """Allocate the state of an optimizer of this rule, or of none."""
        self._slots_of = rule
        shape = (OPTIMIZER_SLOTS[rule] if rule else 0, *self._weights.shape)
        self._slots = aligned_zeros(shape, self._dtype)

    def _losses(self, data: EpochData, members: Array, rows: Array | None = None) -> Array:
        """Return the mean loss of some members, with the bits that each has alone.

        rows: those of data that each of these members reads (A, R), unless it is None.
        """
        net, x = self._template, data.x
        layers, loss = net._loss_layers, net._kernel_loss
        if data.weight is None and not isinstance(x, SparseRows):
            x = arrays.plain(np.asarray(x), self._dtype)
            return engine.evaluate(self._weights[members], layers, x, data.y, rows, loss)
        each = [
            net._ops.mlp_evaluate(
                padded(self._weights[k], self._shapes), layers,
                arrays.converted(x, self._dtype), data.y, loss=loss, sample_weight=data.weight,
            )
            for k in members
        ]  # fmt: skip
        return np.array([mean for mean, _ in each])

    def _infinite(self, members: Array) -> Array:
        """Return which of some members have a parameter that is not finite, as bool (A,)."""
        weights, every = self._weights, len(members) == self.size
        with np.errstate(all="ignore"):
            if every and np.isfinite(weights.sum()):  # as most often, and much faster
                return np.zeros(self.size, bool)
        return np.asarray(~np.isfinite(weights if every else weights[members]).all(axis=1))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._gradient = aligned_zeros(0, self._dtype)

    @property
    def size(self) -> int:
        """Number of members M."""
        return len(self._weights)

    def __len__(self) -> int:
        return self.size

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Numbers of inputs, hidden units and outputs."""
        return self._template.layer_sizes

    @property
    def flat(self) -> Array:
        """The parameters of each member in one row, as a writable view of shape (M, P).

        The order is that of `parameters`: w1, b1, w2, b2, and so on.
        """
        return self._weights

    @property
    def parameters(self) -> dict[str, Array]:
        """Writable views of the parameters: w1 (M, inputs, units), b1 (M, units), w2, and so on."""
        return self._named(self._weights)

    def _named(self, rows: Array) -> dict[str, Array]:
        """Return views of numbers (M, P) in the order of the parameters, by name."""
        result, start = {}, 0
        for name, shape in self._shapes.items():
            part = rows[:, start : start + math.prod(shape)]
            result[name] = part.reshape(self.size, *shape)
            start += math.prod(shape)
        return result

    def __getitem__(self, member: int) -> MLP:
        """Return a member as a separate network, a copy with all its state.

        Parameters
        ----------
        member : int
            Its number; negative numbers count from the end.

        Returns
        -------
        MLP

        Raises
        ------
        IndexError
            If there is no such member.
        TypeError
            If member is not an integer.
        """
        k = range(self.size)[arguments.integer("member", member)]
        net: MLP = MLP.__new__(MLP)
        state = self._template.__getstate__()
        history, columns = self.history, own_epochs(self.history.loss[k])
        slots = aligned_zeros((len(self._slots), flat_size(self._shapes)), self._dtype)
        for row, vector in zip(slots, self._slots[:, k], strict=True):
            row[...] = padded(vector, self._shapes)
        state |= {
            "_weights": padded(self._weights[k], self._shapes),
            "_slots": slots,
            "_slots_of": self._slots_of,
            "_counters": self._counters[k].copy(),
            "_hash_seed": int(self._seeds[k]),
            "_split_rng": generator_from_words(self._split_rngs[k].tolist()),
            "_l1": float(self._l1[k]),
            "_l2": float(self._l2[k]),
            "_dropout": tuple(self._dropout[k].tolist()),
            "history": MLPHistory(
                history.loss[k, columns], history.validation_loss[k, columns],
                np.full(len(columns), np.nan), int(history.updates[k]),
                int(history.best_epoch[k]), history.seconds / max(1, self.size),
            ),
        }  # fmt: skip
        net.__setstate__(state)
        return net

    @classmethod
    def _like(cls, template: MLP, members: int) -> Self:
        """Return a population with the settings of a network, which is no longer usable."""
        population = cls.__new__(cls)
        Model.__init__(population, template.dtype, "compiled")
        population._allocate(template, members)
        return population

    @classmethod
    def _from_networks(cls, networks: Sequence[MLP]) -> Any:
        """Return a population of copies of networks that agree in everything shared."""
        first = networks[0]
        for k, net in enumerate(networks):
            _check_like(k, net, first)
        population = cls._like(first.__copy__(), len(networks))
        population._allocate_slots(first._slots_of)
        shapes = first._shapes
        epochs = max(net.history.epochs for net in networks)
        loss, validation = (np.full((len(networks), epochs), np.nan) for _ in range(2))
        for k, net in enumerate(networks):
            population._weights[k] = compact(net._weights, shapes)
            for into, slot in zip(population._slots[:, k], net._slots, strict=True):
                into[...] = compact(slot, shapes)
            population._counters[k] = net._counters
            population._seeds[k] = net._hash_seed
            population._split_rngs[k] = state_words(net._split_rng)
            loss[k, : net.history.epochs] = net.history.loss
            validation[k, : net.history.epochs] = net.history.validation_loss
        population._l1 = np.array([net.l1 for net in networks])
        population._l2 = np.array([net.l2 for net in networks])
        population._dropout = np.array([net.dropout for net in networks], np.float64)
        population.history.loss, population.history.validation_loss = loss, validation
        population.history.updates = np.array([net.history.updates for net in networks])
        population.history.best_epoch = np.array([net.history.best_epoch for net in networks])
        return population


def _check_like(k: int, net: Any, first: MLP) -> None:
    """Raise unless a network can be a member of a population with the first one."""
    if not isinstance(net, MLP):
        raise TypeError(f"networks[{k}] must be an MLP, got {type(net).__name__}")
    for name in ("layer_sizes", "activations", "loss_name", "dtype"):
        here, there = getattr(net, name), getattr(first, name)
        if here != there:
            raise ValueError(f"networks[{k}] has {name} {here}, expected {there} as in networks[0]")
    if net._slots_of != first._slots_of:
        raise ValueError(
            f"networks[{k}] was trained by {net._slots_of or 'no optimizer'}, expected "
            f"{first._slots_of or 'no optimizer'} as in networks[0]"
        )
    if net.backend != "compiled":
        raise ValueError(f"networks[{k}] has backend {net.backend!r}, expected 'compiled'")


def _seeds(rng: Any) -> list[Any]:
    """Return the seed of each member: those given, or 0, 1, ... for a number of members."""
    if isinstance(rng, int | np.integer):
        return list(range(positive_int("rng", rng)))
    several = isinstance(rng, Iterable) and getattr(rng, "ndim", 1) > 0
    if isinstance(rng, str | bytes) or not several:
        raise TypeError(
            f"rng must be the number of members or a sequence of seeds, got {type(rng).__name__}"
        )
    seeds = list(rng)
    if not seeds:
        raise ValueError("rng must have at least one seed, got none")
    return [int(seed) if isinstance(seed, np.integer) else seed for seed in seeds]


def _dropout_rates(value: Any, members: int, hidden: int) -> Array:
    """Return the rates of each member's hidden layers (M, H), from one for all, (M,) or (M, H)."""
    single = isinstance(value, int | float | np.number)
    given = np.asarray(number("dropout", value)) if single else numeric("dropout", value)
    if given.shape not in ((), (members,), (members, hidden)):
        raise ValueError(
            f"dropout has shape {given.shape}, expected ({members},), one per member, or "
            f"({members}, {hidden}) with a rate for each hidden layer"
        )
    for rate in np.unique(given).tolist():
        dropout_rate("dropout", rate)
    columns = given[:, None] if given.ndim == 1 else given
    return np.array(np.broadcast_to(columns, (members, hidden)), np.float64)


def each_member(name: str, value: Any, members: int, check: Any) -> Array:
    """Return a checked number for each member, from one for all or one for each."""
    try:
        single = np.ndim(value) == 0
    except ValueError:  # rows of different lengths, which `numeric` refuses
        single = False
    if single:
        return np.full(members, check(name, value))
    array = numeric(name, value)
    if array.shape != (members,):
        raise ValueError(f"{name} has shape {array.shape}, expected ({members},), one per member")
    return np.array([check(f"{name}[{k}]", number) for k, number in enumerate(array.tolist())])
