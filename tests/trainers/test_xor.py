"""The XOR trainer: what it learns, how often, and its reports on starts that do not learn."""

import subprocess
import sys

import numpy as np
import pytest
from checkout import EXAMPLES

from nncore import MLP, SGD, Adam
from nncore.trainers.xor import rates as xor_rates
from nncore.trainers.xor import train as xor
from nncore.trainers.xor.task import task
from nncore.trainers.xor.train import train_xor, xor_data, xor_success_rates

EXAMPLE = EXAMPLES / "xor.py"
STUCK, TWICE_STUCK = 8, 41  # seeds of 2 hidden units with which one or two starts do not learn


def same_network(one, two):
    return one.net._weights.tobytes() == two.net._weights.tobytes()


# --- the data -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_table_is_that_of_xor(dtype):
    X, Y = xor_data("table", dtype=dtype)
    assert X.dtype == Y.dtype == dtype
    assert X.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert Y.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]


def test_the_class_of_a_point_is_given_by_its_quadrant():
    X, Y = xor_data("points", rng=1)
    assert X.shape == Y.shape == (300, 2)
    np.testing.assert_array_equal(Y.argmax(axis=1), (X[:, 0] > 0) != (X[:, 1] > 0))
    np.testing.assert_array_equal(Y.sum(axis=1), 1)
    assert abs(X.mean()) < 0.15
    assert abs(X.std() - 1) < 0.1
    assert 100 < Y[:, 1].sum() < 200
    again, other = (xor_data("points", rng=seed)[0] for seed in (1, 2))
    assert X.tobytes() == again.tobytes() != other.tobytes()


# --- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["default", "seed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_table_is_learned(method, dtype):
    result = train_xor(method=method, dtype=dtype)
    assert result.learned
    assert result.accuracy == 1
    assert result.net.dtype == dtype
    assert result.net.layer_sizes == (2, 3, 2)
    assert result.net.predict_class(result.X).tolist() == [0, 1, 1, 0]
    assert result.loss == result.net.loss(result.X, result.Y) < 0.01
    assert result.history is result.net.history
    assert result.history.epochs == 1500
    assert (result.restarts, result.diagnoses, result.snapshots) == (0, (), ())


def test_more_units_learn_points_better():
    few, many = (train_xor(size, "points") for size in (3, 50))
    assert few.X.tobytes() == many.X.tobytes()
    assert 0.9 <= few.accuracy < many.accuracy
    assert many.accuracy > 0.98


def test_the_method_of_the_seed_document_is_sigmoid_and_squared_error():
    net = train_xor(method="seed", epochs=1, max_restarts=0).net
    assert (net.activations, net.loss_name) == (("sigmoid", "sigmoid"), "half_squared_error")
    net = train_xor(epochs=1, max_restarts=0).net
    assert (net.activations, net.loss_name) == (("sigmoid", "softmax"), "softmax_cross_entropy")


@pytest.mark.parametrize("dataset", ["table", "points"])
@pytest.mark.parametrize("method", ["default", "seed"])
def test_the_penalty_is_that_of_the_seed_document(dataset, method):
    reg = 0.3
    result = train_xor(3, dataset, reg=reg, method=method, epochs=3, max_restarts=0)
    net, N = result.net, len(result.X)
    free = MLP(
        net.layer_sizes,
        "sigmoid",
        net.activations[-1],
        net.loss_name,
        weight_init=net.parameters,
    )
    squares = sum((net.parameters[name] ** 2).sum() for name in ("w1", "w2"))
    expected = free.loss(result.X, result.Y) + reg * squares / (2 * N)
    assert result.loss == pytest.approx(expected, rel=1e-5)
    with_penalty = net.loss_and_gradients(result.X, result.Y)[1]
    without = free.loss_and_gradients(result.X, result.Y)[1]
    for name in ("w1", "w2"):
        slope = with_penalty[name] - without[name]
        np.testing.assert_allclose(slope, reg / N * net.parameters[name], rtol=1e-3, atol=1e-6)
    for name in ("b1", "b2"):
        np.testing.assert_array_equal(with_penalty[name], without[name])


def test_a_penalty_keeps_weights_small():
    large, small = (
        max(abs(w).max() for w in train_xor(4, reg=reg).net.parameters.values())
        for reg in (0, 0.003)
    )
    assert small < 0.8 * large


def test_every_update_sees_all_rows_and_follows_the_optimizer():
    result = train_xor(3, "points", optimizer=Adam(0.01), epochs=7, max_restarts=0)
    assert result.history.updates == 7
    assert result.net._slots_of == "adam"


# --- how often ------------------------------------------------------------------------------------


def test_most_single_starts_learn_the_table():
    rates = xor_success_rates(200)
    assert list(rates) == [2, 3, 4, 50]
    assert rates[2] >= 0.8  # of 1000 seeds 0.889
    assert rates[3] >= 0.96  # 0.993
    assert rates[4] >= 0.99
    assert rates[50] == 1


@pytest.mark.slow
def test_of_1000_single_starts_as_many_learn_as_promised():
    rates = xor_success_rates(1000)
    assert rates[2] >= 0.85
    assert rates[3] >= 0.98
    assert rates[4] >= 0.995
    assert rates[50] == 1


def test_with_restarts_two_units_nearly_always_learn_the_table():
    assert xor_success_rates(300, [2], max_restarts=10) == {2: 1.0}


def test_rates_do_not_depend_on_threads_or_on_how_seeds_are_shared_out():
    one, three, all_ = (
        xor_success_rates(n, (2, 3), threads=t) for n, t in ((120, 1), (120, 3), (40, 2))
    )
    assert one == three
    by_hand = sum(train_xor(2, rng=seed, max_restarts=0).learned for seed in range(40))
    assert all_[2] * 40 == pytest.approx(by_hand)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_restarts": 2},
        {"optimizer": Adam(0.05), "epochs": 300},
        {"hidden_activation": "relu", "reg": 0.01},
        {"optimizer": SGD(1e29), "hidden_activation": "relu"},
        {"dataset": "points", "hidden_size": 3, "epochs": 400},
        {"method": "seed", "epochs": 150},
        {"dtype": "float64", "epochs": 120},
    ],
    ids=str,
)
def test_a_rate_counts_what_train_xor_learns_bit_by_bit(settings):
    arguments = {"hidden_size": 2, "max_restarts": 0} | settings
    restarts, size = arguments.pop("max_restarts"), arguments.pop("hidden_size")
    reg, optimizer = arguments.pop("reg", 0.0), arguments.pop("optimizer", None)
    full = {"dataset": "table", "method": "default", "epochs": 1500, "dtype": "float32"}
    full |= {"hidden_activation": "sigmoid", "reg": reg, "optimizer": optimizer} | arguments
    bench = xor_rates._Workbench(task(size, **full))
    for seed in range(12):
        result = train_xor(size, rng=seed, max_restarts=restarts, **full)
        assert bench.learns(seed, restarts) == result.learned
        if result.learned:
            assert bench.net._weights.tobytes() == result.net._weights.tobytes()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seeds": 0}, ValueError, "seeds must be at least 1, got 0"),
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
        ({"hidden_sizes": [0]}, ValueError, "hidden_size must be at least 1, got 0"),
        ({"hidden_sizes": 2}, TypeError, "hidden_sizes must be a sequence of integers, got int"),
        ({"max_restarts": -1}, ValueError, "max_restarts must be at least 0, got -1"),
        ({"rng": 1}, TypeError, "unexpected keyword argument 'rng'"),
    ],
)
def test_wrong_arguments_of_rates_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        xor_success_rates(**{"seeds": 3, "hidden_sizes": [2]} | arguments)


# --- restarts and diagnoses -----------------------------------------------------------------------


def test_a_start_that_does_not_learn_is_restarted():
    alone = train_xor(2, rng=STUCK, max_restarts=0)
    assert not alone.learned
    assert alone.accuracy < 1
    assert alone.restarts == 0
    again = train_xor(2, rng=STUCK)
    assert again.learned
    assert again.restarts == 1
    assert again.diagnoses == alone.diagnoses
    assert again.diagnoses[0].kind == "saddle"
    assert again.history.epochs == 1500  # the new start's alone


def test_each_failed_start_is_diagnosed():
    result = train_xor(2, rng=TWICE_STUCK)
    assert (result.restarts, len(result.diagnoses), result.learned) == (2, 2, True)
    given_up = train_xor(2, rng=TWICE_STUCK, max_restarts=1)
    assert (given_up.restarts, len(given_up.diagnoses), given_up.learned) == (1, 2, False)
    assert given_up.diagnoses == result.diagnoses


def test_of_starts_that_all_fail_the_best_is_kept():
    one, *more = (train_xor(2, "points", epochs=60, max_restarts=n) for n in range(4))
    assert not more[-1].learned
    assert [result.restarts for result in more] == [1, 2, 3]
    ranks = [(result.accuracy, -result.loss) for result in (one, *more)]
    assert ranks == sorted(ranks)
    assert ranks[0] < ranks[-1]


def test_the_same_seed_gives_the_same_bits():
    for settings in ({}, {"dataset": "points", "epochs": 50}, {"hidden_size": 2, "rng": STUCK}):
        assert same_network(train_xor(**settings), train_xor(**settings))
    assert not same_network(train_xor(), train_xor(rng=1))
    assert same_network(train_xor(rng=np.random.default_rng(0)), train_xor(rng=0))


# --- snapshots ------------------------------------------------------------------------------------


def test_snapshots_show_the_training_from_before_the_first_epoch_to_the_last():
    result = train_xor(snapshots=30)
    epochs = [snapshot.epoch for snapshot in result.snapshots]
    assert epochs == sorted(set(epochs))
    assert (epochs[0], epochs[-1], len(epochs)) == (0, 1500, 31)
    assert epochs[15] < 750  # denser in the beginning
    first, last = result.snapshots[0], result.snapshots[-1]
    assert first.loss == pytest.approx(result.history.loss[0])
    assert (last.loss, last.accuracy) == (result.loss, 1)
    for snapshot in result.snapshots:
        net = result.net_at(snapshot)
        assert net.loss(result.X, result.Y) == snapshot.loss
        assert net.accuracy(result.X, result.Y) == snapshot.accuracy


@pytest.mark.parametrize("dataset", ["table", "points"])
def test_looking_up_from_training_does_not_change_it(dataset, capsys):
    plain = train_xor(dataset=dataset, epochs=400)
    assert capsys.readouterr() == ("", "")
    seen = train_xor(dataset=dataset, epochs=400, snapshots=13)
    shown = train_xor(dataset=dataset, epochs=400, progress=True)
    assert same_network(plain, seen)
    assert same_network(plain, shown)
    np.testing.assert_array_equal(plain.history.loss, seen.history.loss)
    bar = capsys.readouterr().err
    assert "400/400" in bar
    assert "loss=" in bar


def test_there_are_no_more_snapshots_than_epochs():
    assert [s.epoch for s in train_xor(epochs=2, snapshots=9).snapshots] == [0, 1, 2]


# --- wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
        ({"hidden_size": 2.0}, TypeError, "hidden_size must be an integer, got float"),
        ({"dataset": "moons"}, ValueError, "dataset must be one of 'table', 'points', got 'moons'"),
        ({"reg": -1}, ValueError, "reg must be 0 or a positive number, got -1"),
        ({"reg": float("nan")}, ValueError, "reg must be 0 or a positive number, got nan"),
        ({"reg": "much"}, TypeError, "reg must be a number, got str"),
        ({"method": "best"}, ValueError, "method must be one of 'default', 'seed', got 'best'"),
        ({"optimizer": "Adam"}, TypeError, "optimizer must be an nncore optimizer"),
        ({"optimizer": Adam}, TypeError, "got the class Adam; call it"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"hidden_activation": "step"}, ValueError, "hidden_activation must be one of"),
        ({"max_restarts": -1}, ValueError, "max_restarts must be at least 0, got -1"),
        ({"max_restarts": 1.5}, TypeError, "max_restarts must be an integer, got float"),
        ({"max_restarts": False}, TypeError, "max_restarts must be an integer, got bool"),
        ({"snapshots": -3}, ValueError, "snapshots must be at least 0, got -3"),
        ({"dtype": "float16"}, ValueError, "dtype must be float32 or float64, got 'float16'"),
        ({"rng": "one"}, TypeError, "rng must be an int"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        train_xor(**arguments)


def test_everything_public_is_exported():
    assert all(hasattr(xor, name) for name in xor.__all__)


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "restarted because of a saddle" in done.stdout
    assert "[0 1 1 0] for" in done.stdout
    assert "points: accuracy 0.9" in done.stdout or "points: accuracy 1.0" in done.stdout
