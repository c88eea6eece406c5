"""CharRNN with every cell, depth and dropout: correct results, or documented exceptions."""

import math

import numpy as np
from char_rnns import arrays_of
from hypothesis import assume, given
from hypothesis import strategies as st
from properties import anything, attempt, close, dtypes, of, seeds

from nncore import CharRNN, Evaluation, GradientCheck, Trace, Vocabulary, check_gradients
from nncore.registry import CELL_ROW, CELLS

texts = st.text("abcdefgh", min_size=30, max_size=60).filter(lambda text: len(set(text)) > 1)
windows = st.text("abcdefgh", min_size=2, max_size=12)
any_texts = st.text(max_size=30)


@st.composite
def networks(draw):
    layers = draw(st.integers(1, 3))
    return {
        "hidden_size": draw(st.integers(1, 9)),
        "seq_length": draw(st.integers(1, 6)),
        "batch_size": draw(st.integers(1, 3)),
        "rng": draw(seeds),
        "dtype": draw(dtypes),
        "cell": draw(st.sampled_from(CELLS)),
        "layers": layers,
        "dropout": draw(st.floats(0, 0.9)) if layers > 1 else 0.0,
        "weight_init": draw(st.sampled_from(["scaled", "small"])),
    }


def known(settings):
    return CharRNN(**settings, vocabulary=Vocabulary("abcdefgh"))


@of("CharRNN", "CharRNN.cell", "CharRNN.layers", "CharRNN.dropout", "CharRNN.parameters")
@given(settings=networks())
def test_a_network_has_the_stack_given(settings):
    net = known(settings)
    assert all(getattr(net, name) == settings[name] for name in ("cell", "layers", "dropout"))
    row, h = CELL_ROW[net.cell], net.hidden_size
    shapes = {"why": (h, 8), "by": (8,)}
    for i in range(net.layers):
        at, inputs = (str(i + 1) if i else ""), h if i else 8
        shapes |= {f"wxh{at}": (inputs, row.gates * h), f"whh{at}": (h, row.gates * h)}
        shapes |= {f"bh{at}": (row.gates * h,)} | ({f"bn{at}": (h,)} if row.recurrent_bias else {})
    assert {name: array.shape for name, array in net.parameters.items()} == shapes
    again = known(settings)
    assert arrays_of(again) == arrays_of(net)
    assert again._hash_seed == net._hash_seed


@of("CharRNN", "CharRNN.min_char_rnn", "CharRNN.cell", "CharRNN.layers", "CharRNN.dropout")
@given(settings=networks(), exactly=st.booleans(), data=st.data())
def test_a_wrong_stack_is_refused_by_its_name(settings, exactly, data):
    name, value = data.draw(st.sampled_from(["cell", "layers", "dropout"])), data.draw(anything)
    make = CharRNN.min_char_rnn if exactly else CharRNN
    net, error = attempt(lambda: make(**{**settings, name: value}))
    if error is None:
        assert getattr(net, name) == value
    else:
        assert name in str(error)


@of("CharRNN.fit", "CharRNN.save", "CharRNN.load", "CharRNN.start_from")
@given(settings=networks(), text=texts, iterations=st.integers(1, 4), changed=networks())
def test_a_stack_trains_as_in_numpy_and_continues_from_a_file(
    folder, settings, text, iterations, changed
):
    net, path = known(settings), folder / "stack.safetensors"
    plain = CharRNN(**settings, vocabulary=Vocabulary("abcdefgh"), backend="numpy")
    assume(len(text) >= net.batch_size * (net.seq_length + 1))
    for one in (net, plain):
        one.fit(text, iterations=iterations)
    close(net.history.loss, plain.history.loss, np.float32)
    net.save(path)
    loaded = CharRNN.load(path)
    for one in (net, loaded):
        one.fit(text, iterations=2)
    assert arrays_of(loaded) == arrays_of(net)
    assert loaded.sample(9) == net.sample(9)
    other, error = attempt(lambda: CharRNN(**changed).start_from(path), ValueError)
    same = all(changed[name] == settings[name] for name in ("cell", "layers", "hidden_size"))
    assert (error is None) == same
    assert error is not None or other.vocabulary == net.vocabulary


@of("CharRNN.evaluate", "Evaluation")
@given(settings=networks(), text=any_texts | texts)
def test_unknown_characters_are_skipped_or_refused(settings, text):
    net = known(settings)
    left = "".join(character for character in text if character in "abcdefgh")
    found, error = attempt(lambda: net.evaluate(text, "skip"), ValueError)
    assert (error is None) == (len(left) >= 2)
    if error is None:
        plain = net.evaluate(left)
        expected = Evaluation(len(left) - 1, plain.nats_per_char, len(text) - len(left))
        assert found == expected
    _, refused = attempt(lambda: net.evaluate(text, unknown="error"), ValueError)
    assert (refused is None) == (len(left) == len(text) >= 2)


@of("CharRNN.evaluate")
@given(unknown=anything)
def test_other_ways_with_unknown_characters_are_refused(unknown):
    net = CharRNN(2, 2, 1, rng=0).build("ab")
    _, error = attempt(lambda: net.evaluate("abc", unknown))
    assert error is not None


@of("CharRNN.loss_and_gradients", "CharRNN.trace", "Trace")
@given(settings=networks(), text=windows)
def test_a_window_has_the_gradients_of_its_trace(settings, text):
    net = known(settings)
    loss, gradients = net.loss_and_gradients(text)
    found = net.trace(text)
    assert isinstance(found, Trace)
    close(loss, found["loss"], net.dtype)
    close(loss, net.evaluate(text).nats_per_char * (len(text) - 1), net.dtype)
    for name, array in net.parameters.items():
        assert gradients[name].dtype == array.dtype
        close(gradients[name], found[f"d{name}"], net.dtype)
    assert len(str(found).splitlines()) > len(found)
    assert all(len(found[name]) == len(text) - 1 for name in ("x", "y", "s", "h", "logits"))


@of("CharRNN.loss_and_gradients", "CharRNN.trace")
@given(source=anything | any_texts | st.binary(max_size=20))
def test_windows_of_anything_are_measured_or_refused(source):
    net = CharRNN(2, 3, 1, rng=0, cell="gru").build("ab0")
    for use in (net.loss_and_gradients, net.trace):
        result, error = attempt(lambda use=use: use(source))
        if error is None:
            loss = result[0] if isinstance(result, tuple) else result["loss"]
            assert 0 < loss < math.inf
        else:
            assert "text" in str(error)


@of("check_gradients", "GradientCheck")
@given(settings=networks(), text=windows, sample=st.integers(1, 40))
def test_the_gradients_of_any_stack_are_right(settings, text, sample):
    net = known(settings)
    found = check_gradients(net, text, sample=sample)
    assert isinstance(found, GradientCheck)
    assert found.ok, found
    assert found.checked + found.kinks == min(sample, found.total)


@of("check_gradients")
@given(data=st.data())
def test_a_wrong_check_of_a_text_is_refused(data):
    net = CharRNN(2, 3, 1, rng=0, cell="lstm").build("ab")
    arguments = {"net": net, "X": "abba", "Y": None, "h": None, "sample": 3}
    name = data.draw(st.sampled_from([*arguments, "rng"]))
    found, error = attempt(lambda: check_gradients(**{**arguments, name: data.draw(anything)}))
    expected = "text" if name == "X" else name
    assert isinstance(found, GradientCheck) if error is None else expected in str(error)
