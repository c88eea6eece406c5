"""The arrays of populations as their kernels take them, and the same networks one by one."""

import numpy as np
from mlp_networks import targets

from nncore.arguments.mlp import layer_table
from nncore.params import aligned_zeros, compact, mlp_shapes, padded
from nncore.reference.hashing import shuffled
from nncore.registry import (
    ACTIVATION_ROW,
    ACTIVATIONS,
    LOSS_ROW,
    MLP_LOSSES,
    OPTIMIZER_SLOTS,
    UpdateRule,
    outputs_for,
)

ELEMENTWISE = [name for name in ACTIVATIONS if not ACTIVATION_ROW[name].over_rows]
OPTIMIZERS = list(OPTIMIZER_SLOTS)


def last_activations(loss):
    """Activations of the output layer that suit a loss, as the kernels take them."""
    if LOSS_ROW[loss].takes_logits:
        return ["identity"]
    return [name for name in outputs_for(loss) if name in ELEMENTWISE]


class Members:
    """The arrays of some networks and of a set of rows, and calls of the kernels on them."""

    def __init__(
        self,
        dtype,
        sizes=(5, 7, 3),
        activations=None,
        loss="squared_error",
        members=7,
        rows=23,
        optimizer="adam",
        own_rows=False,
        own_rates=False,
        penalties=(0.0, 0.0, 0.0),
        weighted=False,
        dropout=(),
        seed=0,
        **settings,
    ):
        rng = np.random.default_rng(seed)
        if activations is None:
            activations = ["tanh"] * (len(sizes) - 2) + [last_activations(loss)[0]]
        self.shapes = mlp_shapes(sizes)
        self.layers = layer_table(sizes, activations)
        size = sum((inputs + 1) * outputs for inputs, outputs, _ in self.layers.tolist())
        scale = 1 / np.sqrt(max(sizes))
        self.weights = (scale * rng.standard_normal((members, size))).astype(dtype)
        self.slots = np.zeros((OPTIMIZER_SLOTS[optimizer], members, size), dtype)
        self.x = rng.standard_normal((rows, sizes[0])).astype(dtype)
        self.y = targets(rng, loss, rows, sizes[-1], dtype)
        self.rows, self.epoch_rows = None, np.full(members, rows, np.int64)
        if own_rows:
            self.rows = rng.integers(0, rows, (members, rows), np.intp)
            self.epoch_rows = rng.integers(-(-rows // 2), rows + 1, members, np.int64)
            self.epoch_rows[: members // 2] = rows  # neighbours that stay in step
        self.counters = np.zeros((members, 4), np.int64)
        self.rate = rng.uniform(0.001, 0.1, members) if own_rates else np.full(members, 0.02)
        self.seeds = rng.integers(0, 2**64, members, np.uint64)
        # Of two members in three, so that blocks have members with and without penalties.
        self.penalties = np.outer(penalties, np.linspace(1, 2, members) * (np.arange(members) % 3))
        self.dropout = np.outer(np.arange(members) % 3 / 2, dropout) if dropout else None
        self.sample_weight = None
        if weighted:
            shape = (members if own_rows else 1, rows)
            self.sample_weight = rng.choice([0.0, 0.5, 1.0, 3.7], shape).astype(dtype)
        self.losses = np.full((members, 0), -1.0)
        self.settings = {
            "loss": loss,
            "optimizer": UpdateRule(optimizer, 0.9, 0.99, 1e-8, 0.01),
            "batch_size": 7,
            **settings,
        }

    def copy(self):
        """The same arrays, which other calls do not change."""
        twin = object.__new__(Members)
        kept = vars(self).items()
        vars(twin).update({n: a.copy() if isinstance(a, np.ndarray) else a for n, a in kept})
        return twin

    def part(self, members):
        """Some of the members, with copies of their arrays."""
        twin = self.copy()
        for name in ("weights", "epoch_rows", "counters", "rate", "seeds", "losses"):
            setattr(twin, name, getattr(twin, name)[members].copy())
        for name in ("slots", "penalties"):
            setattr(twin, name, getattr(twin, name)[:, members].copy())
        for name in ("rows", "dropout", "sample_weight"):
            array = getattr(self, name)
            if array is not None and len(array) == len(self.weights):
                setattr(twin, name, array[members].copy())
        return twin

    def arguments(self, updates):
        """The arrays of a call, by name."""
        return {
            "weights": self.weights, "slots": self.slots, "layers": self.layers, "x": self.x,
            "y": self.y, "rows": self.rows, "epoch_rows": self.epoch_rows,
            "counters": self.counters, "rates": np.repeat(self.rate[:, None], updates, axis=1),
            "losses": np.full((updates, len(self.weights)), -1.0), "seeds": self.seeds,
            "penalties": self.penalties, "sample_weight": self.sample_weight,
            "dropout": self.dropout,
        }  # fmt: skip

    def train(self, module, updates, **changes):
        """Run some updates of all members together; return how many each made."""
        arrays = self.arguments(updates)
        done = module.population_train(**{**arrays, **self.settings, **changes})
        self.losses = np.concatenate([self.losses, arrays["losses"].T], axis=1)
        return done

    def train_alone(self, module, updates):
        """Run some updates of one member after the other; return how many each made."""
        self.losses = np.full((len(self.weights), updates), -1.0)
        return np.array([self._one(module, k, updates) for k in range(len(self.weights))], int)

    def _one(self, module, k, updates):
        weights = padded(self.weights[k], self.shapes)
        slots = aligned_zeros((len(self.slots), weights.size), weights.dtype)
        for row, vector in zip(slots, self.slots[:, k], strict=True):
            row[...] = padded(vector, self.shapes)
        own = slice(self.epoch_rows[k]) if self.rows is None else self.rows[k, : self.epoch_rows[k]]
        x, y = self.x[own].copy(), self.y[own].copy()
        order = None
        if self.settings.get("shuffle", True):  # a call may begin within an epoch
            order = shuffled(len(x), int(self.seeds[k]), int(self.counters[k, 3]))
        l1, l2, alpha = self.penalties[:, k].tolist()
        extra = {}
        if self.sample_weight is not None:
            weight = self.sample_weight[k if len(self.sample_weight) > 1 else 0]
            extra |= {"sample_weight": weight[own].copy(), "mean_weight": 1.0}
        if self.dropout is not None:
            extra["dropout"] = self.dropout[k].tolist()
        done = module.mlp_train(
            weights, np.zeros_like(weights), slots, self.layers, x, y, order, self.counters[k],
            np.full(updates, self.rate[k]), self.losses[k], epoch_rows=len(x), l1=l1, l2=l2,
            alpha=alpha, seed=int(self.seeds[k]), **extra, **self.settings,
        )  # fmt: skip
        self.weights[k] = compact(weights, self.shapes)
        for into, row in zip(self.slots[:, k], slots, strict=True):
            into[...] = compact(row, self.shapes)
        return done

    def predict(self, module, **changes):
        arrays = {"weights": self.weights, "layers": self.layers, "x": self.x}
        return module.population_predict(**{**arrays, **changes})

    def evaluate(self, module, **changes):
        arrays = {
            "weights": self.weights, "layers": self.layers, "x": self.x, "y": self.y,
            "rows": self.rows, "loss": self.settings["loss"],
        }  # fmt: skip
        return module.population_evaluate(**{**arrays, **changes})

    def evaluate_alone(self, module):
        loss, losses = self.settings["loss"], []
        for k, vector in enumerate(self.weights):
            x, y = (
                (self.x, self.y)
                if self.rows is None
                else (a[self.rows[k]] for a in (self.x, self.y))
            )
            flat = padded(vector, self.shapes)
            losses.append(module.mlp_evaluate(flat, self.layers, x, y, loss=loss)[0])
        return np.array(losses)

    def predict_alone(self, module):
        vectors = [padded(vector, self.shapes) for vector in self.weights]
        return np.stack([module.mlp_predict(vector, self.layers, self.x) for vector in vectors])

    def bytes(self):
        return [a.tobytes() for a in (self.weights, self.slots, self.counters, self.losses)]


def drawn(seed, dtype):
    """Members of a random architecture, their number of updates, and of calls to make them."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 5))
    widest = 70 if seed % 3 == 0 else 9
    sizes = [int(width) for width in rng.integers(1, widest + 1, depth + 1)]
    loss = MLP_LOSSES[seed % len(MLP_LOSSES)]
    if LOSS_ROW[loss].takes_labels:
        sizes[-1] = max(2, sizes[-1])
    hidden = [ELEMENTWISE[(seed + k) % len(ELEMENTWISE)] for k in range(depth - 1)]
    batch_size = int(rng.choice([1, 1, 2, 5, 32, 64]))
    net = Members(
        dtype,
        sizes,
        [*hidden, str(rng.choice(last_activations(loss)))],
        loss,
        members=int(rng.choice([1, 7, 16, 33, 100])),
        rows=int(rng.integers(1, 40)),
        optimizer="sgd" if batch_size == 1 else OPTIMIZERS[seed % len(OPTIMIZERS)],
        own_rows=bool(rng.random() < 0.4),
        own_rates=bool(rng.random() < 0.4),
        penalties=[float(rng.choice([0, 0.01], p=(0.7, 0.3))) for _ in range(3)],
        weighted=bool(rng.random() < 0.3),
        dropout=[0.4, 0.9, 0.1][: depth - 1] if rng.random() < 0.3 else (),
        seed=seed,
        shuffle=bool(rng.random() < 0.6),
        batch_size=batch_size,
        clip_value=float(rng.choice([0, 0.1], p=(0.8, 0.2))),
        clip_norm=float(rng.choice([0, 0.5], p=(0.8, 0.2))),
    )
    return net, int(rng.integers(1, 25)), int(rng.integers(1, 4))
