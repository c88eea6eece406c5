"""Interrupted runs of RNN that are finished from their checkpoint end with the same bits."""

import numpy as np
import pytest
from interrupted_runs import LABELS, SERIES, Cut
from rnns import EVERY_CELL, RETURNS, state_of

import nncore

STEPS = [np.arange(len(sequence)) % 3 for sequence in SERIES]
X = np.stack([sequence[:1].repeat(3, axis=0) for sequence in SERIES])


def network(cell, returns, seed):
    return nncore.RNN(
        [6, 5, 4, 3], cell, "softmax", "softmax_cross_entropy", returns=returns, l2=1e-3,
        dropout=0.2, rng=seed,
    )  # fmt: skip


def finished(net, fit, path, seed):
    """The network after a run that is interrupted and resumed, sometimes from its file."""
    cut, cuts = Cut(seed), 0
    while True:
        try:
            with cut:
                fit(net, resume=cuts > 0)
        except KeyboardInterrupt:
            cuts += 1
            if cut.rng.random() < 0.7:
                net = nncore.RNN.load(path)
        else:
            assert cuts
            return net


@EVERY_CELL
@RETURNS
@pytest.mark.parametrize("seed", range(8))
def test_a_run_ends_with_the_same_bits(cell, returns, seed, tmp_path):
    pick = np.random.default_rng([seed, 2])
    settings = {
        "optimizer": pick.choice([nncore.Adam(), nncore.SGD(0.1, momentum=0.9), nncore.Rprop()]),
        "epochs": 12,
        "batch_size": int(pick.choice([1, 7, 53])),
        "shuffle": bool(pick.random() < 0.8),
        "schedule": pick.choice([nncore.CosineDecay(), nncore.OnPlateau(patience=1), None]),
        "validation_fraction": float(pick.choice([0, 0.2])),
        "early_stopping": pick.choice([None, nncore.EarlyStopping(3)]),
        "clip_norm": pick.choice([None, 0.5]),
        "sample_weight": pick.random(len(SERIES)) + 0.1 if pick.random() < 0.5 else None,
    }
    data, path = (SERIES, X)[pick.integers(2)], tmp_path / "run.safetensors"
    labels = LABELS if returns == "last" else STEPS
    if returns == "sequence" and data is X:
        labels = np.arange(3 * len(X)).reshape(len(X), 3) % 3
    whole = network(cell, returns, seed)
    whole.fit(data, labels, **settings)

    def fit(net, resume):
        net.fit(data, labels, **settings, checkpoint=path, resume=resume)

    cut = finished(network(cell, returns, seed), fit, path, seed)
    assert state_of(cut) == state_of(whole)
    assert state_of(nncore.RNN.load(path)) == state_of(whole)
    with pytest.raises(ValueError, match="there is no run to resume"):
        nncore.RNN.load(path).fit(data, labels, **settings, resume=True)
