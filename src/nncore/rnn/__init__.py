"""The recurrent network for sequences of vectors: network, data, training run, history, files."""
