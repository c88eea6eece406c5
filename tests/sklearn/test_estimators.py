"""The estimators keep scikit-learn's contract: checks, tools, copies, names, sparse rows."""

import io
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn")
import joblib  # noqa: E402
import scipy.sparse  # noqa: E402
from estimators import same  # noqa: E402
from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_validate  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from nncore.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")
BOTH = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)


def small(estimator=MLPClassifier, **settings):
    return estimator(**{"hidden_layer_sizes": 8, "max_iter": 10, "random_state": 0} | settings)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@BOTH
def test_check_estimator_passes(estimator, solver):
    results = check_estimator(estimator(solver=solver), on_skip=None)
    assert len(results) > 50
    assert {result["status"] for result in results} <= {"passed", "skipped"}


@BOTH
def test_estimator_types_and_tags(estimator):
    model = estimator()
    assert is_classifier(model) == (estimator is MLPClassifier) != is_regressor(model)
    assert sklearn.utils.get_tags(model).input_tags.sparse


@BOTH
def test_copies_and_pickles_are_complete_and_independent(estimator):
    model = small(estimator).fit(X, Y)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(buffer)):
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
        copy.partial_fit(X, Y)
        again = pickle.loads(pickle.dumps(model)).partial_fit(X, Y)
        assert same(copy, again)
        assert not same(copy, model)
    assert not hasattr(clone(model), "coefs_")
    assert clone(model).get_params() == model.get_params()


@BOTH
def test_weights_that_the_user_writes_or_replaces_are_used(estimator):
    model, other = small(estimator).fit(X, Y), small(estimator, random_state=1).fit(X, Y)
    expected = other.predict(X)
    for array, new in zip(model.coefs_, other.coefs_, strict=True):
        array[...] = new  # in place
    model.intercepts_ = [array.copy() for array in other.intercepts_]  # new arrays
    np.testing.assert_array_equal(model.predict(X), expected)
    model._optimizer = pickle.loads(pickle.dumps(other._optimizer))
    model.random_state = 1
    assert same(model.partial_fit(X, Y), other.partial_fit(X, Y))


@pytest.mark.parametrize("form", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_sparse_rows_train_and_predict_like_dense_ones(form, solver):
    weight = np.linspace(0.5, 2, len(X))
    models = [
        small(solver=solver, batch_size=16).fit(rows, Y, sample_weight=weight)
        for rows in (X, form(X))
    ]
    for one, other in zip(models[0].coefs_, models[1].coefs_, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(models[1].predict_proba(form(X)), models[0].predict_proba(X))


def test_rows_of_any_layout_and_type_give_the_same_results(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    on_disk = np.load(path, mmap_mode="r")
    swapped = X.astype(X.dtype.newbyteorder())
    expected = small().fit(X, Y)
    for rows in (np.asfortranarray(X), on_disk, X.tolist(), swapped, X[::-1][::-1]):
        assert same(small().fit(rows, Y), expected)
        np.testing.assert_array_equal(expected.predict_proba(rows), expected.predict_proba(X))


def test_names_of_columns_are_kept_and_checked():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    names = ["a", "b", "c", "d"]
    table = pandas.DataFrame(X, columns=names)
    model = small(early_stopping=True).fit(table, Y, validation_data=(table, Y))
    assert model.feature_names_in_.tolist() == names
    assert model.score(table, Y) > 0
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[names[::-1]])


def test_the_tools_of_scikit_learn_accept_the_estimators():
    pipe = make_pipeline(StandardScaler(), small(max_iter=60, learning_rate_init=0.01))
    search = GridSearchCV(pipe, {"mlpclassifier__alpha": [1e-4, 1e-2]}, cv=3).fit(X, Y)
    assert search.best_score_ > 0.9
    with joblib.parallel_backend("threading", n_jobs=2):
        result = cross_validate(search.best_estimator_, X, Y, cv=3)
    assert result["test_score"].mean() > 0.9


def test_sample_weights_and_validation_data_are_routed():
    weight = np.ones(len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        model = small().set_fit_request(sample_weight=True, validation_data=True)
        request = model.get_metadata_routing()
        assert {"sample_weight", "validation_data"} <= set(request.fit.requests)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, model)
        pipe.fit(X, Y, sample_weight=weight, validation_data=(X, Y))
    assert len(pipe[-1].validation_loss_curve_) == 10


def test_two_threads_train_two_networks():
    models = [small(max_iter=50, random_state=seed) for seed in (0, 1)]
    threads = [threading.Thread(target=model.fit, args=(X, Y)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(models[0], small(max_iter=50).fit(X, Y))


def test_training_that_has_not_converged_warns():
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        small().fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed"):
        small(solver="lbfgs", max_iter=3).fit(X, Y)
    with pytest.warns(UserWarning, match="going to be clipped"):
        small(batch_size=1000).fit(X, Y)


def test_warnings_name_the_line_of_the_user():
    calls = [
        small().fit,
        make_pipeline(StandardScaler(), small()).fit,
        small(solver="lbfgs", max_iter=3).fit,
        small(MLPRegressor, batch_size=1000).partial_fit,
    ]
    for call in calls:
        with pytest.warns(UserWarning, match="converge|clipped") as told:
            call(X, Y)
        assert [warning.filename for warning in told] == [__file__]


def test_verbose_prints_the_loss_of_every_iteration(capsys):
    small(verbose=True, early_stopping=True).fit(X, Y)
    text = capsys.readouterr().out
    assert text.count("Iteration") == text.count("Validation score") == 10
    small(verbose=True, max_iter=500, tol=1.0).fit(X, Y)
    assert "Training loss did not improve more than tol=1.000000" in capsys.readouterr().out


def test_the_html_of_a_notebook_names_the_parameters():
    assert "MLPClassifier" in small()._repr_html_()
    assert repr(small()) == "MLPClassifier(hidden_layer_sizes=8, max_iter=10, random_state=0)"


def test_without_scikit_learn_the_error_names_the_extra():
    code = "import sys; sys.modules['sklearn'] = None; import nncore; import nncore.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError" in done.stderr
    assert "pip install 'nncore[sklearn]'" in done.stderr


def test_decision_boundaries_are_drawn():
    pytest.importorskip("matplotlib", reason="needs matplotlib").use("agg")
    from sklearn.inspection import DecisionBoundaryDisplay

    model = small().fit(X[:, :2], Y)
    for method in ("predict", "predict_proba"):
        kind = {"class_of_interest": 1} if method == "predict_proba" else {}
        display = DecisionBoundaryDisplay.from_estimator(
            model, X[:, :2], response_method=method, grid_resolution=20, **kind
        )
        assert display.surface_ is not None
    import matplotlib.pyplot as plt

    plt.close("all")


def test_loss_curves_are_drawn():
    pytest.importorskip("matplotlib", reason="needs matplotlib").use("agg")
    import matplotlib.pyplot as plt

    from nncore.sklearn import LossCurveDisplay

    model = small().fit(X, Y, validation_data=(X, Y))
    display = LossCurveDisplay.from_estimator(model, color="red")
    assert len(display.lines_) == 2
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(display.lines_[1].get_ydata(), model.validation_loss_curve_)
    _, ax = plt.subplots()
    pipe = make_pipeline(StandardScaler(), small()).fit(X, Y)
    assert LossCurveDisplay.from_estimator(pipe, ax=ax, name="iris").ax_ is ax
    assert ax.get_title() == "iris"
    plt.close("all")
    with pytest.raises(ValueError, match="has no loss_curve_"):
        LossCurveDisplay.from_estimator(small(solver="lbfgs", max_iter=500).fit(X, Y))
