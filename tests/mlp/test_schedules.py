"""The learning rates that schedules give the updates of MLP."""

import numpy as np
from mlp_runs import X, Y
from mlps import small

from nncore import (
    SGD,
    OnPlateau,
    WarmUp,
)


def bias_steps(schedule, epochs, **how):
    """By how much each epoch moves a bias whose gradient is always 1."""
    net = small(layer_sizes=(4, 1), loss="absolute_error", dtype="float64",
                weight_init={"w1": np.zeros((4, 1)), "b1": [0.0]})  # fmt: skip
    at = [0.0]

    def watch(event):
        at.append(float(event.model.parameters["b1"][0]))

    net.fit(np.zeros((30, 4)), np.full(30, -1e9), optimizer=SGD(1.0), epochs=epochs,
            batch_size=30, schedule=schedule, callbacks=[watch], **how)  # fmt: skip
    return -np.diff(at)


def test_on_plateau_lowers_the_rate_when_the_loss_stops_falling():
    held_out = np.zeros((1, 4)), [1e9]  # whose loss only rises
    steps = bias_steps(OnPlateau(0.5, patience=2, minimum=0.2), 12, validation_data=held_out)
    np.testing.assert_allclose(steps, [1] * 4 + [0.5] * 3 + [0.25] * 3 + [0.2] * 2)


def test_on_plateau_leaves_the_rate_while_the_loss_falls():
    np.testing.assert_allclose(bias_steps(OnPlateau(0.5, patience=1), 8), 1)


def test_warm_up_rises_to_the_full_rate():
    steps = bias_steps(WarmUp(0.5), 10)
    np.testing.assert_allclose(steps, [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1, 1, 1])
    steps = bias_steps(WarmUp(0.2, then=lambda step, total: 0.5), 10)
    np.testing.assert_allclose(steps, [1 / 6, 1 / 3, *[0.5] * 8])


def test_schedules_count_the_updates_of_their_run():
    seen = []

    def schedule(step, total):
        seen.append((step, total))
        return 1.0

    net = small()
    for epochs in (2, 1):
        net.fit(X, Y, epochs=epochs, batch_size=16, schedule=schedule)
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (0, 2), (1, 2)]
