"""Train a character RNN on a text file and generate text.

python examples/char_rnn.py novel.txt
"""

import sys
from pathlib import Path

import nncore


def main() -> None:
    """Compare min-char-rnn with the defaults of nncore on the same held-out tenth."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    text = Path(sys.argv[1])
    for name, model in {
        "min-char-rnn": nncore.CharRNN.min_char_rnn(rng=0),
        "nncore's defaults": nncore.CharRNN(rng=0),
    }.items():
        history = model.fit(text, epochs=3, validation_fraction=0.1, progress=True)
        print(f"\n{name}: {history}\n{model.sample(300, temperature=0.7, rng=1)}")


if __name__ == "__main__":
    main()
