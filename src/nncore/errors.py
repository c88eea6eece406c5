"""The exceptions that are nncore's own; all else is Python's."""


class DivergenceError(ArithmeticError):
    """Training ran off to huge or undefined numbers; the last good parameters were put back."""


class CheckpointError(ValueError):
    """A model file is damaged, of another kind, or from a newer nncore."""
