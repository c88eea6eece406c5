"""Ctrl-C before any line of `start_from` leaves the network as it was, or with all weights."""

import itertools
import sys

import pytest
from interrupted_runs import LABELS, MAKE, SERIES, TEXT, X

import nncore

DATA = {nncore.MLP: (X, LABELS), nncore.RNN: (SERIES, LABELS), nncore.CharRNN: (TEXT,)}


def interrupted_before(line, function, *args):
    """Call a function with Ctrl-C before a line; return whether it has so many.

    Lines are counted from 0, over `start_from` and the `_build` of the same network.
    """
    lines = itertools.count()

    def trace(frame, event, argument):
        if frame.f_code.co_name not in ("start_from", "_build"):
            return None
        if event == "line" and next(lines) == line:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*args)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def weights(model):
    return {name: array.tobytes() for name, array in model.parameters.items()}


@pytest.mark.parametrize("kind", DATA)
def test_ctrl_c_never_leaves_a_part_of_the_weights(kind, tmp_path):
    path = tmp_path / "model.safetensors"
    source = kind(**{**MAKE[kind], "rng": 1})
    source.fit(*DATA[kind], epochs=1)
    source.save(path)
    for line in itertools.count():
        fresh = kind(**MAKE[kind])
        before = weights(fresh) if kind is not nncore.CharRNN else None
        if not interrupted_before(line, fresh.start_from, path):
            break
        if kind is not nncore.CharRNN:
            assert weights(fresh) in (before, weights(source))
            fresh.start_from(path)
        elif fresh._vocabulary is None:
            fresh.start_from(path)
        assert weights(fresh) == weights(source)
    assert line > 3


def test_a_weight_that_float32_cannot_hold_changes_nothing(tmp_path):
    path = tmp_path / "model.safetensors"
    source, fresh = (nncore.MLP([2, 2], dtype=dtype, rng=0) for dtype in ("float64", "float32"))
    before = weights(fresh)
    source.parameters["b1"][-1] = 1e300
    source.save(path)
    with pytest.raises(RuntimeWarning, match="overflow"):
        fresh.start_from(path)
    assert weights(fresh) == before
