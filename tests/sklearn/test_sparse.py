"""Estimators accept sparse rows without conversion, and give the bits of dense ones."""

import threading
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
import scipy.sparse
import sklearn.neural_network
from estimators import parameters

from nncore import sklearn as ours
from nncore.sklearn import lbfgs

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic", "ignore:lbfgs failed")

X = scipy.sparse.random(120, 300, density=0.03, format="csr", random_state=0)
Y = np.arange(120) % 3
SETTINGS = {"hidden_layer_sizes": (7,), "max_iter": 5, "random_state": 0, "batch_size": 32}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"solver": "sgd", "alpha": 0.0, "momentum": 0.0},  # only rows that are met are updated
        {"solver": "sgd", "alpha": 0.0, "momentum": 0.0, "batch_size": 1},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "adagrad", "alpha": 0.0},
        {"early_stopping": True, "dropout": 0.2, "l1": 1e-3},
        {"clip_norm": 0.1, "dtype": "float32"},
        {"solver": "lbfgs"},
    ],
    ids=str,
)
def test_every_solver_has_the_bits_of_dense_rows(more):
    settings = SETTINGS | more
    sparse = ours.MLPClassifier(**settings).fit(X, Y)
    dense = ours.MLPClassifier(**settings).fit(X.toarray(), Y)
    for one, other in zip(parameters(sparse), parameters(dense), strict=True):
        np.testing.assert_array_equal(one, other)
    assert sparse.loss_ == dense.loss_
    for form in (scipy.sparse.csr_array, scipy.sparse.csc_matrix):
        np.testing.assert_array_equal(
            sparse.predict_proba(form(X)), dense.predict_proba(X.toarray())
        )
        np.testing.assert_array_equal(sparse.transform(form(X)), dense.transform(X.toarray()))
    np.testing.assert_array_equal(sparse.predict_proba(X[5]), dense.predict_proba(X.toarray()[5:6]))


def test_partial_fit_and_validation_data_have_the_bits_of_dense_rows():
    models = []
    for rows in (X, X.toarray()):
        model = ours.MLPRegressor(**SETTINGS)
        for part in (slice(0, 70), slice(70, None), slice(0, 120)):
            model.partial_fit(rows[part], Y[part])
        other = ours.MLPRegressor(**SETTINGS)
        other.fit(rows, Y, validation_data=(rows[:30], Y[:30], np.arange(30.0) + 1))
        models.append([*parameters(model), *parameters(other), other.validation_loss_curve_])
    for one, other in zip(*models, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_scikit_learn_trains_to_the_same_network(solver):
    settings = SETTINGS | {"solver": solver}
    with np.errstate(all="ignore"):
        theirs = sklearn.neural_network.MLPClassifier(**settings).fit(X, Y)
    model = ours.MLPClassifier(**settings).fit(X, Y)
    for one, other in zip(parameters(model), parameters(theirs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_batches_are_not_converted_to_dense_arrays():
    """128 rows of a million columns would take a gigabyte."""
    columns = 1_000_000
    places = np.arange(256 * 50) * 7919 % columns, np.arange(0, 256 * 50 + 1, 50)
    wide = scipy.sparse.csr_array((np.ones(256 * 50), *places), (256, columns))
    classes = np.arange(256) % 2
    model = ours.MLPClassifier((2,), max_iter=1, batch_size=128)
    tracemalloc.start()
    try:
        model.fit(wide, classes).predict(wide)
        ours.MLPClassifier((2,), max_iter=2, solver="lbfgs").fit(wide, classes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * 2 * columns * 8  # some vectors of all parameters


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused_as_scikit_learn_does(value):
    model = ours.MLPClassifier(**SETTINGS).fit(X, Y)
    bad = X.copy()
    bad.data[3] = value
    for use in (model.predict, model.predict_proba, model.transform, lambda x: model.fit(x, Y)):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            use(bad)
    with pytest.raises(ValueError, match="299 features"):
        model.predict(X[:, :-1])
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        model.predict(X[:0])
    with pytest.raises(sklearn.exceptions.NotFittedError):
        ours.MLPClassifier().predict(X)


@pytest.mark.parametrize("evaluations", [15000, 3])
@pytest.mark.parametrize("estimator", [ours.MLPClassifier, ours.MLPRegressor])
def test_lbfgs_for_many_parameters_follows_scipy(monkeypatch, estimator, evaluations):
    models = []
    for large in (lbfgs.LARGE, 0):
        monkeypatch.setattr(lbfgs, "LARGE", large)
        losses = []
        model = estimator(
            hidden_layer_sizes=(7,),
            solver="lbfgs",
            max_iter=9,
            random_state=0,
            max_fun=evaluations,
            alpha=0.1,
            callbacks=lambda event, into=losses: into.append(event.loss),
        )
        models.append((model.fit(X, Y), losses))
    (model, losses), (other, others) = models
    assert model.n_iter_ == other.n_iter_
    np.testing.assert_allclose(losses, others, rtol=1e-9)
    np.testing.assert_allclose(model.loss_, other.loss_, rtol=1e-9)
    for one, same in zip(parameters(model), parameters(other), strict=True):
        np.testing.assert_allclose(one, same, atol=1e-6)


# --- other threads --------------------------------------------------------------------------


def scribble(matrix, stop):
    """Write numbers of all kinds into a matrix, until stopped."""
    rng = np.random.default_rng(0)
    while not stop.is_set():
        at = rng.integers(0, len(matrix.data), 50)
        matrix.indices[at] = rng.choice([-1, 0, 5, 299, 300, 2**31 - 1, -(2**31)], 50)
        row = rng.integers(0, 121)
        matrix.indptr[row] = rng.choice([-5, 0, 7, 10**6, 2**31 - 1, len(matrix.data)])
        matrix.data[at] = rng.normal(size=50)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_another_thread_may_write_into_the_matrix(solver):
    """Calls raise or return: none reads or writes outside of arrays."""
    expected = ours.MLPClassifier(**SETTINGS).fit(X, Y)
    raised, ended = 0, 0
    for round_ in range(8):
        matrix, stop = X.copy(), threading.Event()
        model = ours.MLPClassifier(**SETTINGS | {"max_iter": 200, "solver": solver, "tol": 0.0})
        thread = threading.Thread(target=scribble, args=(matrix, stop))
        if round_:
            thread.start()
        try:
            for use in (lambda x, m=model: m.fit(x, Y), expected.predict_proba):
                try:
                    use(matrix)
                    ended += 1
                except (IndexError, ValueError):
                    raised += 1
        finally:
            stop.set()
            if round_:
                thread.join()
    assert raised + ended == 16
    assert raised
