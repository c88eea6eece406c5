"""Activations, losses and optimizers give the numbers of PyTorch and Keras, where these have them.

Functions are compared by value and by gradient, optimizers after 20 steps. The tests are skipped
where the other library is not installed.
"""

import importlib
import os

import numpy as np
import pytest

from nncore import kernels
from nncore.registry import ACTIVATION_ROW, CHANCES, LOSS_ROW, SIGNS, UPDATE_ROW

TORCH_ACTIVATIONS = {
    "identity": lambda f, z: 1 * z,
    "sigmoid": lambda f, z: f.sigmoid(z),
    "tanh": lambda f, z: f.tanh(z),
    "relu": lambda f, z: f.relu(z),
    "leaky_relu": lambda f, z: f.leaky_relu(z, 0.01),
    "softmax": lambda f, z: f.softmax(z, -1),
    "elu": lambda f, z: f.elu(z),
    "selu": lambda f, z: f.selu(z),
    "softplus": lambda f, z: f.softplus(z),
    "hard_sigmoid": lambda f, z: f.hardsigmoid(z),
    "silu": lambda f, z: f.silu(z),
    "gelu": lambda f, z: f.gelu(z),
}
TORCH_LOSSES = {
    "squared_error": lambda f, p, t: f.mse_loss(p, t, reduction="sum"),
    "half_squared_error": lambda f, p, t: f.mse_loss(p, t, reduction="sum") / 2,
    "absolute_error": lambda f, p, t: f.l1_loss(p, t, reduction="sum"),
    "huber": lambda f, p, t: f.huber_loss(p, t, reduction="sum"),
    "binary_cross_entropy": lambda f, p, t: f.binary_cross_entropy(p, t, reduction="sum"),
    "sigmoid_cross_entropy": lambda f, p, t: f.binary_cross_entropy_with_logits(
        p, t, reduction="sum"
    ),
    "softmax_cross_entropy": lambda f, p, t: f.cross_entropy(p, t, reduction="sum"),
    "kl_divergence": lambda f, p, t: f.kl_div(p.log(), t, reduction="sum"),
}
KERAS_ACTIVATIONS = {
    "sigmoid": lambda a, z: a.sigmoid(z),
    "tanh": lambda a, z: a.tanh(z),
    "relu": lambda a, z: a.relu(z),
    "leaky_relu": lambda a, z: a.leaky_relu(z, negative_slope=0.01),
    "softmax": lambda a, z: a.softmax(z),
    "elu": lambda a, z: a.elu(z),
    "selu": lambda a, z: a.selu(z),
    "softplus": lambda a, z: a.softplus(z),
    "hard_sigmoid": lambda a, z: a.hard_sigmoid(z),
    "silu": lambda a, z: a.silu(z),
    "gelu": lambda a, z: a.gelu(z, approximate=False),
}
KERAS_LOSSES = {  # means over the last axis, except for the divergence
    "squared_error": lambda k, p, t: k.MeanSquaredError(reduction=None)(t, p) * p.shape[-1],
    "absolute_error": lambda k, p, t: k.MeanAbsoluteError(reduction=None)(t, p) * p.shape[-1],
    "huber": lambda k, p, t: k.Huber(reduction=None)(t, p) * p.shape[-1],
    "sigmoid_cross_entropy": lambda k, p, t: (
        k.BinaryCrossentropy(from_logits=True, reduction=None)(t, p) * p.shape[-1]
    ),
    "log_cosh": lambda k, p, t: k.LogCosh(reduction=None)(t, p) * p.shape[-1],
    "hinge": lambda k, p, t: k.Hinge(reduction=None)(t, p) * p.shape[-1],
    "squared_hinge": lambda k, p, t: k.SquaredHinge(reduction=None)(t, p) * p.shape[-1],
    "kl_divergence": lambda k, p, t: k.KLDivergence(reduction=None)(t, p),
    "focal": lambda k, p, t: (
        k.BinaryFocalCrossentropy(gamma=2, from_logits=True, reduction=None)(t, p) * p.shape[-1]
    ),
}
TORCH_OPTIMIZERS = {
    "sgd": lambda o, w: o.SGD(w, 0.1),
    "momentum": lambda o, w: o.SGD(w, 0.1, momentum=0.9),
    "nesterov": lambda o, w: o.SGD(w, 0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda o, w: o.RMSprop(w, 0.1, alpha=0.9, eps=1e-8),
    "adagrad": lambda o, w: o.Adagrad(w, 0.1, eps=0),
    "adam": lambda o, w: o.Adam(w, 0.1),
    "adamw": lambda o, w: o.AdamW(w, 0.1, weight_decay=0.01),
    "amsgrad": lambda o, w: o.Adam(w, 0.1, amsgrad=True),
    "nadam": lambda o, w: o.NAdam(w, 0.1),
    "rprop": lambda o, w: o.Rprop(w, 0.1),
}
KERAS_OPTIMIZERS = {
    "sgd": lambda o: o.SGD(0.1),
    "momentum": lambda o: o.SGD(0.1, momentum=0.9),
    "nesterov": lambda o: o.SGD(0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda o: o.Adagrad(0.1, initial_accumulator_value=0.0, epsilon=0.0),
    "lion": lambda o: o.Lion(0.1, beta_1=0.9, beta_2=0.99),
}
# Where they compute in float32: the constant 1/6, and NAdam's product of momenta.
LOOSE = {"hard_sigmoid": 1e-7, "nadam": 1e-6}
EPSILON = {"adagrad": 0.0}  # theirs is added outside the root
SHAPE = (7, 5)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def keras(torch):
    """Keras on PyTorch, whose gradients the tests take."""
    os.environ["KERAS_BACKEND"] = "torch"
    pytest.importorskip("keras", reason="Keras is not installed")
    keras = importlib.import_module("keras")
    keras.backend.set_floatx("float64")
    return keras


def inputs_of(name):
    """Predictions and targets that a loss is made for (Keras mixes two classes differently)."""
    rng, row = np.random.default_rng(3), LOSS_ROW[name]
    pred = 2 * rng.standard_normal(SHAPE)
    if row.targets == CHANCES and not row.takes_logits:
        pred = rng.uniform(0.01, 0.99, SHAPE)
    if row.takes_labels:
        return pred, rng.integers(0, SHAPE[1], SHAPE[0])
    if row.targets == CHANCES:
        classes = rng.integers(0, 2, SHAPE).astype(float)
        return pred, classes if name == "focal" else 0.98 * classes + 0.01
    return pred, rng.choice(SIGNS, SHAPE) if row.targets == SIGNS else rng.standard_normal(SHAPE)


def assert_same_activation(torch, name, theirs):
    rng = np.random.default_rng(2)
    z, dy = 3 * rng.standard_normal(SHAPE), rng.standard_normal(SHAPE)
    given = torch.tensor(z, requires_grad=True)
    value = theirs(given)
    value.backward(torch.tensor(dy))
    y = getattr(kernels, f"{name}_forward")(z)
    known = z if ACTIVATION_ROW[name].slope_from_input else y
    tolerance = LOOSE.get(name, 1e-12)
    np.testing.assert_allclose(y, value.detach().numpy(), rtol=tolerance, atol=1e-14)
    dz = getattr(kernels, f"{name}_backward")(dy, known)
    np.testing.assert_allclose(dz, given.grad.numpy(), rtol=tolerance, atol=1e-14)


def assert_same_loss(torch, name, theirs, tolerance):
    pred, target = inputs_of(name)
    given = torch.tensor(pred, requires_grad=True)
    value = theirs(given, torch.tensor(target))
    value.backward()
    loss, dpred = getattr(kernels, name)(pred, target)
    assert loss == pytest.approx(value.item(), rel=tolerance)
    np.testing.assert_allclose(dpred, given.grad.numpy(), rtol=tolerance, atol=tolerance)


def assert_same_steps(name, start, gradient, theirs):
    """Compare 20 steps down a quadratic whose curvatures differ by a factor of ten."""
    row = UPDATE_ROW[name]
    w = start.copy()
    slots = [np.zeros_like(w) for _ in row.slots]
    constants = {constant.name: constant.default for constant in row.constants}
    if name in EPSILON:
        constants["epsilon"] = EPSILON[name]
    for step in range(1, 21):
        more = {"step": step} if row.takes_step else {}
        update = getattr(kernels, f"{name}_update")
        update(w, gradient(w), *slots, learning_rate=0.1, **constants, **more)
        np.testing.assert_allclose(w, theirs(), rtol=LOOSE.get(name, 1e-9), atol=1e-9)


CURVATURE = np.geomspace(0.3, 3, 6)
START = np.array([1.0, -2.0, 0.5, 3.0, -0.1, 0.7])


@pytest.mark.parametrize("name", [n for n in TORCH_ACTIVATIONS if n in ACTIVATION_ROW])
def test_activations_of_pytorch(torch, name):
    functional = torch.nn.functional
    assert_same_activation(torch, name, lambda z: TORCH_ACTIVATIONS[name](functional, z))


@pytest.mark.parametrize("name", [n for n in KERAS_ACTIVATIONS if n in ACTIVATION_ROW])
def test_activations_of_keras(torch, keras, name):
    assert_same_activation(torch, name, lambda z: KERAS_ACTIVATIONS[name](keras.activations, z))


@pytest.mark.parametrize("name", TORCH_LOSSES)
def test_losses_of_pytorch(torch, name):
    functional = torch.nn.functional
    assert_same_loss(torch, name, lambda p, t: TORCH_LOSSES[name](functional, p, t), 1e-12)


@pytest.mark.parametrize("name", KERAS_LOSSES)
def test_losses_of_keras(torch, keras, name):
    def theirs(p, t):
        return KERAS_LOSSES[name](keras.losses, p, t).sum()

    assert_same_loss(torch, name, theirs, 1e-6)  # some are clipped, or softened by an epsilon


@pytest.mark.parametrize("name", TORCH_OPTIMIZERS)
def test_optimizers_of_pytorch(torch, name):
    w = torch.tensor(START.copy(), requires_grad=True)
    optimizer = TORCH_OPTIMIZERS[name](torch.optim, [w])

    def step():
        w.grad = torch.tensor(CURVATURE) * w.detach()
        optimizer.step()
        return w.detach().numpy()

    assert_same_steps(name, START, lambda w: CURVATURE * w, step)


@pytest.mark.parametrize("name", KERAS_OPTIMIZERS)
def test_optimizers_of_keras(torch, keras, name):
    w = keras.Variable(START.copy())
    optimizer = KERAS_OPTIMIZERS[name](keras.optimizers)

    def step():
        optimizer.apply_gradients([(torch.tensor(CURVATURE) * w.value.detach(), w)])
        return w.value.detach().numpy()

    assert_same_steps(name, START, lambda w: CURVATURE * w, step)
