"""The estimators' docstrings list every parameter and attribute, as tools read them."""

import inspect
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from nncore.sklearn import (
    LossCurveDisplay,
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    PopulationSearchCV,
)

ESTIMATORS = (MLPClassifier, MLPRegressor, MLPEnsembleClassifier, MLPEnsembleRegressor)
X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


def section(text, name):
    """Entries of a numpydoc section, from the text before each colon to that after it."""
    after = inspect.cleandoc(text).split(f"{name}\n{'-' * len(name)}\n")[1]
    body = re.split(r"\n\n(?=[A-Z][\w ]*\n---)", after)[0]
    return dict(re.findall(r"^(\w+) : (.+)$", body, re.MULTILINE))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_are_listed_in_the_order_of_the_signature(estimator):
    assert list(section(estimator.__doc__, "Parameters")) == list(
        inspect.signature(estimator).parameters
    )


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_documented_defaults_are_those_of_the_signature(estimator):
    for name, what in section(estimator.__doc__, "Parameters").items():
        default = inspect.signature(estimator).parameters[name].default
        assert eval(what.partition("default=")[2]) == default


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:.*(converge|Maximum iterations)")
def test_attributes_are_listed_by_name(estimator, solver):
    listed = set(section(estimator.__doc__, "Attributes"))
    model = estimator(hidden_layer_sizes=4, max_iter=5, solver=solver).fit(X, Y)
    fitted = {name for name in vars(model) if name.endswith("_")}
    assert fitted <= listed
    assert list(section(estimator.__doc__, "Attributes")) == sorted(listed)


@pytest.mark.filterwarnings("ignore:.*(converge|Maximum iterations)")
def test_parameters_and_attributes_of_the_search_are_listed():
    listed = section(PopulationSearchCV.__doc__, "Parameters")
    assert list(listed) == list(inspect.signature(PopulationSearchCV).parameters)
    attributes = list(section(PopulationSearchCV.__doc__, "Attributes"))
    assert attributes == sorted(attributes)
    search = PopulationSearchCV(MLPClassifier(3, max_iter=5), {"alpha": [0.1]}).fit(X, Y)
    assert {name for name in vars(search) if name.endswith("_")} <= set(attributes)


@pytest.mark.parametrize("cls", [*ESTIMATORS, LossCurveDisplay, PopulationSearchCV])
def test_public_methods_have_sections(cls):
    for base in cls.__mro__:
        if not base.__module__.startswith("nncore"):
            continue
        for name, method in vars(base).items():
            function = inspect.unwrap(getattr(method, "__func__", method))
            if name.startswith("_") or not inspect.isfunction(function):
                continue
            assert "Parameters\n" in function.__doc__, name
            assert "Returns\n" in function.__doc__, name
