"""Networks whose outputs are averaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from nncore.params import Array


class Ensemble:
    """Networks with the same inputs and outputs whose outputs are averaged.

    Parameters
    ----------
    networks : iterable of MLP
        The networks.

    Raises
    ------
    TypeError
        If one is not an `MLP`.
    ValueError
        If there is none, or they differ in inputs, outputs or the boundary between classes.
    """

    def __init__(self, networks: Iterable[Any]) -> None:
        self.networks = list(networks)
        sizes = [getattr(network, "layer_sizes", None) for network in self.networks]
        if not sizes:
            raise ValueError("networks must not be empty")
        if None in sizes:
            kind = type(self.networks[sizes.index(None)]).__name__
            raise TypeError(f"networks must be MLP, whose outputs can be averaged, got {kind}")
        shapes = {(size[0], size[-1]) for size in sizes if size}
        if len(shapes) > 1:
            raise ValueError(f"networks must agree in inputs and outputs, got {sorted(shapes)}")
        if {outputs for _, outputs in shapes} == {1} and len(
            {network._middle for network in self.networks}
        ) > 1:
            last = sorted({network.activations[-1] for network in self.networks})
            raise ValueError(
                f"networks must have the same boundary between the classes, which is 0 for tanh "
                f"and 0.5 otherwise, got {' and '.join(last)}"
            )

    def predict(self, X: npt.ArrayLike) -> Array:
        """Return the mean of the networks' outputs.

        Parameters
        ----------
        X : array-like of shape (N, I)
            Inputs.

        Returns
        -------
        ndarray of shape (N, O)
        """
        return np.asarray(np.mean([network.predict(X) for network in self.networks], axis=0))

    def predict_class(self, X: npt.ArrayLike) -> Array:
        """Return the classes by the mean of the outputs, as `MLP.predict_class` does.

        Parameters
        ----------
        X : array-like of shape (N, I)
            Inputs.

        Returns
        -------
        ndarray of int of shape (N,)
        """
        return np.asarray(self.networks[0]._classes(self.predict(X)))

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self.networks)} networks>"
