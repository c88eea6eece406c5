"""examples/evolution.py: the networks learn the spirals, and a picture shows it."""

import runpy

import pytest
from checkout import EXAMPLES

EXAMPLE = EXAMPLES / "evolution.py"


@pytest.fixture
def example():
    if not EXAMPLE.exists():
        pytest.skip("needs a checkout or an unpacked sdist")
    return runpy.run_path(str(EXAMPLE))


def test_the_networks_learn_without_gradients(example, tmp_path):
    X, spiral = example["spirals"]()
    assert X.shape == (1000, 4)
    evolve = example["evolve"]
    evolve.__globals__["GENERATIONS"] = 60
    net, accuracies = evolve(X, spiral)
    assert len(accuracies) == 60
    assert max(accuracies[:3]) < 0.85 < accuracies[-1]
    outputs = net.predict(X)
    assert ((outputs[:, 1] > outputs[:, 0]) == spiral).mean() > 0.85
    again = evolve(X, spiral)[0]
    assert again.predict(X).tobytes() == outputs.tobytes()
    pytest.importorskip("matplotlib", reason="draws a picture")
    example["draw"](net, X, spiral, accuracies, tmp_path / "evolution.png")
    assert (tmp_path / "evolution.png").read_bytes().startswith(b"\x89PNG")


def test_ranks_do_not_depend_on_how_far_values_are_apart(example):
    ranks = example["ranks"]
    assert ranks([3.0, -1.0, 1e9]).tolist() == ranks([3.0, 2.9, 3.1]).tolist() == [0.0, -0.5, 0.5]
