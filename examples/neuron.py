"""One weight fitted by the sign of its error, and a small network fitted to three numbers.

python examples/neuron.py
"""

from nncore.trainers.neuron import fit_weight, train_regressor


def main() -> None:
    """Fit both, and print the results."""
    fitted = fit_weight(x=6, target=1.5)
    print(f"y = w * 6 starts with w = {fitted.weights[0]:.4f}, y = {fitted.outputs[0]:.4f}")
    print(f"and ends with        w = {fitted.weight:.4f}, y = {fitted.outputs[-1]:.4f}")

    layers = train_regressor([[-1, 3, 5]], [[0.7, 1.3, 2.1]], hidden_size=6, steps=3000)
    print(f"\n{layers.net}\ntarget  {layers.targets[0]}\nlearned {layers.predictions[0]}")


if __name__ == "__main__":
    main()
