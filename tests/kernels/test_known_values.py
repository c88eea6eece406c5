"""Activations and losses at points where their values are known to many digits."""

import numpy as np
import pytest

from nncore import MLP, reference, registry

# From the closed forms with 40 digits.
ACTIVATIONS = {
    "elu": [(-1.0, -0.632120558828557678), (0.5, 0.5), (-1e-9, -9.999999995e-10)],
    "selu": [(-1.0, -1.1113307378125628), (1.0, 1.05070098735548049)],
    "softplus": [(0.0, 0.693147180559945309), (-40.0, 4.24835425529158899e-18), (50.0, 50.0)],
    "hard_sigmoid": [(1.0, 2 / 3), (-3.0, 0.0), (4.0, 1.0)],
}
LOSSES = {  # prediction, target, loss, slope
    "log_cosh": [(1.0, 0.0, 0.433780830483027188, 0.761594155955764888), (0.0, 1e-6, 5e-13, -1e-6)],
    "hinge": [(0.3, 1.0, 0.7, -1.0), (0.3, -1.0, 1.3, 1.0), (2.0, 1.0, 0.0, 0.0)],
    "squared_hinge": [(0.3, 1.0, 0.49, -1.4), (0.3, -1.0, 1.69, 2.6), (2.0, 1.0, 0.0, 0.0)],
    "kl_divergence": [(0.25, 0.5, 0.346573590279972655, -2.0), (0.25, 0.0, 0.0, 0.0)],
    "focal": [
        (0.0, 1.0, 0.173286795139986327, -0.298286795139986327),
        (2.0, 1.0, 0.00180356283524037538, -0.0048709401953927665),
    ],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_have_their_known_values(core, name):
    z, expected = np.array(ACTIVATIONS[name]).T.copy()
    for module in (core, reference):
        forward = getattr(module, f"{name}_forward")
        np.testing.assert_allclose(forward(z), expected, rtol=1e-14)
        np.testing.assert_allclose(forward(z.astype("f4")), expected, rtol=4e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_have_their_known_values(core, name):
    for pred, target, loss, slope in LOSSES[name]:
        for module in (core, reference):
            got, dpred = getattr(module, name)(np.array([pred]), np.array([target]))
            assert got == pytest.approx(loss, rel=1e-12, abs=1e-300)
            assert dpred[0] == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("name", [n for n in registry.ACTIVATIONS if n != "softmax"])
def test_float32_is_near_the_exact_value(core, name):
    z = np.linspace(-12, 12, 20001).astype("f4")
    exact = getattr(reference, f"{name}_forward")(z.astype("f8"))
    got = getattr(core, f"{name}_forward")(z)
    floor = 0.5 if name == "hard_sigmoid" else 0  # a sum that cancels
    error = np.abs(got - exact) / np.spacing(np.maximum(np.abs(exact), floor).astype("f4"))
    assert error.max() < 5


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_hinge_losses_learn_classes_of_signs(loss):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 2))
    y = np.where(x[:, 0] * x[:, 1] > 0, 1.0, -1.0)
    net = MLP((2, 12, 1), "tanh", loss=loss, rng=0)
    net.fit(x, y, epochs=200, batch_size=10)
    assert net.accuracy(x, y) > 0.95
    with pytest.raises(ValueError, match=r"in \[-1, 1\] for "):
        net.fit(x, 2 * y, epochs=1)


def test_focal_loss_learns_rare_classes_and_predicts_probabilities():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 2))
    y = (x.sum(axis=1) > 2.5).astype(float)
    net = MLP((2, 8, 1), "tanh", "sigmoid", loss="focal", rng=0)
    net.fit(x, y, epochs=60, batch_size=20)
    predicted = net.predict(x)[:, 0]
    assert ((predicted >= 0) & (predicted <= 1)).all()
    assert net.accuracy(x, y) > 0.98
