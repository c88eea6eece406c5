"""Another thread changes every argument of a kernel during the call: errors, never a crash.

Run under AddressSanitizer by `.ci/run`, which also detects accesses outside of arrays.
"""

import numpy as np
import pytest
from calls import call, case_ids, made
from cases import CASES
from char_rnn_networks import Network as CharNetwork
from char_rnn_networks import V
from mlp_networks import Network
from population_networks import Members
from scribbling import spoiled_after_the_checks, survives

from nncore.arguments import arrays as arguments
from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.arguments import mlp as mlp_arguments
from nncore.arguments import population as population_arguments
from nncore.registry import LOSSES


def arrays_in(arguments):
    return [a for a in arguments if isinstance(a, np.ndarray)]


@pytest.mark.parametrize("size", [(3, 4, 5), (64, 40, 50)])
@pytest.mark.parametrize("case", CASES, ids=case_ids)
def test_kernels_survive_arguments_that_change(core, case, size):
    given = made(case, *size, np.float32)
    survives(lambda: call(core, case, given), arrays_in(given))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("batch", [1, 7, 400])
def test_networks_survive_arguments_that_change(core, loss, optimizer, batch):
    net = Network(np.float32, (5, 7, 3), "tanh", loss, 400, optimizer, batch_size=batch)
    net.order = np.zeros(400, np.intp)
    weight, penalties, rates = np.ones(400, "f4"), np.zeros(300), np.full(300, 0.01)

    def work():
        net.train(core, 300, sample_weight=weight, penalties=penalties, rates=rates)
        net.train(core, 300, order=None)
        net.gradients(core, sample_weight=weight)
        net.predict(core)
        net.evaluate(core)

    arrays = [net.weights, net.gradient, net.slots, net.layers, net.x, net.y, net.order]
    survives(work, [*arrays, net.counters, weight, penalties, rates])


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "huber"])
@pytest.mark.parametrize("members", [3, 70])
@pytest.mark.parametrize("own_rows", [True, False])
def test_populations_survive_arguments_that_change(core, loss, members, own_rows):
    net = Members(np.float32, loss=loss, members=members, rows=40, own_rows=own_rows, clip_norm=1.0,
                  weighted=True, dropout=[0.5])  # fmt: skip
    given = net.arguments(50)

    def work():
        core.population_train(**given, **net.settings)
        core.population_train(**given, **{**net.settings, "batch_size": 40}, shuffle=False)
        core.population_train(**given, **net.settings, threads=2)
        net.predict(core)
        net.evaluate(core)

    survives(work, arrays_in(given.values()))


def test_orders_that_are_given_may_change(core):
    net = Network(np.float32, (5, 7, 3), "tanh", "huber", 40, "sgd", batch_size=8)
    order = np.tile(np.arange(40), 60)
    survives(lambda: net.train(core, 300, order=order, shuffle=False), [order, net.counters])


@pytest.mark.parametrize("ids", [np.uint8, np.uint16])
def test_character_networks_survive_arguments_that_change(core, ids):
    net = CharNetwork(np.float32)
    text = net.text.astype(ids)
    keywords = {"vocabulary": V}
    one, uniforms = np.zeros((1, net.h.shape[1]), "f4"), np.linspace(0, 1, 50)

    def work():
        net.train(core, 50, text=text)
        core.char_rnn_evaluate(net.weights, text, one, **keywords)
        core.char_rnn_sample(net.weights, one, 0, uniforms, **keywords, top_k=3)

    survives(work, [text, net.weights, net.gradient, net.slots, net.counters, net.h, one, uniforms])


# --- the moment between the checks and the computation --------------------------------------


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "huber"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_training_uses_the_values_that_were_checked(core, monkeypatch, loss, shuffle):
    net = Network(np.float32, (5, 7, 3), "tanh", loss, 40, "adam", batch_size=8)
    order = np.arange(40) if shuffle else np.tile(np.arange(40), 2)
    integers = [net.layers, net.counters, order, *([net.y] if net.y.dtype.kind == "i" else [])]
    spoiled_after_the_checks(monkeypatch, mlp_arguments, "train", integers)
    try:
        net.train(core, 10, order=order, shuffle=shuffle)
    except IndexError:
        assert not shuffle or net.y is integers[-1]
    else:
        assert net.counters.tolist() == [10, 10, 0, 2]


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "huber"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_populations_use_the_values_that_were_checked(core, monkeypatch, loss, shuffle):
    net = Members(np.float32, loss=loss, rows=40, own_rows=True, batch_size=8, shuffle=shuffle)
    labels = [net.y] if net.y.dtype.kind == "i" else []
    integers = [net.layers, net.counters, net.rows, net.epoch_rows, net.seeds, *labels]
    spoiled_after_the_checks(monkeypatch, population_arguments, "train", integers)
    if labels:
        with pytest.raises(IndexError, match="y has 9223372036854775807, expected 0 to 2"):
            net.train(core, 10)
        assert not net.counters.any()
    else:
        assert net.train(core, 10).tolist() == [10] * 7
        assert (net.counters[:, :2] == 10).all()


def test_threads_of_populations_use_the_labels_that_were_checked(core, monkeypatch):
    net = Members(np.float32, loss="softmax_cross_entropy", members=70, rows=40)
    spoiled_after_the_checks(monkeypatch, population_arguments, "train", [net.y])
    assert net.train(core, 10, threads=2).tolist() == [10] * 70


def test_a_prediction_of_a_population_uses_the_layers_that_were_checked(core, monkeypatch):
    net = Members(np.float32)
    expected = net.predict(core)
    spoiled_after_the_checks(monkeypatch, population_arguments, "predict", [net.layers])
    assert net.predict(core).tobytes() == expected.tobytes()


def test_an_evaluation_of_a_population_uses_the_values_that_were_checked(core, monkeypatch):
    net = Members(np.float32, loss="softmax_cross_entropy", own_rows=True)
    expected = net.evaluate(core)
    spoiled_after_the_checks(monkeypatch, population_arguments, "evaluate", [net.layers, net.rows])
    assert net.evaluate(core).tobytes() == expected.tobytes()


def test_an_evaluation_of_a_population_checks_its_labels_again(core, monkeypatch):
    net = Members(np.float32, loss="softmax_cross_entropy")
    spoiled_after_the_checks(monkeypatch, population_arguments, "evaluate", [net.y])
    with pytest.raises(IndexError, match="y has 9223372036854775807, expected 0 to 2"):
        net.evaluate(core)


@pytest.mark.parametrize("name", ["predict", "gradients"])
def test_a_single_pass_uses_the_values_that_were_checked(core, monkeypatch, name):
    net = Network(np.float32, (5, 7, 3), "tanh", "huber")
    strided = net.x[::2]  # so that prediction asks for the checks
    spoiled_after_the_checks(monkeypatch, mlp_arguments, name, [net.layers])
    if name == "predict":
        with pytest.raises(ValueError, match="x must be a C-ordered array"):
            net.predict(core, x=strided)
        net = Network(np.float64, (5, 7, 3), "tanh", "huber")
        spoiled_after_the_checks(monkeypatch, mlp_arguments, name, [net.layers])
        layers = net.layers.view(type("Own", (np.ndarray,), {}))
        assert np.isfinite(net.predict(core, layers=layers)).all()
    else:
        loss, gradient = net.gradients(core)
        assert np.isfinite(loss)
        assert np.isfinite(gradient).all()


def test_a_character_network_uses_the_values_that_were_checked(core, monkeypatch):
    net = CharNetwork(np.float32)
    spoiled_after_the_checks(monkeypatch, char_rnn_arguments, "train", [net.counters])
    assert net.train(core, 3) == 3
    assert net.counters.tolist() == [3, 15]
    spoiled_after_the_checks(monkeypatch, char_rnn_arguments, "evaluate", [net.text])
    with pytest.raises(IndexError, match="text has id 255"):
        core.char_rnn_evaluate(net.weights, net.text, np.zeros((1, 7), "f4"), vocabulary=V)


def test_rules_keep_the_values_that_were_checked(core):
    """If the kind of an optimizer could change after the check, the kernel would write anywhere."""

    class Fickle:
        kinds = iter(["sgd", "adam", "adam"])
        decay = decay2 = epsilon = weight_decay = 0.0
        epsilon_hat = False

        @property
        def kind(self):
            return next(self.kinds)

    with pytest.raises(TypeError, match="optimizer must be an UpdateRule, got Fickle"):
        Network(np.float32, optimizer="sgd").train(core, 3, optimizer=Fickle())
    with pytest.raises(TypeError, match="optimizer must be an UpdateRule, got Fickle"):
        CharNetwork(np.float32, optimizer="sgd").train(core, 3, optimizer=Fickle())


# --- arguments that say something else the second time ----------------------------------------


def test_arrays_with_false_attributes_are_seen_as_they_are(core):
    class Larger(np.ndarray):
        @property
        def shape(self):
            return (10**6, 5)

        def view(self, *_):
            return self

        def copy(self, *_):
            return self

    net = Network(np.float32, (5, 7, 3), "tanh", "huber")
    expected = net.predict(core)
    x, layers = net.x.view(Larger), net.layers.view(Larger)
    assert net.predict(core, x=x, layers=layers).tobytes() == expected.tobytes()
    with pytest.raises(ValueError, match="weights must be"):
        net.predict(core, weights=net.weights[:50].view(Larger))


def test_the_shuffle_argument_is_evaluated_once(core):
    class Fickle:
        answers = iter([True, False, True, False] * 9)

        def __bool__(self):
            return next(self.answers)

    net = Network(np.float32, (5, 7, 3), "tanh", "huber", 40, "sgd", batch_size=8)
    order = np.frombuffer(np.full(40, 10**15).tobytes(), np.intp)  # read-only
    with pytest.raises(ValueError, match="order must be a writable"):
        net.train(core, 10, order=order, shuffle=Fickle())


def test_kinds_of_rules_are_plain_strings(core):
    class Kind(str):
        __slots__ = ()

    with pytest.raises(TypeError, match="optimizer: kind must be a string"):
        Network(np.float32).train(core, 3, optimizer=arguments.UpdateRule(Kind("sgd")))


def test_a_batch_larger_than_memory_is_refused_where_few_rows_are_given(core):
    net = Network(np.float32, (7, 16, 3), "tanh", "huber", 10, "sgd")
    many = 2**61
    net.counters[2] = many - 10
    with pytest.raises((MemoryError, OverflowError)):
        net.train(core, 1, epoch_rows=many, batch_size=many, first=many - 10)
