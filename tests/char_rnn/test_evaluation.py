"""Texts that a CharRNN measures: unknown characters, gradients of a window, and its trace."""

import io
import math

import numpy as np
import pytest
from char_rnns import TEXT, small

from nncore import SGD, CharRNN, Constant, Evaluation, Trace
from nncore.registry import CELL_ROW, CELLS

# --- unknown characters -------------------------------------------------------------------------


@pytest.mark.parametrize("skipped", [0, 1, 7, 300_000])
def test_unknown_characters_are_skipped_and_counted(skipped):
    model = small().build(TEXT)
    text = TEXT[:50] + "\u2603" * skipped + TEXT[50:]
    found, plain = model.evaluate(text, unknown="skip"), model.evaluate(TEXT)
    assert (found.skipped, plain.skipped) == (skipped, 0)
    assert (found.characters, found.nats_per_char) == (plain.characters, plain.nats_per_char)


@pytest.mark.parametrize("how", [{}, {"unknown": "error"}], ids=str)
def test_unknown_characters_are_refused_unless_asked_for(how):
    with pytest.raises(
        ValueError, match=r"text has 1 character\(s\) outside the vocabulary: \u2603"
    ):
        small().build(TEXT).evaluate("to \u2603be", **how)


def test_unknown_characters_of_any_source_are_skipped(tmp_path):
    model, path = small().build("abc"), tmp_path / "text"
    path.write_text("xaybzc", encoding="utf-8")
    for source in ("xaybzc", b"xaybzc", path, [path], io.StringIO("xaybzc")):
        expected = Evaluation(2, model.evaluate("abc").nats_per_char, skipped=3)
        assert model.evaluate(source, "skip") == expected


def test_a_text_that_is_left_with_one_character_is_refused():
    model = small().build("abc")
    for text in ("xyz", "xayz"):
        known = len(set(text) & set("abc"))
        with pytest.raises(ValueError, match=rf"has {known} character\(s\) of the vocabulary, exp"):
            model.evaluate(text, "skip")


def test_every_byte_is_known():
    model = CharRNN(2, 3, 1, vocabulary="bytes", rng=0)
    assert model.evaluate(bytes(range(256)), "skip") == model.evaluate(bytes(range(256)))


@pytest.mark.parametrize("unknown", ["ignore", None, 1, ""])
def test_other_ways_with_unknown_characters_are_refused(unknown):
    with pytest.raises(ValueError, match="unknown must be one of 'error', 'skip'"):
        small().build(TEXT).evaluate(TEXT, unknown)


# --- gradients of a window ----------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_window_has_the_loss_of_an_evaluation_and_gradients_by_name(cell, dtype):
    model = small(cell=cell, layers=2, dtype=dtype).build(TEXT)
    loss, gradients = model.loss_and_gradients(TEXT[:30])
    assert loss == pytest.approx(29 * model.evaluate(TEXT[:30]).nats_per_char, rel=1e-5)
    assert {name: array.shape for name, array in gradients.items()} == {
        name: array.shape for name, array in model.parameters.items()
    }
    assert all(np.abs(array).max() > 0 for array in gradients.values())


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradients_are_those_that_training_applies(cell):
    text = TEXT[:11]
    settings = {"cell": cell, "schedule": Constant(), "clip_norm": None, "dtype": "float64"}
    model = CharRNN(6, 9, 1, SGD(0.5), **settings, rng=0).build(TEXT)
    before = {name: array.copy() for name, array in model.parameters.items()}
    loss, gradients = model.loss_and_gradients(text[:10])
    model.fit(text, iterations=1)
    assert model.history.loss[0] == loss
    for name, array in model.parameters.items():
        np.testing.assert_allclose(array, before[name] - 0.5 * gradients[name], atol=1e-14)


@pytest.mark.parametrize("method", ["loss_and_gradients", "trace", "evaluate"])
@pytest.mark.parametrize("text", ["", "a"])
def test_windows_of_less_than_two_characters_are_refused(method, text):
    with pytest.raises(ValueError, match=rf"text has {len(text)} character\(s\), expected at lea"):
        getattr(small().build("abc"), method)(text)


@pytest.mark.parametrize("method", ["loss_and_gradients", "trace", "evaluate"])
def test_a_network_without_a_vocabulary_has_no_gradients(method):
    with pytest.raises(ValueError, match="no vocabulary yet"):
        getattr(small(), method)("abc")


# --- trace --------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def states(cell, t, s, before):
    """The outputs of a layer from the sums of its gates, by the formulas of the papers."""
    if cell == "tanh":
        return {"h": np.tanh(s)}
    blocks = np.split(s, CELL_ROW[cell].gates, axis=1)
    if cell == "gru":
        r, z = sigmoid(blocks[0]), sigmoid(blocks[1])
        n = np.tanh(blocks[2] + r * t["u"])
        return {"r": r, "z": z, "n": n, "h": (1 - z) * n + z * before["h"]}
    i, f, o = (sigmoid(blocks[at]) for at in (0, 1, 3))
    g = np.tanh(blocks[2])
    c = f * before["c"] + i * g
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * np.tanh(c)}


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_a_trace_has_every_result_of_every_step_and_layer(cell, layers):
    model = small(cell=cell, layers=layers, dtype="float64").build(TEXT)
    for name, array in model.parameters.items():
        array[...] += 0.1 * np.random.default_rng(len(name)).standard_normal(array.shape)
    text = TEXT[:9]
    found = model.trace(text)
    assert isinstance(found, Trace)
    ids = model.vocabulary.encode(text)
    assert (found["x"].tolist(), found["y"].tolist()) == (ids[:-1].tolist(), ids[1:].tolist())
    inputs = found["wxh"][ids[:-1]]
    for at in ("", "2")[:layers]:
        if at:
            inputs = found["h"] @ found["wxh2"]
        t = {name: found[name + at] for name in "hcu" if name + at in found}
        before = {name: np.vstack([0 * a[:1], a[:-1]]) for name, a in t.items()}
        product = before["h"] @ found[f"whh{at}"]
        if cell == "gru":
            np.testing.assert_allclose(t["u"], product[:, -6:] + found[f"bn{at}"], atol=1e-12)
            product[:, -6:] = 0
        s = inputs + found[f"bh{at}"] + product
        np.testing.assert_allclose(found[f"s{at}"], s, atol=1e-12)
        for name, expected in states(cell, t, s, before).items():
            np.testing.assert_allclose(found[name + at], expected, atol=1e-12, err_msg=name)
    top = "h2" if layers == 2 else "h"
    logits = found[top] @ found["why"] + found["by"]
    np.testing.assert_allclose(found["logits"], logits, atol=1e-12)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert found["loss"] == pytest.approx(-np.log(p[np.arange(8), ids[1:]]).sum(), rel=1e-12)


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_trace_ends_with_the_gradients(cell, backend):
    model = small(cell=cell, layers=2, dtype="float64", backend=backend).build(TEXT)
    loss, gradients = model.loss_and_gradients(TEXT[:20])
    found = model.trace(TEXT[:20])
    assert found["loss"] == pytest.approx(loss, rel=1e-13)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(found[f"d{name}"], gradient, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("cell", CELLS)
def test_a_trace_can_be_read(cell):
    shown = str(small(cell=cell, layers=2).build("abc").trace("abca"))
    last = {"tanh": "tanh(s)", "lstm": "o * tanh(c)", "gru": "(1 - z) * n + z * h_prev"}[cell]
    assert f"\nh2 = {last}   (3 x 6)\n" in shown
    assert "\nlogits = h2 @ why + by   (3 x 3)\n" in shown
    assert math.isfinite(float(shown.split("\nloss = ")[1].split(" = ")[1].split(maxsplit=1)[0]))
