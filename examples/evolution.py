"""Evolve 256 small networks that tell two spirals apart: no gradients, only how many are right.

python examples/evolution.py draws evolution.png if matplotlib is installed.
"""

import time

import numpy as np

import nncore
from nncore.trainers import plots

MEMBERS, GENERATIONS, POINTS = 256, 200, 1000
SIGMA, RATE = 0.1, 0.5  # the spread of a generation, and how far the next one moves


def spirals(rng=0):
    """Return points (POINTS, 4): x, y and their squares; and the spiral of each."""
    rng = np.random.default_rng(rng)
    spiral = np.arange(POINTS) % 2
    turn = np.sqrt(rng.uniform(0.05, 1, POINTS)) * 2.4 * np.pi
    angle = turn + np.pi * spiral
    points = turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) / 5
    points += rng.normal(0, 0.03, points.shape)
    return features(points), spiral


def features(points):
    """Return the inputs (N, 4) for points of the plane."""
    return np.concatenate([points, points**2], axis=1).astype(np.float32)


def fitness(nets, X, spiral):
    """Return each member's mean share of confidence in the right spiral, and its accuracy."""
    outputs = nets.predict(X)  # (MEMBERS, POINTS, 2)
    margin = (outputs[..., 1] - outputs[..., 0]) * (2 * spiral - 1)
    return np.tanh(margin).mean(axis=1), (margin > 0).mean(axis=1)


def ranks(values):
    """Return the ranks of values, from -0.5 to 0.5: an outlier counts no more than the best."""
    return np.argsort(np.argsort(values)) / (len(values) - 1) - 0.5


def evolve(X, spiral, rng=0):
    """Run an evolution strategy (Salimans et al. 2017); return its mean network and accuracies."""
    rng = np.random.default_rng(rng)
    nets = nncore.Population([4, 16, 2], "tanh", rng=MEMBERS)
    mean, speed, accuracies = nets.flat[0].copy(), 0.0, []
    for _ in range(GENERATIONS):
        half = rng.standard_normal((MEMBERS // 2, mean.size)).astype(np.float32)
        noise = np.concatenate([half, -half])
        nets.flat[...] = mean + SIGMA * noise
        fit, accuracy = fitness(nets, X, spiral)
        accuracies.append(float(accuracy.max()))
        step = ranks(fit).astype(np.float32) @ noise / (MEMBERS * SIGMA)
        speed = 0.9 * speed + step
        mean = mean + RATE * SIGMA * speed
    nets.flat[...] = mean
    return nets[0], accuracies


def draw(net, X, spiral, accuracies, path="evolution.png"):
    """Draw the regions of the evolved network, and the best accuracy of each generation."""
    fig = plots.figure(9, 4)
    left, right = fig.subplots(1, 2)
    axis = np.linspace(-1.6, 1.6, 160)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    outputs = net.predict(features(grid))
    margin = np.tanh(outputs[:, 1] - outputs[:, 0]).reshape(160, 160)
    left.imshow(margin, extent=(-1.6, 1.6, -1.6, 1.6), origin="lower", cmap="coolwarm", alpha=0.6)
    for which, color in ((0, plots.BLUE), (1, plots.VERMILION)):
        left.scatter(*X[spiral == which, :2].T, s=4, color=color)
    left.set(title="Two spirals, and what the network makes of the plane", xlabel="x", ylabel="y")
    right.plot(accuracies, color=plots.BLUE)
    right.set(title="Best of each generation", xlabel="generation", ylabel="accuracy")
    right.grid(alpha=0.3)
    fig.savefig(path, dpi=120)
    print(f"picture: {path}")


def main() -> float:
    """Evolve the networks; return the accuracy of the result."""
    X, spiral = spirals()
    start = time.perf_counter()
    net, accuracies = evolve(X, spiral)
    seconds = time.perf_counter() - start
    accuracy = net.accuracy(X, np.eye(2)[spiral])
    print(
        f"{GENERATIONS} generations of {MEMBERS} networks on {POINTS} points in {seconds:.1f} s: "
        f"{accuracy:.3f} of the points are right"
    )
    if plots.available():
        draw(net, X, spiral, accuracies)
    return accuracy


if __name__ == "__main__":
    main()
