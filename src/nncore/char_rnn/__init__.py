"""The character RNN: network, text, training run, sampling, files."""
