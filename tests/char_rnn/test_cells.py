"""Character RNNs of every cell and depth do all that one tanh layer does."""

import copy
import pickle

import numpy as np
import pytest
from char_rnns import TEXT, small, state_of

from nncore import Adam, CharRNN, DivergenceError, check_gradients
from nncore.registry import CELL_ROW, CELLS

STACKS = [
    {"cell": cell, "layers": layers, "dropout": 0.2 if layers > 1 else 0.0}
    for cell in CELLS
    for layers in (1, 2)
]
stacks = pytest.mark.parametrize("stack", STACKS, ids=lambda s: f"{s['cell']} {s['layers']}")
HOW = {"epochs": 2, "validation_fraction": 0.2}


def net(stack, **settings):
    return small(**stack, **settings)


@stacks
def test_training_improves(stack):
    model = net(stack, hidden_size=16, optimizer=Adam(0.02))
    model.build(TEXT)
    before = model.evaluate(TEXT).bits_per_char
    model.fit(TEXT, iterations=250)
    assert model.evaluate(TEXT).bits_per_char < 0.8 * before
    assert model.history.loss[-20:].mean() < 0.8 * model.history.loss[:5].mean()


@stacks
@pytest.mark.parametrize("stop", [1, 40])
def test_a_resumed_run_ends_with_the_same_bits(stack, stop, path):
    whole, part = net(stack), net(stack)
    whole.fit(TEXT, **HOW)
    part.fit(TEXT, **HOW, callbacks=[lambda event: event.iteration >= stop], checkpoint=path)
    assert part.history.iterations < whole.history.iterations
    rest = CharRNN.load(path)
    rest.fit(TEXT, resume=True, validation_fraction=0.2)
    assert state_of(rest) == state_of(whole)


@stacks
def test_files_copies_and_pickles_continue_alike(stack, path):
    model = net(stack)
    model.fit(TEXT, iterations=9)
    model.save(path)
    others = CharRNN.load(path), copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    model.fit(TEXT, iterations=9)
    expected = repr(model), state_of(model)
    for other in others:
        assert {name: getattr(other, name) for name in stack} == stack
        other.fit(TEXT, iterations=9)
        assert (repr(other), state_of(other)) == expected


@stacks
def test_both_backends_train_and_sample_alike(stack):
    compiled, plain = (net(stack, dtype="float64", backend=b) for b in ("compiled", "numpy"))
    for model in (compiled, plain):
        model.fit(TEXT, iterations=12)
    for name, array in compiled.parameters.items():
        np.testing.assert_allclose(array, plain.parameters[name], rtol=1e-9, atol=1e-12)
    for how in ({}, {"top_k": 3}, {"temperature": 0}):
        text = compiled.sample(80, "to ", rng=1, **how)
        assert text == plain.sample(80, "to ", rng=1, **how)
        generated = compiled.generate("to ", rng=1, **how)
        assert text == "".join(next(generated) for _ in range(80))


@stacks
def test_long_samples_are_drawn_in_parts(stack, monkeypatch):
    model = net(stack)
    model.build(TEXT)
    whole = model.sample(60, rng=0)
    monkeypatch.setattr("nncore.char_rnn.sampling.PART_WORK", 1)
    assert model.sample(60, rng=0) == whole


@stacks
def test_diverging_training_restores_the_states(stack):
    model = net(stack, optimizer=Adam(1e30), clip_norm=None, batch_size=1)
    with pytest.raises(DivergenceError, match="diverged"):
        model.fit(TEXT, epochs=3)
    assert np.isfinite(model._weights).all()
    assert np.isfinite(model._state).all()


@stacks
@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_the_gradients_are_right(stack, backend):
    model = net(stack, hidden_size=3, backend=backend).build("abcd")
    found = check_gradients(model, "abcadcbbda")
    assert found.ok, found
    assert (found.kinks, found.checked) == (0, found.total)
    assert found.total == sum(array.size for array in model.parameters.values())


# --- starting from a file -----------------------------------------------------------------------


@stacks
def test_training_starts_from_the_weights_of_a_file(stack, path):
    model = net(stack)
    model.fit(TEXT, iterations=3)
    model.save(path)
    other = net(stack, rng=5).start_from(path)
    assert other._weights.tobytes() == model._weights.tobytes()
    assert other.history.iterations == 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cell": "tanh"}, "has lstm cells, expected tanh as in"),
        ({"cell": "gru"}, "has lstm cells, expected gru as in"),
        ({"layers": 1}, r"has 2 layer\(s\), expected 1 as in"),
        ({"hidden_size": 12}, "has 6 units, expected 12 as in"),
    ],
    ids=str,
)
def test_weights_of_another_architecture_are_refused(setting, message, path):
    stack = {"cell": "lstm", "layers": 2}
    small(**stack).build("abc").save(path)
    other = small(**stack | setting)
    with pytest.raises(ValueError, match=message):
        other.start_from(path)
    with pytest.raises(ValueError, match="no vocabulary yet"):
        _ = other.vocabulary


# --- initial weights ----------------------------------------------------------------------------


@pytest.mark.parametrize("weight_init", ["scaled", "small"])
@stacks
def test_only_the_bias_of_the_gate_that_keeps_the_state_is_not_zero(stack, weight_init):
    model = net(stack, weight_init=weight_init).build("abc")
    row = CELL_ROW[stack["cell"]]
    for name, bias in model.parameters.items():
        if bias.ndim == 1:
            gates = row.gates if name.startswith("bh") else 1
            for gate, block in enumerate(np.split(bias, gates)):
                opened = name.startswith("bh") and gate == row.open_gate
                assert (block == float(opened)).all(), name
    assert np.any(model.parameters["bh"]) == (row.open_gate is not None)


@stacks
def test_recurrent_weights_are_orthogonal_by_gate_and_others_keep_the_size_of_inputs(stack):
    model = CharRNN(64, 5, 1, **stack, dtype="float64", rng=0).build(TEXT)
    for name, weights in model.parameters.items():
        if name.startswith("whh"):
            for gate in np.split(weights, CELL_ROW[stack["cell"]].gates, axis=1):
                np.testing.assert_allclose(gate @ gate.T, np.eye(64), atol=1e-12)
        elif weights.ndim == 2:
            first = 0.5 if stack["cell"] == "tanh" else 1.0
            scale = first if name == "wxh" else 1 / 8
            assert weights.std() == pytest.approx(scale, rel=0.1), name


@stacks
def test_small_weights_are_small(stack):
    model = CharRNN(64, 5, 1, **stack, weight_init="small", rng=0).build(TEXT)
    for name, weights in model.parameters.items():
        assert weights.ndim == 1 or weights.std() == pytest.approx(0.01, rel=0.1), name


# --- dropout ------------------------------------------------------------------------------------


def losses(**settings):
    model = small(cell="gru", layers=2, **settings)
    model.fit(TEXT, iterations=9)
    return model.history.loss.tobytes()


def test_dropout_acts_in_training_alone():
    dropped, whole = (small(cell="lstm", layers=2, dropout=d).build(TEXT) for d in (0.4, 0.0))
    assert dropped.evaluate(TEXT) == whole.evaluate(TEXT)
    assert dropped.sample(40, rng=1) == whole.sample(40, rng=1)
    assert dropped.loss_and_gradients(TEXT)[0] == whole.loss_and_gradients(TEXT)[0]
    assert losses(dropout=0.4) != losses()


def test_dropout_depends_on_the_seed():
    one, again, other = (small(layers=2, dropout=0.4, rng=seed) for seed in (0, 0, 1))
    other._init_rng = again._init_rng  # the same weights
    for model in (one, again, other):
        model.fit(TEXT, iterations=4)
    assert one.history.loss.tobytes() == again.history.loss.tobytes()
    assert one.history.loss[0] != other.history.loss[0]


def test_the_seed_of_dropout_takes_nothing_from_a_shared_generator():
    rng = np.random.default_rng(0)
    small(rng=rng)
    after = np.random.default_rng(0)
    after.integers(0, 2**63, size=(2, 4))  # initial weights and samples
    assert rng.integers(2**63) == after.integers(2**63)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"cell": "rnn"}, ValueError, "cell must be one of 'tanh', 'lstm', 'gru', got 'rnn'"),
        ({"cell": None}, ValueError, "cell must be one of"),
        ({"layers": 0}, ValueError, "layers must be from 1 to 16, got 0"),
        ({"layers": 17}, ValueError, "layers must be from 1 to 16, got 17"),
        ({"layers": 2.0}, TypeError, "layers must be an integer"),
        ({"dropout": 0.5}, ValueError, "dropout must be 0 with layers=1, as it acts between"),
        ({"layers": 2, "dropout": 1.0}, ValueError, r"dropout must be in \[0, 1\), got 1.0"),
        ({"layers": 2, "dropout": -0.1}, ValueError, r"dropout must be in \[0, 1\), got -0.1"),
        ({"layers": 2, "dropout": "0"}, TypeError, "dropout must be a number"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        small(**settings)


@pytest.mark.parametrize("name", ["cell", "layers", "dropout"])
def test_settings_on_which_arrays_depend_are_read_only(name):
    with pytest.raises(AttributeError):
        setattr(small(), name, getattr(small(), name))


def test_the_repr_names_the_stack():
    assert repr(small(cell="lstm", layers=3)).startswith("<CharRNN lstm 3x6 T=5 N=2, ")
    assert repr(small(layers=2)).startswith("<CharRNN tanh 2x6 T=5 N=2, ")


def test_min_char_rnn_has_one_tanh_layer_unless_told_otherwise():
    model = CharRNN.min_char_rnn()
    assert (model.cell, model.layers, model.dropout) == ("tanh", 1, 0.0)
    assert CharRNN.min_char_rnn(cell="lstm").cell == "lstm"
