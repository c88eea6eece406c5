"""Handwritten digits: two hidden layers and softmax on scikit-learn's 1797 images.

Needs scikit-learn: pip install 'nncore[sklearn]', then python examples/digits.py
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import nncore


def main() -> float:
    """Train, and return the fraction of the held-out third that is classified correctly."""
    images, digits = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images / 16, digits, test_size=1 / 3, stratify=digits, random_state=0
    )
    net = nncore.MLP(
        [64, 100, 50, 10], "relu", "softmax", "softmax_cross_entropy", dropout=0.2, rng=0
    )
    net.fit(
        x_train,
        y_train,
        optimizer=nncore.Adam(0.003),
        schedule=nncore.CosineDecay(),
        epochs=60,
        batch_size=32,
        validation_data=(x_test, y_test),
        progress=True,
    )
    accuracy = net.accuracy(x_test, y_test)
    print(f"{net}\n{net.history}\n{accuracy:.4f} of {len(x_test)} held-out digits are correct")
    return accuracy


if __name__ == "__main__":
    main()
