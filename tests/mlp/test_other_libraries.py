"""The same network trained by scikit-learn or PyTorch: the same numbers to rounding."""

import warnings

import numpy as np
import pytest

from nncore import MLP, SGD, Adam

N, INPUTS = 40, 5
BATCHES = [8, 15, N]  # 15 leaves a short batch
RULES = [
    (SGD(0.05), {"solver": "sgd", "momentum": 0.0}),
    (SGD(0.05, momentum=0.9), {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False}),
    (SGD(0.05, 0.9, nesterov=True), {"solver": "sgd", "momentum": 0.9}),
    # scikit-learn adds epsilon before the bias is corrected; so small a one hides that.
    (Adam(0.01, epsilon=1e-300), {"solver": "adam", "epsilon": 1e-300}),
    (Adam(0.01, 0.8, 0.99, 1e-300), {"solver": "adam", "epsilon": 1e-300, "beta_1": 0.8,
                                     "beta_2": 0.99}),
]  # fmt: skip
ACTIVATIONS = {"tanh": "tanh", "sigmoid": "logistic", "identity": "identity", "relu": "relu"}
SIZES = [(4,), (7, 6), (5, 4, 6)]  # hidden units


@pytest.fixture(scope="module")
def networks():
    return pytest.importorskip(
        "sklearn.neural_network", reason="needs scikit-learn, which is among the test tools"
    )


def data(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, INPUTS)), rng


def started(other, model):
    """Let scikit-learn's network begin with our weights."""
    parameters = list(model.parameters.values())

    def initialise(y, layer_units, dtype):
        initialise_as_ever(y, layer_units, dtype)
        other.coefs_ = [w.copy() for w in parameters[::2]]
        other.intercepts_ = [b.copy() for b in parameters[1::2]]

    initialise_as_ever, other._initialize = other._initialize, initialise
    return other


def trained(other, model, x, y, optimizer, batch_size, alpha=0.0):
    """Both after at least 50 updates."""
    epochs = -(-50 // -(-N // batch_size))
    settings = {
        "batch_size": batch_size, "max_iter": epochs, "shuffle": False, "alpha": alpha,
        "learning_rate_init": optimizer.learning_rate, "n_iter_no_change": 10**9, "tol": 0.0,
        "random_state": 0,
    }  # fmt: skip
    other.set_params(**settings)
    started(other, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that max_iter was reached
        other.fit(x, y)
    model.fit(x, y, optimizer=optimizer, epochs=epochs, batch_size=batch_size, shuffle=False)
    assert model.history.updates >= 50


def assert_same_network(other, model, x, outputs):
    parameters = list(model.parameters.values())
    for ours, theirs in zip(
        parameters, [a for pair in zip(other.coefs_, other.intercepts_, strict=True) for a in pair],
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(model.predict(x), outputs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("optimizer", "rule"), RULES, ids=lambda value: None)
@pytest.mark.parametrize("batch_size", BATCHES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("classes", [2, 4])
def test_classifiers_agree(networks, optimizer, rule, batch_size, activation, classes):
    x, rng = data()
    y = rng.integers(0, classes, N)
    one = classes == 2
    model = MLP(
        (INPUTS, 7, 6, 1 if one else classes),
        activation,
        "sigmoid" if one else "softmax",
        "binary_cross_entropy" if one else "softmax_cross_entropy",
        weight_init="glorot_normal",
        dtype="float64",
        rng=0,
    )
    other = networks.MLPClassifier((7, 6), activation=ACTIVATIONS[activation], **rule)
    trained(other, model, x, y, optimizer, batch_size)
    chances = other.predict_proba(x)
    assert_same_network(other, model, x, chances[:, 1:] if one else chances)
    assert model.predict_class(x).tolist() == other.predict(x).tolist()
    np.testing.assert_allclose(model.history.loss, other.loss_curve_, rtol=1e-8)


@pytest.mark.parametrize(("optimizer", "rule"), RULES, ids=lambda value: None)
@pytest.mark.parametrize("hidden", SIZES, ids=str)
@pytest.mark.parametrize("outputs", [1, 3])
def test_regressors_agree(networks, optimizer, rule, hidden, outputs):
    """They report the mean over outputs, and take the gradient of the sum, as we do."""
    x, rng = data()
    y = np.tanh(x @ rng.standard_normal((INPUTS, outputs)))
    model = MLP((INPUTS, *hidden, outputs), "tanh", loss="half_squared_error", dtype="float64",
                rng=0)  # fmt: skip
    other = networks.MLPRegressor(hidden_layer_sizes=hidden, activation="tanh", **rule)
    trained(other, model, x, y[:, 0] if outputs == 1 else y, optimizer, 15)
    assert_same_network(other, model, x, other.predict(x).reshape(N, outputs))
    np.testing.assert_allclose(model.history.loss / outputs, other.loss_curve_, rtol=1e-8)


@pytest.mark.parametrize("batch_size", [8, N])
def test_penalties_agree(networks, batch_size):
    """Their alpha is divided by the number of rows of a batch."""
    x, rng = data()
    y = rng.integers(0, 3, N)
    model = MLP((INPUTS, 7, 3), "tanh", "softmax", "softmax_cross_entropy",
                l2=0.3 / batch_size, dtype="float64", rng=0)  # fmt: skip
    other = networks.MLPClassifier((7,), activation="tanh", solver="sgd", momentum=0.0)
    trained(other, model, x, y, SGD(0.05), batch_size, alpha=0.3)
    assert_same_network(other, model, x, other.predict_proba(x))
    np.testing.assert_allclose(model.history.loss, other.loss_curve_, rtol=1e-8)


@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_pytorch_agrees(penalty):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, rng = data()
    y = rng.integers(0, 3, N)
    model = MLP((INPUTS, 7, 3), "tanh", "softmax", "softmax_cross_entropy", l2=penalty,
                dtype="float64", rng=0)  # fmt: skip
    w = [torch.tensor(p.copy(), requires_grad=True) for p in model.parameters.values()]
    steps = torch.optim.Adam(w, lr=0.01)
    for _ in range(50):
        steps.zero_grad()
        logits = torch.tanh(torch.tensor(x) @ w[0] + w[1]) @ w[2] + w[3]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y))
        (loss + penalty / 2 * ((w[0] ** 2).sum() + (w[2] ** 2).sum())).backward()
        steps.step()
    model.fit(x, y, optimizer=Adam(0.01), epochs=50, batch_size=N)
    for ours, theirs in zip(model.parameters.values(), w, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-8, atol=1e-8)
