"""The multi-layer perceptron: network, data, training run, history, trace, files."""
