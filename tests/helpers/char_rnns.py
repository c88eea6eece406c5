"""Character RNNs and a text that tests of CharRNN share."""

from texts import prose

from nncore import CharRNN

TEXT = prose(600)


def small(**settings):
    usual = {"hidden_size": 6, "seq_length": 5, "batch_size": 2, "cell": "tanh", "rng": 0}
    return CharRNN(**usual | settings)


def arrays_of(model):
    """All that training changes, to the last bit."""
    history = model.history
    arrays = (model._weights, model._slots, model._state, model._counters, history.loss)
    arrays += (history.smooth_loss, history.validation_iteration, history.validation_bits_per_char)
    return [(array.dtype, array.shape, array.tobytes()) for array in arrays]


def state_of(model):
    """All that training changes, and the next characters."""
    return arrays_of(model), model.sample(50)
