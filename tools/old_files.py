"""Write model files that later versions must load, and the results of the loaded networks.

    python tools/old_files.py FOLDER

tests/files/data has a folder for each version whose files are kept. A change of the file format
needs a new folder; the older ones do not change.
"""

import contextlib
import json
import sys
from pathlib import Path

import numpy as np

from nncore import MLP, Adam, CharRNN, EarlyStopping

TEXT = "the cat sat on the mat and the dog sat on the log. " * 8
X = np.random.default_rng(1).standard_normal((24, 3))
LABELS = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)


def fit_mlp(model, epochs=12, **more):
    """Train with Adam, dropout, and early stopping."""
    return model.fit(
        X, LABELS, optimizer=Adam(0.02), epochs=epochs, batch_size=5, clip_norm=3.0,
        validation_data=(X, LABELS), early_stopping=EarlyStopping(patience=9), **more,
    )  # fmt: skip


def fit_char_rnn(model, iterations=20000, **more):
    """Train until a callback interrupts the run, with a tenth held out."""
    return model.fit(TEXT, iterations=iterations, validation_fraction=0.1, **more)


def mlp():
    return MLP(
        (3, 5, 4, 2), ("tanh", "leaky_relu"), "softmax", "softmax_cross_entropy",
        l2=1e-3, dropout=(0.2, 0.0), rng=7,
    )  # fmt: skip


def char_rnn():
    return CharRNN(6, 9, 2, Adam(0.01), cell="tanh", dtype="float64", rng=7)


def interrupt(event):
    """Interrupt a run, as Ctrl-C does."""
    if getattr(event, "epoch", 5) >= 5:
        raise KeyboardInterrupt


KINDS = {  # functions that build and train a network, and a short training
    "mlp": (mlp, fit_mlp, {"epochs": 4}),
    "char_rnn": (char_rnn, fit_char_rnn, {"iterations": 60}),
}


def answers(kind, model):
    """Return outputs for the rows, or the loss of a text and a sample."""
    if kind == "mlp":
        return {"outputs": model.predict(X).tolist()}
    return {"bits_per_char": model.evaluate(TEXT).bits_per_char, "sample": model.sample(40, rng=3)}


def write(folder):
    """Write a finished and an interrupted network of each kind, and their results."""
    expected = {}
    for kind, (build, fit, short) in KINDS.items():
        finished = build()
        fit(finished, **short)
        finished.save(folder / f"{kind}_finished.nncore")
        interrupted, path = build(), folder / f"{kind}_interrupted.nncore"
        with contextlib.suppress(KeyboardInterrupt):
            fit(interrupted, callbacks=[interrupt], checkpoint=path)
        expected[f"{kind}_finished"] = answers(kind, finished)
        expected[f"{kind}_interrupted"] = answers(kind, interrupted)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write(target)
