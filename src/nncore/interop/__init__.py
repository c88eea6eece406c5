"""Networks and weights of other libraries.

    from nncore.interop import from_torch, to_torch

Only this package imports PyTorch, when one of its functions is called.
"""

from nncore.interop.pytorch import from_torch, to_torch

__all__ = ["from_torch", "to_torch"]
