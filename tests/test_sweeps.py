"""Many networks at once: any executor, members that fail, sweeps that are broken off."""

import json
import math
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sweep_makers import X, troublesome, xor
from texts import prose

import nncore
from nncore import CharRNN, CheckpointError, Ensemble, Sweep

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sweep.py"
SEEDS = [{"rng": i} for i in range(12)]


def processes(workers=2):
    """Spawned, as a process with threads had better not be forked."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))


def weights(member):
    return b"".join(array.tobytes() for array in member.network.parameters.values())


def bits(sweep):
    return [(m.index, m.score, m.error, weights(m) if m.network else None) for m in sweep.members]


@pytest.fixture(scope="module")
def alone():
    """What a sweep comes to without an executor."""
    return bits(nncore.sweep(xor, SEEDS).run())


# --- executors --------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [lambda: ThreadPoolExecutor(2), processes])
def test_every_executor_comes_to_the_same_bits(executor, alone):
    with executor() as pool:
        sweep = nncore.sweep(xor, SEEDS, pool)
        assert {member.index for member in sweep} == set(range(12))
        assert pool.submit(abs, -1).result() == 1  # the caller's, still
    assert bits(sweep) == alone


def test_members_come_as_they_are_done():
    begun = []

    def make(rng):
        begun.append(rng)
        return xor(rng=rng)

    for member in nncore.sweep(make, SEEDS):
        assert len(begun) == member.index + 1
        assert member.settings == {"rng": member.index}
        assert member.seconds > 0
        np.testing.assert_array_equal(member.network.predict(X), xor(rng=member.index).predict(X))


def test_dask_workers_train_and_may_die():
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    settings = [{"rng": i, "trouble": "dies" if i == 2 else "none"} for i in range(8)]
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor(retries=0) as executor,
    ):
        sweep = nncore.sweep(troublesome, settings, executor).run()
    assert [member.index for member in sweep.failures] == [2]
    assert sweep.failures[0].lost
    assert "KilledWorker" in sweep.failures[0].error
    expected = bits(nncore.sweep(xor, SEEDS[:8]).run())
    assert [row for row in bits(sweep) if row[0] != 2] == [row for row in expected if row[0] != 2]


def test_mpi_workers_train():
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        pytest.skip("mpiexec is not installed")
    command = [launcher, "-n", "3", sys.executable, "-m", "mpi4py.futures", EXAMPLE, "--mpi"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    alone = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-3:] == alone.stdout.splitlines()[-3:]


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [lambda: None, lambda: ThreadPoolExecutor(2), processes])
def test_a_member_that_diverges_is_a_row(executor, alone):
    settings = [{"rng": i, "trouble": "diverges" if i == 3 else "none"} for i in range(6)]
    sweep = nncore.sweep(troublesome, settings, executor()).run()
    assert [member.index for member in sweep.members] == list(range(6))
    (failed,) = sweep.failures
    assert (failed.index, failed.network, failed.score) == (3, None, math.inf)
    assert failed.error.startswith("DivergenceError: ")
    assert not failed.lost
    assert [row for row in bits(sweep) if row[0] != 3] == [r for r in alone[:6] if r[0] != 3]
    assert 3 not in [member.index for member in sweep.best(6)]
    assert len(sweep.best(6)) == 5


@pytest.mark.parametrize("executor", [lambda: None, lambda: ThreadPoolExecutor(2), processes])
def test_a_member_that_leaves_the_program_is_a_row(executor, alone):
    settings = [{"rng": i, "trouble": "leaves" if i == 1 else "none"} for i in range(3)]
    sweep = nncore.sweep(troublesome, settings, executor()).run()
    assert [(m.index, m.error, m.lost) for m in sweep.failures] == [
        (1, "SystemExit: enough", False)
    ]
    assert [row for row in bits(sweep) if row[0] != 1] == [alone[0], alone[2]]


def test_ctrl_c_ends_a_sweep():
    settings = [{"rng": i, "trouble": "is stopped" if i == 1 else "none"} for i in range(3)]
    sweep = nncore.sweep(troublesome, settings)
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert [member.index for member in sweep.members] == [0]


def test_processes_that_die_take_nothing_else_with_them(alone, tmp_path):
    settings = [
        {"rng": i, "trouble": "dies" if i in (1, 7) else "none", "folder": str(tmp_path)}
        for i in range(12)
    ]
    with processes() as pool:
        sweep = nncore.sweep(troublesome, settings, pool).run()
    assert [member.index for member in sweep.failures] == [1, 7]
    assert all(member.lost and "BrokenProcessPool" in member.error for member in sweep.failures)
    kept = [row for row in alone if row[0] not in (1, 7)]
    assert [row for row in bits(sweep) if row[0] not in (1, 7)] == kept
    # What was done before was not done again.
    assert sum(len(path.read_text()) for path in tmp_path.iterdir()) < 12 + 2 * 5


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda rng: None, "TypeError: make must return an MLP or a CharRNN, got NoneType"),
        (lambda rng: nncore.MLP((2, 3, 1)), "ValueError: make must return a network that it has"),
        (lambda: None, "TypeError: "),
    ],
)
def test_a_make_that_does_not_fit_is_named_in_every_row(make, error):
    sweep = nncore.sweep(make, SEEDS[:2]).run()
    assert all(member.error.startswith(error) for member in sweep.members)
    assert len(sweep.failures) == 2


def test_what_cannot_be_sent_is_a_lost_row():
    with processes(1) as pool:
        sweep = nncore.sweep(lambda rng: xor(rng=rng), SEEDS[:2], pool).run()
    assert all(member.lost and "<lambda>" in member.error for member in sweep.members)


# --- the folder -------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [lambda: None, lambda: ThreadPoolExecutor(2)])
def test_a_sweep_that_was_stopped_goes_on(executor, alone, tmp_path):
    first = nncore.sweep(xor, SEEDS, executor(), folder=tmp_path)
    for number, _ in enumerate(first, start=1):
        if number == 5:
            break
    assert len(first.members) == 5
    made = []

    def make(rng):
        made.append(rng)
        return xor(rng=rng)

    again = nncore.sweep(make, SEEDS, executor(), folder=tmp_path)
    assert len(again.members) == 5
    assert bits(again.run()) == alone
    assert sorted(made + [member.index for member in first.members]) == list(range(12))
    assert bits(nncore.sweep(make, SEEDS, folder=tmp_path)) == alone
    assert len(made) == 7


def test_the_same_sweep_goes_on_after_a_break(alone):
    sweep = nncore.sweep(xor, SEEDS)
    for member in sweep:
        if member.index == 3:
            break
    assert len(sweep.members) == 4
    assert bits(sweep.run()) == alone


def test_failures_are_kept_but_lost_members_are_tried_again(tmp_path):
    settings = [{"rng": 0, "trouble": "diverges"}, {"rng": 1, "trouble": "dies"}, {"rng": 2}]
    with processes(1) as pool:
        sweep = nncore.sweep(troublesome, settings, pool, folder=tmp_path).run()
    again = nncore.sweep(troublesome, settings, folder=tmp_path)
    assert [member.index for member in again.members] == [0, 2]
    assert again.failures[0].error == sweep.failures[0].error
    assert again.failures[0].score == math.inf


def test_a_folder_of_another_sweep_is_refused(tmp_path):
    nncore.sweep(xor, SEEDS[:2], folder=tmp_path).run()
    with pytest.raises(ValueError, match=r"holds member 1 with the settings .*\"rng\": 1"):
        nncore.sweep(xor, [{"rng": 0}, {"rng": 5}], folder=tmp_path)


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b" " * 2_000_000])
def test_a_damaged_record_is_named(damage, tmp_path):
    nncore.sweep(xor, SEEDS[:1], folder=tmp_path).run()
    (tmp_path / "000000.json").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"000000\.json"):
        nncore.sweep(xor, SEEDS[:1], folder=tmp_path)


def test_a_record_with_another_kind_or_a_damaged_network_is_refused(tmp_path):
    nncore.sweep(xor, SEEDS[:1], folder=tmp_path).run()
    record = tmp_path / "000000.json"
    fields = json.loads(record.read_text())
    record.write_text(json.dumps(fields | {"kind": "os.system"}))
    with pytest.raises(CheckpointError, match="not the record"):
        nncore.sweep(xor, SEEDS[:1], folder=tmp_path)
    record.write_text(json.dumps(fields))
    (tmp_path / "000000.safetensors").write_bytes(b"no network")
    with pytest.raises(CheckpointError, match=r"000000\.safetensors"):
        nncore.sweep(xor, SEEDS[:1], folder=tmp_path)


def test_a_member_whose_network_is_gone_is_made_again(tmp_path, alone):
    nncore.sweep(xor, SEEDS[:2], folder=tmp_path).run()
    (tmp_path / "000001.safetensors").unlink()
    sweep = nncore.sweep(xor, SEEDS[:2], folder=tmp_path)
    assert [member.index for member in sweep.members] == [0]
    assert bits(sweep.run()) == alone[:2]


# --- scores and ensembles -----------------------------------------------------------------------


def test_the_best_have_the_lowest_scores():
    sweep = nncore.sweep(xor, SEEDS).run()
    scores = [member.score for member in sweep.members]
    assert [member.score for member in sweep.best(3)] == sorted(scores)[:3]
    assert scores == [float(member.network.history.loss[-1]) for member in sweep.members]


def test_scores_come_from_held_out_data_or_from_the_caller():
    def make(rng):
        net = nncore.MLP((2, 3, 1), rng=rng)
        net.fit(X, X[:, :1], epochs=20, validation_data=(X, X[:, :1]))
        return net

    for member in nncore.sweep(make, SEEDS[:2]):
        assert member.score == member.network.history.validation_loss[-1]
    sweep = nncore.sweep(xor, SEEDS[:3], score=lambda net: -abs(net.parameters["b2"][0])).run()
    for member in sweep.members:
        assert member.score == -abs(member.network.parameters["b2"][0])
    lost = nncore.sweep(xor, SEEDS[:1], score=lambda net: math.nan).run()
    assert lost.failures[0].error == "ValueError: score of NaN"


@pytest.mark.parametrize("held_out", [True, False])
def test_the_score_is_that_of_the_weights_that_early_stopping_put_back(held_out):
    x, y = np.random.default_rng(0).standard_normal((2, 40, 2))

    def make(rng, patience):
        net = nncore.MLP((2, 30, 1), rng=rng)
        stopping = nncore.EarlyStopping(patience)
        data = {"validation_data": (x[:8], y[:8, :1])} if held_out else {}
        net.fit(x[8:], y[8:, :1], epochs=200, batch_size=4, early_stopping=stopping,
                optimizer=nncore.Adam(0.1), **data)  # fmt: skip
        return net

    for member in nncore.sweep(make, [{"rng": 0, "patience": n} for n in (1, 5)]):
        history = member.network.history
        losses = history.validation_loss if held_out else history.loss
        assert 0 < history.best_epoch < history.epochs
        assert member.score == losses[history.best_epoch - 1]
        if held_out:
            assert member.score == pytest.approx(member.network.loss(x[:8], y[:8, :1]))


def test_the_score_is_of_the_last_epoch_and_not_of_a_better_one_before():
    def make(then):
        net = nncore.MLP((2, 3, 1), rng=0)
        net.fit(X, X[:, :1], epochs=300, validation_data=(X, X[:, :1]))
        if then == "worse":
            net.fit(X, -X[:, :1], epochs=30, validation_data=(X, X[:, :1]))
        if then == "unmeasured":
            net.fit(X, -X[:, :1], epochs=3)
        return net

    best, worse, unmeasured = nncore.sweep(
        make, [{"then": then} for then in ("", "worse", "unmeasured")]
    ).run().members  # fmt: skip
    assert worse.score == worse.network.history.validation_loss[-1] > best.score
    assert unmeasured.score == unmeasured.network.history.loss[-1]


def test_character_networks_have_sweeps(tmp_path):
    def make(hidden):
        model = CharRNN(hidden, 10, 2, rng=1)
        model.fit(prose(2000), epochs=1, validation_fraction=0.2)
        return model

    settings = [{"hidden": 5}, {"hidden": 8}]
    sweep = nncore.sweep(make, settings, folder=tmp_path).run()
    for member in sweep.members:
        assert member.score == member.network.history.validation_bits_per_char[-1]
    assert bits(nncore.sweep(make, settings, folder=tmp_path)) == bits(sweep)
    with pytest.raises(TypeError, match=r"networks must be MLP.*got CharRNN"):
        sweep.ensemble(2)
    blind = CharRNN(5, 10, 2, rng=1)
    blind.fit(prose(2000), epochs=1)
    (member,) = nncore.sweep(lambda: blind, [{}]).run().members
    assert member.score == blind.history.loss[-1]


def test_an_ensemble_averages():
    sweep = nncore.sweep(xor, SEEDS).run()
    ensemble = sweep.ensemble(5)
    outputs = [member.network.predict(X) for member in sweep.best(5)]
    np.testing.assert_allclose(ensemble.predict(X), np.mean(outputs, axis=0))
    assert ensemble.predict_class(X).tolist() == [0, 1, 1, 0]
    assert repr(ensemble) == "<Ensemble of 5 networks>"
    with pytest.raises(ValueError, match="at least one"):
        Ensemble([])
    with pytest.raises(ValueError, match="agree in inputs and outputs"):
        Ensemble([nncore.MLP((2, 3, 1)), nncore.MLP((3, 3, 1))])
    last = [nncore.MLP((2, 3, 1), output_activation=name) for name in ("tanh", "sigmoid")]
    with pytest.raises(ValueError, match=r"what their output means.* got sigmoid and tanh"):
        Ensemble(last)
    Ensemble([last[0], last[0]])
    Ensemble([nncore.MLP((2, 3, 2), output_activation=name) for name in ("tanh", "sigmoid")])


# --- wrong use --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((None, SEEDS), "make must be a function, got NoneType"),
        ((xor, [{"rng": 1}, 2]), r"settings\[1\] must map names of make's arguments, got 2"),
        ((xor, [{1: 2}]), r"settings\[0\] must map names"),
        ((xor, SEEDS, 2), "executor must be of concurrent.futures.*got int"),
    ],
)
def test_what_is_no_sweep_is_refused(arguments, error):
    with pytest.raises(TypeError, match=error):
        nncore.sweep(*arguments)


def test_sweeps_say_how_far_they_are(capsys):
    sweep = nncore.sweep(xor, SEEDS[:3], progress=True)
    assert repr(sweep) == "<Sweep: 0 of 3 networks done>"
    assert isinstance(sweep.run(), Sweep)
    assert repr(sweep).startswith("<Sweep: 3 of 3 networks done, best score 0.")
    assert "3/3" in capsys.readouterr().err
    assert nncore.sweep(xor, []).run().members == []
