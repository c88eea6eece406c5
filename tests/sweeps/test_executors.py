"""Sweeps on any executor, with members and workers that fail."""

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from checkout import EXAMPLES
from sweep_makers import SEEDS, X, bits, processes, troublesome, xor

import nncore

EXAMPLE = EXAMPLES / "sweep.py"


# --- executors --------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [lambda: ThreadPoolExecutor(2), processes])
def test_every_executor_gives_the_same_bits(executor, alone):
    with executor() as pool:
        sweep = nncore.sweep(xor, SEEDS, pool)
        assert {member.index for member in sweep} == set(range(12))
        assert pool.submit(abs, -1).result() == 1  # the caller's, still
    assert bits(sweep) == alone


def test_members_are_yielded_as_they_finish():
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
    # Dask may give up others, too, that waited their turn at each worker that died.
    gone = {member.index for member in sweep.failures}
    assert 2 in gone
    assert len(gone) < 8
    assert all(member.lost and "KilledWorker" in member.error for member in sweep.failures)
    expected = bits(nncore.sweep(xor, SEEDS[:8]).run())
    sound = [row for row in bits(sweep) if row[0] not in gone]
    assert sound == [row for row in expected if row[0] not in gone]


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


def test_the_example_finds_the_same_networks_side_by_side_and_in_threads():
    def printed(*options):
        command = [sys.executable, EXAMPLE, *options]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    lines = printed().splitlines()
    assert lines == printed("--threads", "2").splitlines()
    assert lines[0].startswith("2 hidden units: ")
    together = [float(number) for number in lines[-1].partition("[")[2].rstrip("]").split()]
    assert np.allclose(together, [0, 1, 1, 0], atol=0.2)


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [lambda: None, lambda: ThreadPoolExecutor(2), processes])
def test_a_member_that_diverges_is_reported_in_the_result(executor, alone):
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
def test_a_member_that_exits_is_reported_in_the_result(executor, alone):
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


def test_processes_that_die_lose_only_their_members(alone, tmp_path):
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
        (lambda rng: None, "TypeError: make must return an MLP, RNN or CharRNN, got NoneType"),
        (lambda rng: nncore.MLP((2, 3, 1)), "ValueError: make must return a trained network"),
        (lambda: None, "TypeError: "),
    ],
)
def test_an_unsuitable_make_is_reported_for_every_member(make, error):
    sweep = nncore.sweep(make, SEEDS[:2]).run()
    assert all(member.error.startswith(error) for member in sweep.members)
    assert len(sweep.failures) == 2


def test_members_that_cannot_be_pickled_are_reported_as_lost():
    with processes(1) as pool:
        sweep = nncore.sweep(lambda rng: xor(rng=rng), SEEDS[:2], pool).run()
    assert all(member.lost and "<lambda>" in member.error for member in sweep.members)
