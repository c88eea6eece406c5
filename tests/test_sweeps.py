"""Many networks at once: any executor, members that fail, sweeps that are broken off."""

import functools
import json
import math
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np
import pytest
from sweep_makers import Colour, Mode, Pair, Plain, X, troublesome, xor
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
        (lambda rng: nncore.MLP((2, 3, 1)), "ValueError: make must return a trained network"),
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


LONG = np.zeros(5000)
LAST = LONG.copy()
LAST[2500] = 1e-300
RING = [1]
RING.append(RING)
OBJECT = np.array([1, "a"], object)
DIFFERENT = {
    "numbers": [0, 1, 1.0, True, -0.0, 0.0, 1e-320, 10**5000, 10**5000 + 1, math.nan, math.inf],
    "numbers of NumPy": [np.float64(1), np.float32(1), np.int64(1), np.longdouble(1), 1.0],
    "dates": [np.datetime64("2000-01-01"), np.datetime64("2000-01-02"), np.datetime64("2000-01")],
    "text": ["a", "'a'", b"a", np.str_("a"), "\ud800", "x at 0x1", "x at 0x2"],
    "long arrays": [LONG, LAST, LONG.astype(np.float32), LONG.reshape(2, -1), LONG.tolist()],
    "arrays": [np.zeros(0), np.zeros((0, 2)), np.array(0.0), np.array("a"), OBJECT, OBJECT[::-1],
               np.zeros(1, "i4,i4"), np.zeros(1, "i8"), np.ma.array([1, 2], mask=[0, 1]),
               np.ma.array([1, 2], mask=[1, 0])],
    "sequences": [[], [[]], [1, [2]], [[1], 2], list(range(200_000)), list(range(1, 200_001))],
    "mappings": [{}, {"a": 1}, {"a": 2}, {1: 1}, {"1": 1}, {(1, 2): 3}, {"(1, 2)": 3}, {"!": 1},
                 {1: 2, "a": 3, None: 4}, {1: 2, "a": 3, None: 5}, {"!": "builtins.dict"},
                 MappingProxyType({"a": 1}), [["a", 1]]],
    "sets": [set(), {1, 2}, {1, 3}, frozenset({1, 2}), {(1, 2)}, {"a", "b"}, ["a", "b"]],
    "dataclasses": [Pair(1), Pair(2), Pair(1, LONG), Pair(1, LAST), nncore.Adam(0.1),
                    nncore.Adam(0.2), nncore.AdamW(0.1), {"one": 1, "other": None}],
    "names": [PurePosixPath("a"), PurePosixPath("b"), "a", Colour.RED, Colour.BLUE, Mode.FAST,
              Mode.FAST | Mode.SAFE, Mode(0), 1, xor, troublesome, Pair, Plain, int, float, len,
              math.sin, np.sin, np.cos, "xor"],
    "objects": [Plain(1), Plain(2), Plain(LONG), Plain(LAST), Plain(1).method, Plain(2).method,
                functools.partial(xor, 1), functools.partial(xor, 2), 1j, 2j, object(), range(3)],
}  # fmt: skip


def texts(tmp_path, values):
    """How a folder writes settings down."""
    settings = [{"value": value} for value in values]
    nncore.sweep(lambda value: None, settings, folder=tmp_path).run()
    return [json.loads(path.read_text())["settings"] for path in sorted(tmp_path.glob("*.json"))]


@pytest.mark.parametrize("values", DIFFERENT.values(), ids=DIFFERENT)
def test_a_folder_tells_all_settings_apart_and_knows_them_again(values, tmp_path):
    found = texts(tmp_path, values)
    assert len(found) == len(set(found)) == len(values)
    again = nncore.sweep(lambda value: None, [{"value": v} for v in values], folder=tmp_path)
    assert len(again.members) == len(values)
    for other in range(1, len(values)):
        turned = [{"value": value} for value in values[other:] + values[:other]]
        with pytest.raises(ValueError, match="holds member 0 with the settings"):
            nncore.sweep(lambda value: None, turned, folder=tmp_path)


def test_equal_settings_are_known_again_however_they_were_made(tmp_path):
    name = "".join(["na", "me"])  # two objects of one value, and one object twice
    once, twice = Plain([name, "name"]), Plain(["name", "name"])
    mapping = {("a", 1): [1], 2: [2]}
    pairs = [
        (once, twice),
        (mapping, dict(reversed(mapping.items()))),
        ({8, 16, 0}, {16, 0, 8}),
        (np.asfortranarray(X), X[::-1][::-1]),
        ((1, (2, 3)), [1, [2, 3]]),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
    ]
    one, other = zip(*pairs, strict=True)
    assert texts(tmp_path / "one", one) == texts(tmp_path / "other", other)


def test_plain_settings_are_written_as_json(tmp_path):
    settings = {
        "rng": 1,
        "hidden": [2, 3],
        "rate": 0.1,
        "name": "ä",
        "more": {"b": None, "a": True},
    }
    nncore.sweep(lambda **_: None, [settings], folder=tmp_path).run()
    text = json.loads((tmp_path / "000000.json").read_text())["settings"]
    assert text == json.dumps(settings, sort_keys=True)


def test_other_processes_describe_settings_alike(tmp_path):
    code = (
        "import sys, nncore; from sweep_makers import *\n"
        "values = [{'a', 'b', 'c', 'd'}, {('a', 1): 2, 'b': 3}, Plain(X), Colour.RED, xor]\n"
        "nncore.sweep(lambda value: None, [{'value': v} for v in values], folder=sys.argv[1]).run()"
    )
    found = []
    for seed in "123":
        folder = tmp_path / seed
        env = {**os.environ, "PYTHONHASHSEED": seed,
               "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # fmt: skip
        subprocess.run([sys.executable, "-c", code, folder], check=True, env=env)
        found.append(
            [json.loads(path.read_text())["settings"] for path in sorted(folder.iterdir())]
        )
    assert found[0] == found[1] == found[2]


def decorated(function):
    @functools.wraps(function)
    def call(**settings):
        return function(**settings)

    return call


def local():
    """Defined in a module, but what it makes is not."""

    def inner():
        pass

    class Inner:
        pass

    return [inner, Inner, Inner()]


CIRCULAR = Plain(None)
CIRCULAR.content = CIRCULAR
UNKNOWN = [lambda: None, *local(), decorated(xor), RING, CIRCULAR, math, [lambda: None],
           {"a": (lambda: None,)}, Pair(lambda: None), Plain(lambda: None),
           functools.partial(lambda: None), (each for each in "ab")]  # fmt: skip


@pytest.mark.parametrize("value", UNKNOWN)
def test_settings_that_cannot_be_known_again_are_refused_by_a_folder(value, tmp_path):
    made = []

    def make(rng, odd=None):
        made.append(rng)
        return xor(rng=rng)

    settings = [{"rng": 0}, {"rng": 1, "odd": value}]
    folder = tmp_path / "folder"
    with pytest.raises(TypeError, match=r"settings\[1\] cannot be identified .*: odd is "):
        nncore.sweep(make, settings, folder=folder)
    assert not made
    assert not folder.exists()
    assert not nncore.sweep(make, settings).run().failures


def test_settings_are_described_as_they_were_given(tmp_path):
    def make(sizes):
        sizes.append(1)
        return xor()

    nncore.sweep(make, [{"sizes": [3]}], folder=tmp_path).run()
    assert len(nncore.sweep(make, [{"sizes": [3]}], folder=tmp_path).members) == 1


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
    assert lost.failures[0].error == "ValueError: score must not be NaN"


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
    with pytest.raises(ValueError, match="must not be empty"):
        Ensemble([])
    with pytest.raises(ValueError, match="agree in inputs and outputs"):
        Ensemble([nncore.MLP((2, 3, 1)), nncore.MLP((3, 3, 1))])
    last = [nncore.MLP((2, 3, 1), output_activation=name) for name in ("tanh", "sigmoid")]
    with pytest.raises(
        ValueError, match=r"same boundary between the classes.* got sigmoid and tanh"
    ):
        Ensemble(last)
    Ensemble([last[0], last[0]])
    Ensemble([nncore.MLP((2, 3, 2), output_activation=name) for name in ("tanh", "sigmoid")])


# --- wrong use --------------------------------------------------------------------------------


@pytest.mark.parametrize("choose", [Sweep.best, Sweep.ensemble])
@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (-1, ValueError, "n must be at least 1, got -1"),
        (0, ValueError, "n must be at least 1, got 0"),
        (1.5, TypeError, "n must be an integer, got float"),
    ],
)
def test_the_best_are_one_or_more(choose, n, error, message):
    with pytest.raises(error, match=message):
        choose(nncore.sweep(xor, SEEDS[:2]).run(), n)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((None, SEEDS), "make must be a function, got NoneType"),
        ((xor, None), "settings must be an iterable of mappings, got NoneType"),
        ((xor, [{"rng": 1}, 2]), r"settings\[1\] must map names of make's arguments, got 2"),
        ((xor, [{1: 2}]), r"settings\[0\] must map names"),
        ((xor, SEEDS, 2), "executor must be a concurrent.futures.Executor, .*got int"),
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


def test_a_notebook_shows_the_best_in_a_table():
    def make(rng, name):
        if rng == 2:
            raise ValueError
        return xor(rng=rng)

    sweep = nncore.sweep(make, [{"rng": i, "name": "<b>"} for i in range(13)]).run()
    html = sweep._repr_html_()
    assert "13 of 13 networks done, 1 failed" in html
    assert html.count("<tr>") == 11
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert html.index(f"{sweep.best()[0].score:.4g}") < html.index(f"{sweep.best(5)[4].score:.4g}")
