"""Measure how quickly Ctrl-C interrupts training of small and large networks at random moments.

    python tools/check_ctrl_c.py                # 30 times each, about two minutes
    python tools/check_ctrl_c.py --times 200    # more

Prints the median and the longest time from the signal until KeyboardInterrupt was caught, in
milliseconds. Exits with 1 if one took longer than 100 ms, or if a network afterwards was not in
the state after an update, from which its run can be resumed, or could not be used.
"""

import argparse
import signal
import sys
import time
from statistics import median
from threading import Thread

import numpy as np

from nncore import MLP, SGD, Adam, CharRNN, EarlyStopping, Population

BOUND = 0.1  # seconds
ENDLESS = 10**8  # epochs
rng = np.random.default_rng(0)
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz ,.\n"))


def perceptron(sizes, rows, dtype="f4", **how):
    """A function that trains a network, and the network."""
    how = {"epochs": ENDLESS} | how
    x = (100 * rng.standard_normal((rows, sizes[0]), "f4")).astype(dtype) / np.array(100, dtype)
    y = rng.standard_normal((rows, sizes[-1]), "f4")
    model = MLP(sizes, "tanh", rng=0)
    how = {"optimizer": SGD(1e-4)} | how
    return model, lambda resume: model.fit(x, y, **how, resume=resume)


def held_out(sizes, rows):
    x, y = rng.standard_normal((rows, sizes[0]), "f4"), rng.standard_normal((rows, sizes[-1]), "f4")
    how = {"validation_data": (x, y), "early_stopping": EarlyStopping(ENDLESS)}
    return perceptron(sizes, 100, **how)


def population(sizes, members, rows, **how):
    how = {"optimizer": SGD(1e-4), "epochs": ENDLESS} | how
    x, y = rng.standard_normal((rows, sizes[0]), "f4"), rng.standard_normal((rows, sizes[-1]), "f4")
    model = Population(sizes, "tanh", rng=members)
    return model, lambda resume: model.fit(x, y, **how, resume=resume)


def char_rnn(hidden, steps, streams, letters=30, **how):
    model = CharRNN(hidden, steps, streams, Adam(1e-5), cell="tanh", rng=0)
    text = "".join(LETTERS[rng.integers(0, 30, 400_000)])
    if letters > 30:
        text += "".join(map(chr, range(0x4E00, 0x4E00 + letters)))
    model.build(text)
    how = {"epochs": 1000} | how
    return model, lambda resume: model.fit(text, **how, resume=resume)


CASES = {
    "perceptron 2-2-1, single rows": lambda: perceptron((2, 2, 1), 4, batch_size=1),
    "perceptron 2-2-1, Adam, full batch": lambda: perceptron((2, 2, 1), 4, optimizer=Adam(1e-4)),
    "perceptron 20-50-5, batches of 32": lambda: perceptron((20, 50, 5), 1000),
    "perceptron 784-512-10, batches of 128": lambda: perceptron(
        (784, 512, 10), 6000, batch_size=128
    ),
    "perceptron 784-2000-2000-10, single rows": lambda: perceptron(
        (784, 2000, 2000, 10), 200, batch_size=1
    ),
    "perceptron 784-2000-2000-10, Adam, batches of 32": lambda: perceptron(
        (784, 2000, 2000, 10), 200, optimizer=Adam(1e-5)
    ),
    "perceptron 784-100-10 of bytes": lambda: perceptron((784, 100, 10), 20000, "u1"),
    "perceptron 784-512-10, 20,000 rows held out": lambda: held_out((784, 512, 10), 20000),
    "perceptron 784-512-10, full batch of 2,000": lambda: perceptron(
        (784, 512, 10), 2000, batch_size=2000
    ),
    "perceptron 784-512-10, full batch of 20,000": lambda: perceptron(
        (784, 512, 10), 20000, batch_size=20000
    ),
    "population of 1000, 2-3-1": lambda: population((2, 3, 1), 1000, 4, optimizer=Adam(1e-4)),
    "population of 200, 20-50-5, early stopping": lambda: population(
        (20, 50, 5), 200, 300, early_stopping=EarlyStopping(ENDLESS)
    ),
    "population of 4, 784-512-10": lambda: population((784, 512, 10), 4, 2000, batch_size=128),
    "character RNN 8, windows of 5": lambda: char_rnn(8, 5, 1),
    "character RNN 100, windows of 25": lambda: char_rnn(100, 25, 1),
    "character RNN 512, windows of 50, 32 streams": lambda: char_rnn(512, 50, 32),
    "character RNN 1024, windows of 100, 64 streams": lambda: char_rnn(1024, 100, 64),
    "character RNN 256, 5,000 characters": lambda: char_rnn(256, 25, 16, 5000),
    "character RNN 512, a tenth held out": lambda: char_rnn(512, 25, 16, validation_fraction=0.1),
}


def delay(fit, resume, after):
    """Seconds from a signal, `after` seconds from now, until training has returned."""
    sent = []

    def interrupt():
        time.sleep(after)
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    other = Thread(target=interrupt)
    try:
        other.start()
        fit(resume)
        raise SystemExit("training ended before Ctrl-C")
    except KeyboardInterrupt:
        late = time.perf_counter() - sent[0]
    other.join()
    return late


def usable(model):
    """Whether the parameters are those after an update in the history, and can be used."""
    history, at = model.history, model._counters[0]
    if isinstance(model, CharRNN):
        return history.iterations == at and len(model.sample(3)) == 3
    outputs = model.predict(np.zeros((3, model.layer_sizes[0]), "f4"))
    if isinstance(model, Population):  # of one group, which is in step
        at, history = np.unique(model._counters[:, 0]), np.unique(history.updates)
        return at.tolist() == history.tolist() == [model._run.done] and np.isfinite(outputs).all()
    done = model._run.done if model._run else 0
    return history.updates == at == done and np.isfinite(outputs).all()


def delays(case, times):
    """Measure networks that are interrupted and resumed ten times each."""
    found = []
    for k in range(times):
        if k % 10 == 0:
            model, fit = CASES[case]()
        begun = not model.finished if isinstance(model, CharRNN) else model._run is not None
        found.append(delay(fit, begun, rng.uniform(0.05, 0.25)))
        if not usable(model):
            raise SystemExit(f"{case}: not of a step boundary after {model._counters[0]} updates")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("cases", nargs="*", help="parts of names; all by default")
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--bound", type=float, default=BOUND, help="seconds; %(default)s")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
    late = 0
    for case in CASES:
        if options.cases and not any(part in case for part in options.cases):
            continue
        found = delays(case, options.times)
        late += sum(seconds > options.bound for seconds in found)
        figures = f"median {1e3 * median(found):6.1f} ms, longest {1e3 * max(found):6.1f} ms"
        print(f"{case:50} {figures}", flush=True)
    print(f"{late} later than {1e3 * options.bound:.0f} ms")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
