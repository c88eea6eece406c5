"""The tables of docs/benchmarks.md, from the figures of a run; how to run: see `report.py`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable

from formats import NAMES, against, duration, size_name, table, times
from many_networks import many
from results import OURS, Group, Run

DENSE_NOTES = {
    "torch": "PyTorch has modules, autograd and fused updates",
    "sklearn": "scikit-learn is its MLPClassifier",
    "numba": "Numba is loops by hand, with all sizes constants and `fastmath`",
    "jax": "JAX is one jitted call for all epochs",
}
RECURRENT_NOTES = {
    "torch": "PyTorch has `nn.LSTM` and its siblings, autograd and a fused Adam",
    "numba": "Numba has BLAS products, and loops by hand for everything else",
    "jax": "JAX is one jitted call for all iterations, with scans over steps and windows",
}
CELLS = {"tanh": "tanh", "lstm": "LSTM", "gru": "GRU"}
KERNELS = [
    "linear_forward",
    "linear_tanh",
    "matmul",
    "linear_backward",
    "tanh_forward",
    "sigmoid_forward",
    "relu_forward",
    "softmax_forward",
    "softmax_cross_entropy",
    "squared_error",
    "rnn_step_forward",
    "char_rnn_gradients",
    "sgd_update",
    "adagrad_update",
    "adam_update",
]
SIZES = [
    (1, 3, 3),
    (8, 32, 32),
    (1, 100, 100),
    (32, 64, 100),
    (64, 256, 256),
    (64, 512, 512),
    (512, 512, 512),
]


def network(group: Group) -> str:
    """Return a description, for example: 100 units, 8 streams, float64."""
    info = group.info
    streams = f", {info['streams']} streams" if info["streams"] > 1 else ""
    return f"{info['hidden']} units{streams}, {info['dtype']}"


def cell_network(group: Group) -> str:
    """Return a description, for example: LSTM, 128 units, 25 steps, 16 streams."""
    info = group.info
    streams = f"{info['streams']} stream{'s' if info['streams'] > 1 else ''}"
    return f"{CELLS[info['cell']]}, {info['hidden']} units, {info['steps']} steps, {streams}"


def training(run: Run, kind: str, label: Callable[[Group], str]) -> str:
    """Return one row per network: time, rate, and how many times as long the others take."""
    paths = run.paths(kind)
    head = ["One training iteration", OURS, "GFLOP/s", *map(against, paths)]
    rows = []
    for group in run.of(kind):
        ours = group.seconds[OURS]
        rate = f"{group.info['flops'] / ours / 1e9:.0f}"
        ratios = [times(group.ratio(path)) for path in paths]
        rows.append([label(group), duration(ours), rate, *ratios])
    return table(head, rows)


def sampling(run: Run) -> str:
    """Return one sentence per network."""
    lines = []
    for group in run.of("char_rnn_sample"):
        others = ", ".join(
            f"{1 / seconds:,.0f} in {NAMES.get(path, path)}"
            for path, seconds in group.seconds.items()
            if path != OURS
        )
        lines.append(
            f"Sampling ({network(group)}): {1 / group.seconds[OURS]:,.0f} characters per second; "
            f"{others}."
        )
    return "\n".join(lines)


def dense(run: Run) -> str:
    """Return one row per network: time, and how many times as long the others take."""
    paths = run.paths("mlp_train")
    head = ["Dense networks", OURS, *(NAMES.get(path, path) for path in paths)]
    rows = []
    for group in run.of("mlp_train"):
        ours = f"{duration(group.seconds[OURS])} per {group.info['unit']}"
        ratios = [times(group.ratio(path)) for path in paths]
        rows.append([group.case, ours, *ratios])
    return table(head, rows) if rows else ""


def library_notes(run: Run, kind: str, notes: dict[str, str]) -> str:
    """Return what the other libraries' programs are, in a sentence after a space, or nothing."""
    found = [notes[path] for path in run.paths(kind) if path in notes]
    return f" {'; '.join(found)}." if found else ""


def dense_notes(run: Run) -> str:
    """Return what the rows and columns are."""
    if not run.of("mlp_train"):
        return ""
    return (
        "Training in float32; the other columns give their time divided by nncore's. 3-3-1 has "
        "relu hidden units and a sigmoid output, 2-3-2 has sigmoids only, both with squared error; "
        "the others have relu, softmax and cross-entropy. The step-by-step loop is a beginner's "
        "program in float64 that draws every row with `choice`; all others shuffle every epoch."
        + library_notes(run, "mlp_train", DENSE_NOTES)
    )


def dense_sentences(run: Run) -> str:
    """Return the time of one prediction, and what a second thread gains."""
    lines = []
    for group in run.of("mlp_predict"):
        others = ", ".join(
            f"{duration(seconds)} in {NAMES.get(path, path)}"
            for path, seconds in group.seconds.items()
            if path != OURS
        )
        lines.append(f"Predicting ({group.case}): {duration(group.seconds[OURS])}; {others}.")
    lines += [
        f"Two networks in two threads ({group.case}): {1 / group.ratio('in_turn'):.2f} of the time "
        "of training one after the other."
        for group in run.of("mlp_two_networks")
    ]
    return "\n".join(lines)


def estimators(run: Run) -> str:
    """Return one row per data set: a fit in both types, and how scikit-learn compares."""
    rows = []
    for group in run.of("sklearn_fit"):
        float32 = group.seconds["nncore_float32"]
        others = [group.ratio("sklearn"), group.ratio("sklearn", "nncore_float32")]
        rows.append(
            [group.case, duration(group.seconds[OURS]), duration(float32), *map(times, others)]
        )
    head = ["A fit by `nncore.sklearn`", "float64", "float32"]
    head += ["times faster than scikit-learn", "the same in float32"]
    notes = "Same seed, settings and number of epochs, so the same weights up to rounding."
    return f"{table(head, rows)}\n\n{notes}" if rows else ""


def forecasts(run: Run) -> str:
    """Return one row per network: the time to an error, and how many times as long others take."""
    paths = run.paths("forecast")
    head = ["Training a forecaster", OURS, *(NAMES.get(path, path) for path in paths)]
    rows = [
        [
            group.case,
            duration(group.seconds[OURS]),
            *(times(group.ratio(path)) for path in paths),
        ]
        for group in run.of("forecast")
    ]
    notes = (
        "Time until the error of one step ahead on a held-out part of the series of "
        "`examples/forecast.py` is below 1.2, where repeating the last value has 2.02; other "
        "columns give their time divided by nncore's. All train with Adam on the same batches of "
        "32 windows of 30 steps, from the same weights."
    )
    return f"{table(head, rows)}\n\n{notes}" if rows else ""


def kernels(run: Run, path: str) -> str:
    """Return the ratios of one opponent: one row per kernel, one column per size."""
    head = ["N×I×O", *map(size_name, SIZES)]
    rows = []
    for kernel in KERNELS:
        found = {g.size: g.ratio(path) for g in run.of("kernel", case=kernel, dtype="float32")}
        rows.append([f"`{kernel}`", *(times(found.get(size, math.nan)) for size in SIZES)])
    return table(head, rows)


def timed(run: Run, path: str) -> list[Group]:
    """Return the kernels' cases that were timed in this path, too."""
    return [group for group in run.of("kernel") if path in group.seconds]


def wins(run: Run, path: str) -> str:
    """Return how often nncore is faster, in a sentence."""
    groups = timed(run, path)
    if not groups:
        return ""
    faster = sum(group.ratio(path) >= 1 for group in groups)
    dtypes = " and ".join(sorted({group.info["dtype"] for group in groups}))
    return (
        f"Of {len(groups)} cases of single kernels, all sizes in {dtypes}, nncore is faster than "
        f"{NAMES.get(path, path)} in {faster}."
    )


def losses(run: Run, path: str) -> str:
    """Return `wins`, and every case that nncore loses."""
    lost = defaultdict(list)
    for group in timed(run, path):
        if group.ratio(path) < 1:
            where = f"{size_name(group.size)} {group.ratio(path):.2f}"
            lost[f"`{group.case}` {group.info['dtype']}"].append(where)
    count = sum(map(len, lost.values()))
    text = "; ".join(f"{case}: {', '.join(sizes)}" for case, sizes in lost.items())
    details = f"<details><summary>The {count} that it loses</summary>\n\n{text}.\n\n</details>"
    return "\n\n".join([wins(run, path), *([details] if count else [])])


def conditions(run: Run) -> str:
    m = run.machine
    others = f"; {m['peers']}" if m.get("peers") else ""
    return (
        f"{m['processor']}; {m['level']}; Python {m['python']}, NumPy {m['numpy']}, BLAS: "
        f"{m['blas']}{others}; {m['date']}. Medians of one run, one thread."
    )


def section(title: str, *parts: str) -> str:
    """Return the parts that are not empty under a heading, or nothing if all are."""
    return "\n\n".join([f"## {title}", *filter(None, parts)]) if any(parts) else ""


def char_rnn(run: Run) -> str:
    """Return the table of training, and the sentences on sampling."""
    if not run.of("char_rnn_train"):
        return sampling(run)
    notes = (
        "One window of 25 characters, vocabulary of 65: look-up, forward, backward, clip, Adagrad. "
        "The step-by-step loop does min-char-rnn's work in float64; the vectorised one keeps "
        "every array and writes with `out=`. GFLOP/s counts the six products with `whh` and "
        "`why`, 2·N·T·(3H² + 3HV); the look-up in `wxh` is not counted."
    )
    return "\n\n".join(
        filter(None, [training(run, "char_rnn_train", network), notes, sampling(run)])
    )


def recurrent(run: Run) -> str:
    """Return the table of training by cell, and what an iteration is."""
    if not run.of("recurrent"):
        return ""
    notes = (
        "An iteration is one window of text for each stream, in float32, with a vocabulary of 65: "
        "look-up, forward, cross-entropy of all steps, backward, clip, Adam. GFLOP/s counts the "
        "six products with `whh`, whose G gates have H columns each, and `why`: "
        "6·N·T·H·(G·H + V)."
    )
    notes += library_notes(run, "recurrent", RECURRENT_NOTES)
    return f"{training(run, 'recurrent', cell_network)}\n\n{notes}"


def against_numpy(run: Run, path: str) -> str:
    """Return the table of single kernels and the cases that nncore loses."""
    notes = (
        f"Float32: the time of {NAMES.get(path, path)} divided by nncore's, so nncore is "
        "faster where it is above 1. NumPy writes into preallocated results; `linear_tanh` is a "
        "layer with its activation, `matmul` one without a bias."
    )
    return "\n\n".join([notes, kernels(run, path), losses(run, path)])


def markdown(run: Run) -> str:
    """Return all of it, for between the page's markers."""
    parts = [
        conditions(run),
        section("Character RNN", char_rnn(run)),
        section("Recurrent networks", recurrent(run)),
        section("Dense networks", dense(run), dense_notes(run), dense_sentences(run)),
        section("Estimators", estimators(run)),
        section("Forecasts", forecasts(run)),
        section("Many networks", many(run)),
        section("Single kernels", *(against_numpy(run, path) for path in run.paths("kernel"))),
    ]
    return "\n\n".join(filter(None, parts))
