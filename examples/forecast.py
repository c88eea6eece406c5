"""Forecast a series with trend, season and noise: 30 past values to the next, by LSTM and MLP.

Needs scikit-learn: pip install 'nncore[sklearn]', then python examples/forecast.py
"""

from typing import NamedTuple

import numpy as np

import nncore
from nncore.trainers import plots

PAST, SEASON, TEST = 30, 24, 400  # steps
SHOWN, AHEAD = 120, 48  # steps of the picture, and of the forecast from its own outputs


class Data(NamedTuple):
    """Networks learn the scaled changes of the series, as the trend leaves their range alone."""

    before: np.ndarray  # (TEST, 1) values before those to forecast
    truth: np.ndarray  # (TEST, 1)
    scaler: object
    train: tuple[np.ndarray, np.ndarray]  # windows (N, PAST, 1), and the next changes (N, 1)
    test: tuple[np.ndarray, np.ndarray]


def make_series(steps=2000, rng=0):
    """Return a trend, a daily and a half-daily season, whose strength varies, and noise."""
    t, shocks = np.arange(steps), np.random.default_rng(rng).normal(0, 1, steps)
    noise = np.zeros(steps)
    for i in range(1, steps):
        noise[i] = 0.7 * noise[i - 1] + shocks[i]
    daily = (6 + 2 * np.sin(2 * np.pi * t / 240)) * np.sin(2 * np.pi * t / SEASON)
    return 20 + 0.01 * t + daily + 3 * np.sin(4 * np.pi * t / SEASON + 1) + noise


def prepare(series):
    """Return windows of the changes, scaled as the training part requires."""
    try:
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise SystemExit(
            "forecast.py needs scikit-learn; install it with: pip install 'nncore[sklearn]'"
        ) from None
    column = series[:, None]
    changes, split = np.diff(column, axis=0), len(series) - TEST
    scaler = StandardScaler().fit(changes[: split - 1])
    scaled = scaler.transform(changes).astype(np.float32)
    train, test = scaled[: split - 1], scaled[split - 1 - PAST :]
    before, truth = column[split - 1 : -1], column[split:]
    return Data(before, truth, scaler, nncore.windows(train, PAST), nncore.windows(test, PAST))


def train_lstm(data):
    net = nncore.RNN([1, 16, 1], "lstm", rng=0)
    settings = {"optimizer": nncore.Adam(0.005), "schedule": nncore.CosineDecay()}
    net.fit(*data.train, epochs=60, progress=True, **settings)
    return net


def train_mlp(data):
    x, y = data.train
    net = nncore.MLP([PAST, 32, 1], "tanh", l2=0.01, rng=0)
    settings = {"optimizer": nncore.Adam(0.003), "schedule": nncore.CosineDecay()}
    net.fit(x[:, :, 0], y, epochs=100, progress=True, **settings)
    return net


def next_values(data, changes):
    """Return the forecast values (TEST, 1) from the scaled changes that a network predicts."""
    return data.before + data.scaler.inverse_transform(changes)


def error(data, values):
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((values - data.truth) ** 2)))


def draw(data, net, values, path="forecast.png"):
    """Draw the last steps: the truth, each next value, and a forecast of the last AHEAD steps."""
    start = TEST - AHEAD
    changes = data.scaler.inverse_transform(net.forecast(data.test[0][start], AHEAD))
    ahead = data.before[start] + np.cumsum(changes, axis=0)
    fig = plots.figure(9, 4)
    axes, steps = fig.add_subplot(), np.arange(TEST)
    shown = steps[-SHOWN:]
    axes.plot(shown, data.truth[shown], color=plots.GREY, lw=2, label="truth")
    axes.plot(shown, values[shown], color=plots.BLUE, label="LSTM, the next value")
    name = f"LSTM, the next {AHEAD} values"
    axes.plot(steps[start:], ahead, "--", color=plots.VERMILION, label=name)
    axes.set(title="A held-out part of the series", xlabel="steps", ylabel="value")
    axes.legend(loc="lower left")
    axes.grid(alpha=0.3)
    fig.savefig(path, dpi=120)
    print(f"picture: {path}")


def main() -> dict[str, float]:
    """Train both networks, and return the error of each forecast of the held-out steps."""
    series = make_series()
    data = prepare(series)
    lstm, mlp = train_lstm(data), train_mlp(data)
    values = next_values(data, lstm.predict(data.test[0]))
    errors = {
        "persistence": error(data, data.before),
        "seasonal naive": error(data, series[-TEST - SEASON : -SEASON, None]),
        "MLP": error(data, next_values(data, mlp.predict(data.test[0][:, :, 0]))),
        "LSTM": error(data, values),
    }
    for name, found in errors.items():
        print(f"{name:<14} {found:.3f}")
    if plots.available():
        draw(data, lstm, values)
    return errors


if __name__ == "__main__":
    main()
