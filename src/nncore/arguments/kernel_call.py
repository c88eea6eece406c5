"""A call of a kernel, described by a dataclass with a field for each argument."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import ModuleType
from typing import ClassVar


@dataclass(eq=False, slots=True)
class KernelCall:
    """A call of a kernel that trains a network. The fields of a subclass are its arguments.

    Attributes
    ----------
    kernel : str
        Name of the kernel.
    """

    kernel: ClassVar[str]

    def run(self, ops: ModuleType) -> int:
        """Run the training loop.

        Parameters
        ----------
        ops : module
            `nncore.kernels` or `nncore.reference`, whose kernel is called.

        Returns
        -------
        int
            Number of updates made.
        """
        arguments = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        done: int = getattr(ops, self.kernel)(**arguments)
        return done
