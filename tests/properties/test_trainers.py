"""Trainers, circuits and tables of colours, with arguments of every kind."""

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from properties import (
    anything,
    attempt,
    dtypes,
    laid_out,
    names_of,
    numbers,
    of,
    seeds,
)

from nncore import (
    MLP,
    DivergenceError,
    fit_weight,
    train_regressor,
    train_rgb,
    train_xor,
)
from nncore.trainers import neuron
from nncore.trainers.gates import circuits, gates
from nncore.trainers.rgb import csv_file as rgb_csv
from nncore.trainers.rgb import data as rgb_data
from nncore.trainers.rgb import train as rgb
from nncore.trainers.xor import train as xor

# --- circuits -----------------------------------------------------------------------------------

X, Y = gates.inputs("x y")
OPERATIONS = (
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: -a,
)


@st.composite
def built(draw):
    """A circuit, and the same computation in plain Python."""
    parts = [(X, lambda x, y: x), (Y, lambda x, y: y), (circuits.constant(2), lambda x, y: 2.0)]
    for _ in range(draw(st.integers(1, 6))):
        (a, f), (b, g) = draw(st.sampled_from(parts)), draw(st.sampled_from(parts))
        how = draw(st.sampled_from(OPERATIONS))
        parts.append((how(a, b), lambda x, y, f=f, g=g, how=how: how(f(x, y), g(x, y))))
    circuit, python = parts[-1]
    if draw(st.booleans()):
        return gates.exp(circuit), lambda x, y: math.exp(python(x, y))
    return circuit + X * 0 + Y * 0, lambda x, y: python(x, y) + x * 0 + y * 0


@of("Circuit", "Circuit.value", "Circuit.gradient", "Circuit.numerical_gradient", "Circuit.step")
@of("Circuit.input_names", "constant", "exp", "climb", "Climb", "inputs", "Gate")
@of("Circuit.numbers_by_name")
@given(
    built=built(),
    x=st.floats(0.5, 3),
    y=st.floats(0.5, 3),
    kind=st.sampled_from(["analytic", "central"]),
)
def test_circuits_compute_what_python_does(built, x, y, kind):
    circuit, python = built
    at = {"x": x, "y": y}
    at = {name: at[name] for name in circuit.input_names}
    documented = ZeroDivisionError, OverflowError
    value, error = attempt(lambda: circuit.value(at), *documented)
    expected, refused = attempt(lambda: python(x, y), *documented)
    assert type(error) is type(refused)
    assert value == expected
    gradient, error = attempt(lambda: circuit.gradient(**at), *documented)
    if error is not None or abs(expected) > 1e6 or any(abs(g) > 1e6 for g in gradient.values()):
        return
    assert circuit.numbers_by_name("at", at) == at
    stepped = circuit.step(at, step_size=0.1)
    assert stepped == {name: at[name] + 0.1 * gradient[name] for name in at}
    quotients, error = attempt(
        lambda: circuit.numerical_gradient(at, h=1e-6, scheme="central"), *documented, ValueError
    )
    size = 1 + abs(expected) + max(map(abs, gradient.values()), default=0)
    assume(error is None and size < 1e3)
    for name, slope in gradient.items():
        assert abs(quotients[name] - slope) <= 1e-3 * size**2
    way, error = attempt(lambda: gates.climb(circuit, at, 1e-4, 2, kind), *documented, ValueError)
    if error is None:
        assert way.values[0] == expected
        assert len(way.values) == 3
        assert {name: steps[0] for name, steps in way.inputs.items()} == at


@of("climb", "inputs", "constant", "exp", "Circuit.value", "Circuit.step")
@given(data=st.data())
def test_invalid_arguments_of_circuits_are_refused(data):
    value = data.draw(anything)
    documented = TypeError, ValueError, ZeroDivisionError, OverflowError
    settings = {"circuit": X * Y, "start": {"x": 1, "y": 2}, "step_size": 0.1, "steps": 2}
    settings |= {"gradient": "forward", "h": 1e-4}
    name = data.draw(st.sampled_from([*settings]))
    if name == "steps" and isinstance(value, int) and value > 3:
        value = -value
    way, error = attempt(lambda: gates.climb(**{**settings, name: value}), *documented)
    assert np.isfinite(way.values).all() if error is None else str(error)
    for use in (circuits.inputs, circuits.constant, gates.exp):
        attempt(lambda use=use: use(value), *documented)
    result, error = attempt(lambda: (X * Y).value(x=value, y=2), *documented)
    assert error is not None or result == 2 * float(value)
    for operation in OPERATIONS[:4]:
        joined, error = attempt(lambda o=operation: o(X, value), *documented)
        assert error is not None or isinstance(joined, gates.Circuit)


# --- trainers -----------------------------------------------------------------------------------


@of("fit_weight", "FittedWeight", "FittedWeight.weight", "FittedWeight.error")
@given(x=st.floats(-5, 5), target=numbers, step=st.floats(1e-6, 0.1), steps=st.integers(1, 300))
def test_a_fitted_weight_comes_as_near_as_it_says(x, target, step, steps):
    fitted = fit_weight(x, target, step_size=step, steps=steps)
    assert isinstance(fitted, neuron.FittedWeight)
    assert len(fitted.weights) == len(fitted.outputs) == steps + 1
    np.testing.assert_allclose(fitted.outputs, fitted.weights * x, rtol=1e-14)
    assert fitted.weight == fitted.weights[-1]
    assert fitted.error == abs(fitted.outputs[-1] - target)
    before = abs(fitted.outputs[0] - target)
    near = max(step * x * x, before - steps * step * x * x)
    assert fitted.error <= near + 1e-9 * (1 + before)


@of("fit_weight")
@given(data=st.data())
def test_a_weight_that_cannot_be_fitted_is_refused(data):
    name = data.draw(st.sampled_from(["x", "target", "weight", "step_size", "steps", "rng"]))
    value = data.draw(anything)
    if name == "steps" and isinstance(value, int) and value > 300:
        value = -value
    documented = TypeError, ValueError, OverflowError
    fitted, error = attempt(lambda: fit_weight(**{"steps": 9, name: value}), *documented)
    if error is None:
        assert np.isfinite(fitted.outputs).all()
    else:
        assert name in str(error)


@of("train_regressor", "Regressor", "Regressor.predictions", "Regressor.error")
@given(n=st.integers(1, 4), i=st.integers(1, 3), o=st.integers(1, 3), seed=seeds, data=st.data())
def test_a_regressor_is_trained_or_refused(n, i, o, seed, data):
    rng = np.random.default_rng(seed)
    arguments = {"inputs": rng.standard_normal((n, i)), "targets": rng.standard_normal((n, o))}
    arguments |= {"hidden_size": 3, "learning_rate": 0.05, "steps": 20, "rng": seed}
    good = train_regressor(**arguments)
    assert isinstance(good, neuron.Regressor)
    assert good.predictions.shape == (n, o)
    np.testing.assert_allclose(good.error, np.abs(good.predictions - arguments["targets"]).mean())
    assert good.history.epochs == 20
    name = data.draw(st.sampled_from([*arguments]))
    value = data.draw(anything)
    if name in ("steps", "hidden_size") and isinstance(value, int) and value > 300:
        value = -value
    documented = TypeError, ValueError, DivergenceError
    bad, error = attempt(lambda: train_regressor(**{**arguments, name: value}), *documented)
    assert np.isfinite(bad.error) if error is None else str(error)


colors = st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=4, max_size=12, unique=True)


@of("train_rgb", "RGBResult.accuracy", "RGBResult.history")
@of(*(name for cls in (rgb.FontPredictor, rgb.RGBResult) for name in names_of(cls)))
@of("Confusion", "RGBData", "RGBData.take", "RGBData.split", "RGBData.distinct", "RGBData.shared")
@of(
    "RGBData.contradictions",
    "default_colors",
    "colors_from",
    "color_array",
    "font_labels",
    "label_of",
)
@given(
    colors=colors, method=st.sampled_from([*rgb.METHODS]), split=st.sampled_from(["color", "rows"]),
    kind=dtypes, seed=seeds, data=st.data(),
)  # fmt: skip
def test_fonts_are_learned_from_any_colours(folder, colors, method, split, kind, seed, data):
    values = np.array(colors, np.uint8)
    labels = np.arange(len(values)) % 2
    forms = data.draw(laid_out(values)), data.draw(st.sampled_from([labels, labels.tolist()]))
    options = {"method": method, "split": split, "dtype": kind, "rng": seed, "epochs": 2}
    result, error = attempt(lambda: train_rgb(forms, **options), ValueError)
    if error is not None:
        assert "font" in str(error)  # by chance all rows that are left have the same one
        return
    assert len(result.train) + len(result.test) == len(colors)
    assert result.train.shared(result.test) == 0
    assert (result.train.contradictions, result.test.distinct) == (0, len(result.test))
    chances = result.probabilities(values)
    assert chances.dtype == kind
    assert ((chances >= 0) & (chances <= 1)).all()
    fonts = [result.predict_font(*color) for color in colors]
    assert fonts == ["dark" if chance > 0.5 else "light" for chance in chances]
    assert result.predict_probability(*colors[0]) == chances[0]
    right = (result.probabilities(result.test.rgb) > 0.5) == result.test.dark
    assert result.accuracy == right.mean()
    assert result.confusion.counts.sum() == len(result.test)
    assert str(result.confusion["dark", "light"]) in str(result.confusion)
    assert result.history.epochs == 2
    result.save(folder / "fonts")
    np.testing.assert_array_equal(
        rgb.FontPredictor.load(folder / "fonts").probabilities(values), chances
    )


@of(
    "train_rgb",
    "colors_from",
    "font_labels",
    "color_array",
    "channel",
    "FontPredictor",
    "RGBData",
    "RGBData.split",
)
@given(data=st.data())
def test_wrong_colours_and_settings_are_refused(data):
    table = np.array([(0, 0, 0), (255, 255, 255), (9, 9, 9), (250, 250, 250)] * 2, np.uint8)
    arguments = {"colors": (table, [0, 1] * 4), "hidden_size": 2, "split": "rows", "epochs": 1}
    arguments |= {"test_fraction": 0.5, "optimizer": None, "method": "plain", "dtype": "float32"}
    name = data.draw(st.sampled_from([*arguments, "rng"]))
    value = data.draw(anything)
    if name in ("epochs", "hidden_size") and isinstance(value, int) and value > 300:
        value = -value
    if name == "colors":
        value = data.draw(st.sampled_from([value, (value, [0, 1]), (table, value)]))
    documented = TypeError, ValueError, OSError
    result, error = attempt(lambda: train_rgb(**{**arguments, name: value}), *documented)
    assert 0 <= result.accuracy <= 1 if error is None else str(error)
    predictor = rgb.FontPredictor(MLP((3, 2, 1), output_activation="sigmoid", rng=0))
    font, error = attempt(lambda: predictor.predict_font(value, 0, 0))
    assert font in ("dark", "light") if error is None else "r must be" in str(error)
    found, error = attempt(lambda: predictor.probabilities(value))
    assert found.shape == (len(value),) if error is None else "rgb" in str(error)
    _, error = attempt(lambda: rgb.FontPredictor(value))
    assert "net" in str(error)
    attempt(lambda: rgb_data.RGBData(value, value))


@of("read_colors", "whole_byte", "is_number", "label_of", "hex_name", "parse_color")
@given(colors=colors, header=st.booleans(), bom=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_tables_are_read_as_they_were_written(folder, colors, header, bom, end):
    lines = ["red,green,blue,font"] * header
    lines += [f"{r},{g},{b},{'light' if r < 99 else 1}" for r, g, b in colors]
    path = folder / "colours.csv"
    path.write_text("\ufeff" * bom + end.join([*lines, ""]), encoding="utf-8", newline="")
    found = rgb_csv.read_colors(path)
    assert found.rgb.tolist() == [[*color] for color in colors]
    assert found.dark.tolist() == [color[0] >= 99 for color in colors]
    for color in colors:
        assert rgb_data.parse_color(rgb_data.hex_name(color)) == color
        assert rgb_data.parse_color(",".join(map(str, color))) == color


@of("read_colors", "parse_color")
@given(content=st.binary(max_size=60) | st.text('0123456789,.\n"-+e ', max_size=60).map(str.encode))
def test_any_file_is_a_table_or_refused_by_its_name(folder, content):
    path = folder / "any.csv"
    path.write_bytes(content)
    data, error = attempt(lambda: rgb_csv.read_colors(path), ValueError)
    assert len(data) if error is None else "any.csv" in str(error)
    color, error = attempt(lambda: rgb_data.parse_color(content.decode("latin-1")), ValueError)
    assert error is not None or all(0 <= value <= 255 for value in color)


@of("brightness", "wants_dark")
@given(colors=colors)
def test_bright_colours_get_a_dark_font(colors):
    for (r, g, b), bright, dark in zip(
        colors, rgb_data.brightness(colors), rgb_data.wants_dark(colors), strict=True
    ):
        assert math.isclose(bright, 0.299 * r + 0.587 * g + 0.114 * b, abs_tol=1e-9)
        assert dark == (bright > 127)


@of("train_xor", "XORResult", "XORResult.loss", "XORResult.history", "XORResult.net_at", "Snapshot")
@of("XORResult.better_than", "xor_data", "Diagnosis")
@given(
    hidden=st.integers(1, 4), dataset=st.sampled_from(["table", "points"]), kind=dtypes,
    method=st.sampled_from(["default", "seed"]), restarts=st.integers(0, 2), seed=seeds,
    snapshots=st.integers(0, 3),
)  # fmt: skip
def test_xor_is_learned_or_diagnosed(hidden, dataset, method, restarts, kind, seed, snapshots):
    result = train_xor(
        hidden, dataset, method=method, max_restarts=restarts, rng=seed, dtype=kind,
        snapshots=snapshots, epochs=50,
    )  # fmt: skip
    np.testing.assert_array_equal(result.Y[:, 1], (result.X[:, 0] != result.X[:, 1]) if dataset
                                  == "table" else result.X[:, 0] * result.X[:, 1] < 0)  # fmt: skip
    assert result.accuracy == result.net.accuracy(result.X, result.Y)
    assert result.learned == (result.accuracy >= (1 if dataset == "table" else 0.9))
    assert 0 <= result.restarts <= restarts
    assert len(result.diagnoses) == result.restarts + (not result.learned)
    assert all(str(found).startswith(found.kind) for found in result.diagnoses)
    assert result.loss == result.net.loss(result.X, result.Y)
    assert result.history is result.net.history
    assert bool(result.snapshots) == bool(snapshots)
    for snapshot in result.snapshots:
        net = result.net_at(snapshot)
        assert net.loss(result.X, result.Y) == snapshot.loss
        assert net.accuracy(result.X, result.Y) == snapshot.accuracy
    assert not result.better_than(result)


@of("train_xor", "xor_data", "xor_success_rates")
@given(data=st.data())
def test_wrong_settings_of_xor_are_refused_by_name(data):
    names = ["hidden_size", "dataset", "reg", "method", "optimizer", "epochs", "hidden_activation"]
    names += ["max_restarts", "dtype", "rng", "snapshots"]
    name, value = data.draw(st.sampled_from(names)), data.draw(anything)
    counts = ("hidden_size", "epochs", "max_restarts", "snapshots")
    if name in counts and isinstance(value, int) and value > 3:
        value = -value
    settings = {"epochs": 5, "max_restarts": 0, name: value}
    result, error = attempt(lambda: train_xor(**settings))
    assert 0 <= result.accuracy <= 1 if error is None else name in str(error)
    if name in ("dataset", "rng", "dtype"):
        made_, error = attempt(lambda: xor.xor_data(**{name: value}))
        assert made_[0].shape == (4, 2) if error is None else name in str(error)
    if name in ("rng", "snapshots", "hidden_size"):
        return
    rates, error = attempt(lambda: xor.xor_success_rates(2, (2, 3), **settings))
    assert [*rates] == [2, 3] if error is None else name in str(error)
