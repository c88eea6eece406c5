"""The exceptions that are nncore's own; all else is Python's."""


class DivergenceError(ArithmeticError):
    """Training ran off to huge or undefined numbers; the last good parameters were put back."""


class CheckpointError(ValueError):
    """A model file is damaged, of another kind, or from a newer nncore.

    All that a file can have wrong is this: what is missing, too much or of another size, and
    weights that are NaN or infinite. A path that cannot be read is an OSError.
    """
