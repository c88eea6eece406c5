"""The exceptions that nncore defines; all others are Python's."""


class DivergenceError(ArithmeticError):
    """Raised when training diverges: when the loss or a parameter becomes huge, NaN or infinite.

    The last good parameters are restored before it is raised.
    """


class CheckpointError(ValueError):
    """Raised when a model file is damaged, of another kind, or written by a newer nncore.

    This covers everything that can be wrong with the content of a file: missing or unexpected
    arrays, wrong shapes, and weights that are NaN or infinite. A file that cannot be read raises
    OSError.
    """
