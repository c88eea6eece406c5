"""Texts to train on, the same at every run; writing them to files and reading them back."""

import random

from nncore.char_rnn.text import read_text

WORDS = (  # noqa: SIM905
    "the of and to in that he was it his with as for had you not be her is but at on she him by "
    "which have or from this all they were my are me one their so an said them we who would been "
    "will no when there if more out up into do any your what has man could other than our some"
).split()


def prose(length, seed=0):
    """Random English words in sentences, `length` characters."""
    chance = random.Random(seed)
    parts, size = [], 0
    while size < length:
        words = chance.choices(WORDS, k=chance.randint(4, 12))
        sentence = " ".join(words).capitalize() + chance.choice([". ", ", ", "!\n"])
        parts.append(sentence)
        size += len(sentence)
    return "".join(parts)[:length]


def written(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def text_of(source, vocabulary="characters"):
    ids, vocabulary = read_text(source, vocabulary)
    return vocabulary.decode(ids)
