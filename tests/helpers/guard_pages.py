"""Run every kernel on arrays that are flush against inaccessible pages.

    python guard_pages.py LEVEL      exits with 0, or dies of a segmentation fault
    python guard_pages.py overread   reads one number too far, to see the guard work

Each array lies first at the end of its pages, so that a step behind its last number
is a step onto a forbidden page, and then at the beginning. The other side is filled
with a pattern that has to be there afterwards.
"""

import ctypes
import importlib
import mmap
import sys

import numpy as np
from cases import CASES
from mlp_networks import Network
from population_networks import Members
from recurrent_networks import SequenceNetwork, drawn

from nncore.arguments.arrays import OPTIMIZER_SLOTS, UpdateRule
from nncore.params import char_rnn_shapes
from nncore.registry import CELL_ROW, CELLS, LOSSES

PAGE = mmap.PAGESIZE
ROOM = 64 * PAGE
PROT_NONE = 0
PATTERN = 0xA5
SIZES = [
    *[(1, 1, o) for o in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 129)],
    *[(n, 3, 18) for n in (2, 3, 4, 5, 6, 7, 13, 25)],
    *[(2, i, 5) for i in (1, 2, 7, 8, 9, 31, 33)],
    *[(0, 3, 4), (3, 0, 4), (3, 4, 0)],
    *[(6, 16, 32), (7, 17, 33), (13, 31, 47), (3, 257, 20), (9, 65, 64)],
]


class Fence:
    """Pages with a forbidden one on either side."""

    def __init__(self):
        self.map = mmap.mmap(-1, ROOM + 2 * PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        for page in (start, start + PAGE + ROOM):
            if protect(page, PAGE, PROT_NONE):
                raise OSError(ctypes.get_errno(), "mprotect")
        self.room = np.frombuffer(self.map, np.uint8, ROOM, PAGE)

    def hold(self, array, at_end):
        """A copy of the array, flush against the page behind or before it."""
        start = ROOM - array.nbytes if at_end else 0
        self.used = slice(start, start + array.nbytes)
        self.room[...] = PATTERN
        self.array = self.room[self.used].view(array.dtype).reshape(array.shape)
        self.array[...] = array
        return self.array

    def is_whole(self):
        """Whether the pattern beside the array is unchanged."""
        beside = self.room[: self.used.start], self.room[self.used.stop :]
        return all(bool((part == PATTERN).all()) for part in beside)


FENCES = [Fence() for _ in range(12)]


def run(kernel, arguments, keywords, out=None):
    """Call a kernel with all arrays fenced, on either side."""
    for at_end in (True, False):
        fences = iter(FENCES)
        held = [next(fences).hold(a, at_end) if isinstance(a, np.ndarray) else a for a in arguments]
        extra = {} if out is None else {"out": next(fences).hold(out, at_end)}
        kernel(*held, **keywords, **extra)
        used = FENCES[: sum(isinstance(a, np.ndarray) for a in held) + len(extra)]
        assert all(fence.is_whole() for fence in used), f"{kernel.__name__} wrote beside an array"


def run_cases(core, dtype):
    for case in CASES:
        kernel = getattr(core, case.kernel)
        for size in SIZES:
            arguments = case.make(np.random.default_rng(0), *size, dtype)
            run(kernel, arguments, case.keywords)
            if case.out:
                run(kernel, arguments, case.keywords, kernel(*arguments))


def run_char_rnn(core, dtype, vocabulary, hidden, streams, steps, optimizer, **stack):
    """The kernels that run a whole network; the text ends where the last window does."""
    cell, layers = stack.get("cell", "tanh"), stack.get("layers", 1)
    shapes = char_rnn_shapes(vocabulary, hidden, cell, layers)
    weights = drawn(np.random.default_rng(0), shapes, dtype)
    slots = np.zeros((OPTIMIZER_SLOTS[optimizer], weights.size), dtype)
    h = np.zeros((streams, layers * CELL_ROW[cell].states * hidden), dtype)
    rates, network = np.full(4, 0.1), {"vocabulary": vocabulary, **stack}
    text = np.arange(streams * (3 * steps + 1)) % vocabulary
    for ids in (text.astype(np.uint8), text.astype(np.uint16)):
        arrays = [weights, weights, slots, ids, np.zeros(2, np.int64), h, rates, rates]
        rule = UpdateRule(optimizer, 0.9, 0.999, 1e-8)
        keywords = {**network, "seq_length": steps, "optimizer": rule, "dropout": 0.5}
        run(core.char_rnn_train, arrays, keywords | {"clip_value": 1.0, "clip_norm": 1.0})
        run(core.char_rnn_evaluate, [weights, ids, h[:1]], network)
    ids = text[: streams * steps].reshape(streams, steps)
    run(core.char_rnn_window, [weights, ids, ids, h], network)
    for choice in ({}, {"top_k": 2}, {"top_p": 0.5}, {"temperature": 0}):
        uniforms = np.linspace(0, 1, 7)
        run(core.char_rnn_sample, [weights, h[:1], 0, uniforms], {**network, **choice})


def run_rnn(core, dtype, cell, sizes, lengths, last, loss):
    """The kernels of a network for sequences of vectors; the last batch of an epoch is short."""
    net = SequenceNetwork(dtype, sizes, cell, "sigmoid", loss, last, lengths)
    count = net.sequences
    weight, order = np.ones(count, dtype), np.zeros(count, np.intp)
    run(core.rnn_predict, [net.weights, net.x, net.starts, net.states()], net.net)
    arrays = [net.weights, net.x, net.starts, net.y]

    def rnn_gradients(*arrays, **keywords):
        return core.rnn_gradients(*arrays[:4], sample_weight=arrays[4], **keywords)

    def rnn_evaluate(*arrays, **keywords):
        return core.rnn_evaluate(*arrays[:4], sample_weight=arrays[4], **keywords)

    for kernel in (rnn_gradients, rnn_evaluate):
        run(kernel, [*arrays, None], {**net.net, "loss": loss})
        run(kernel, [*arrays, weight], {**net.net, "loss": loss})

    def rnn_train(*arrays, **keywords):
        return core.rnn_train(*arrays[:10], sample_weight=arrays[10], **keywords)

    def train(order, weight, **settings):
        arrays = [net.weights, net.gradient, net.slots, net.x, net.starts, net.y, order,
                  net.counters, np.full(4, 0.1), np.zeros(4), weight]  # fmt: skip
        run(rnn_train, arrays, {**net.net, "loss": loss, **net.settings, **settings})

    half = -(-count // 2)
    train(order, weight, batch_size=half, dropout=0.5, clip_norm=1.0, clip_value=1.0, l2=0.1)
    train(None, None, batch_size=1)
    orders = np.tile(np.arange(count), 4)[: count * -(-4 // -(-count // half))]
    train(orders, None, batch_size=half, shuffle=False)


def run_mlp(core, dtype, sizes, rows, loss, optimizer):
    """The kernels that run a whole perceptron; the last batch of an epoch is short."""
    net = Network(dtype, sizes, "tanh", loss, rows, optimizer)
    run(core.mlp_predict, [net.weights, net.layers, net.x], {}, net.predict(core))
    weight, steps = np.ones(rows, dtype), np.full(4, 0.1)
    arrays = [net.weights, net.layers, net.x, net.y, weight]

    def mlp_gradients(*arrays, **keywords):
        return core.mlp_gradients(*arrays[:4], sample_weight=arrays[4], **keywords)

    def mlp_evaluate(*arrays, **keywords):
        return core.mlp_evaluate(*arrays[:4], sample_weight=arrays[4], **keywords)

    run(mlp_gradients, arrays, {"loss": loss, "l1": 0.1, "l2": 0.1})
    run(mlp_evaluate, arrays, {"loss": loss})

    def mlp_train(*arrays, **keywords):
        return core.mlp_train(*arrays[:10], sample_weight=arrays[10], **keywords)

    order = np.zeros(rows, np.intp)
    arrays = [net.weights, net.gradient, net.slots, net.layers, net.x, net.y, order,
              net.counters, steps, steps]  # fmt: skip
    settings = {"loss": loss, **net.settings, "batch_size": -(-rows // 2)}
    extra = {"dropout": (0.5,) * (len(sizes) - 2), "clip_norm": 1.0, "l1": 0.1}
    run(mlp_train, [*arrays, weight], settings | extra)
    run(mlp_train, [*arrays, None], settings)
    run(mlp_train, [*arrays, None], settings | {"batch_size": 1})


def run_population(core, dtype, sizes, members, loss, optimizer):
    """The kernels of populations; the last batch of an epoch is short."""
    for own_rows in (True, False):
        net = Members(dtype, sizes, None, loss, members, 5, optimizer, own_rows=own_rows)
        run(core.population_predict, [net.weights, net.layers, net.x], {})
        own = np.zeros((members, *net.x.shape), dtype)
        run(core.population_predict, [net.weights, net.layers, own], {})
        for rows in (None, net.rows):
            arrays = [net.weights, net.layers, net.x, net.y, rows]
            run(core.population_evaluate, arrays, {"loss": loss})
        named = net.arguments(4)
        arrays = [
            array for name, array in named.items() if name not in ("sample_weight", "dropout")
        ]
        weights = np.ones((1, len(net.x)), dtype)
        rates = np.full((members, len(sizes) - 2), 0.5)
        extra = {"sample_weight": weights, "dropout": rates}
        for batch_size in (1, 3):
            for settings in ({}, extra, {"shuffle": False}, {"clip_norm": 1.0, "clip_value": 1.0}):
                how = net.settings | settings | {"batch_size": batch_size}
                run(core.population_train, arrays, how)


def run_recurrent(core, dtype, cell):
    """One to three layers; sequences of one length and of different lengths."""
    for hidden in (1, 5, 17):
        for layers in (1, 2, 3):
            for streams, steps in ((1, 5), (3, 4)):
                stack = {"cell": cell, "layers": layers}
                run_char_rnn(core, dtype, 11, hidden, streams, steps, "adam", **stack)
    for sizes in ((1, 1, 1), (3, 5, 2), (5, 17, 7), (3, 7, 33, 2), (2, 16, 5, 1, 4)):
        for lengths in ((4, 4, 4), (3, 1, 6, 4, 1), (1,)):
            for last in (True, False):
                for loss in ("squared_error", "softmax_cross_entropy"):
                    run_rnn(core, dtype, cell, sizes, lengths, last, loss)


def main(level):
    if level == "overread":
        array = FENCES[0].hold(np.zeros(16, np.float32), at_end=True)
        return ctypes.string_at(array.ctypes.data, array.nbytes + 1)
    core = importlib.import_module(f"nncore._core.core_{level}")
    for dtype in (np.float32, np.float64):
        run_cases(core, dtype)
        for hidden in (1, 5, 16, 17, 33):
            for optimizer in OPTIMIZER_SLOTS:
                run_char_rnn(core, dtype, 11, hidden, 1, 5, optimizer)
                run_char_rnn(core, dtype, 3, hidden, 3, 4, optimizer)
        for units in (1, 5, 16, 33):
            for loss in LOSSES:
                run_mlp(core, dtype, (units, 5), 3, loss, "sgd")
            for optimizer in OPTIMIZER_SLOTS:
                run_mlp(core, dtype, (3, units, units, 4), 5, "huber", optimizer)
        run_mlp(core, dtype, (40, 7, 3), 300, "squared_error", "adam")
        for loss in LOSSES:
            run_population(core, dtype, (3, 5), 17, loss, "sgd")
        for members in (1, 17, 65):
            for optimizer in OPTIMIZER_SLOTS:
                run_population(core, dtype, (3, 17, 5), members, "softmax_cross_entropy", optimizer)
        for cell in CELLS:
            run_recurrent(core, dtype, cell)
    return None


if __name__ == "__main__":
    main(sys.argv[1])
