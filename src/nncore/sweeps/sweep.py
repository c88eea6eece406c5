"""Training many networks: one function, many settings, any executor of `concurrent.futures`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from html import escape
from pathlib import Path
from typing import Any

from nncore.checks import positive_int
from nncore.sweeps.ensemble import Ensemble
from nncore.sweeps.executors import trained_by
from nncore.sweeps.folder import read_member, write_member
from nncore.sweeps.member import Member, train_member
from nncore.sweeps.plan import Plan
from nncore.sweeps.settings import Settings, described
from nncore.training import progress_bar

__all__ = ["Ensemble", "Member", "Sweep", "sweep"]


class Sweep:
    """Networks to be trained; iteration trains them and yields each `Member` when it is done.

    Leaving the loop stops the sweep: members that have not started are not trained, and a later
    loop continues with them. `sweep` creates it and documents its parameters.
    """

    def __init__(
        self,
        make: Callable[..., Any],
        settings: Iterable[Settings],
        score: Callable[[Any], float] | None,
        executor: Executor | None,
        folder: Path | None,
        progress: bool,
    ) -> None:
        try:
            given = iter(settings)  # errors that the iterator raises later are not caught
        except TypeError:
            kind = type(settings).__name__
            raise TypeError(f"settings must be an iterable of mappings, got {kind}") from None
        self.settings = [_checked(i, each) for i, each in enumerate(given)]
        self.progress = progress
        self._make, self._score, self._executor, self._folder = make, score, executor, folder
        self._done: dict[int, Member] = {}
        if folder is not None:
            # Now, as `make` can change its arguments.
            self._texts = described(self.settings)
            folder.mkdir(parents=True, exist_ok=True)
            for i, each in enumerate(self.settings):
                member = read_member(folder, i, each, self._texts[i])
                if member is not None:
                    self._done[i] = member

    @property
    def members(self) -> list[Member]:
        """The members that are done, in the order of the settings."""
        return [self._done[i] for i in sorted(self._done)]

    @property
    def failures(self) -> list[Member]:
        """The members that raised an exception or whose worker died."""
        return [member for member in self.members if member.error is not None]

    def best(self, n: int = 1) -> list[Member]:
        """Return the members with the lowest scores.

        Parameters
        ----------
        n : int
            Number of members, at least 1.

        Returns
        -------
        list of Member
            The best first; fewer than n if fewer succeeded.

        Raises
        ------
        TypeError, ValueError
            If n is not an integer of at least 1.
        """
        n = positive_int("n", n)
        succeeded = [member for member in self.members if member.error is None]
        return sorted(succeeded, key=lambda member: member.score)[:n]

    def ensemble(self, n: int) -> Ensemble:
        """Return an ensemble of the best networks.

        Parameters
        ----------
        n : int
            Number of members, at least 1.

        Returns
        -------
        Ensemble

        Raises
        ------
        TypeError, ValueError
            If n is invalid, or if no network was trained or the networks cannot form an `Ensemble`.
        """
        return Ensemble(member.network for member in self.best(n))

    def run(self) -> Sweep:
        """Train all members that are not done yet.

        Returns
        -------
        Sweep
            The sweep itself.
        """
        for _ in self:
            pass
        return self

    def __iter__(self) -> Iterator[Member]:
        yield from self.members
        left = [i for i in range(len(self.settings)) if i not in self._done]
        with progress_bar(self.progress, len(self.settings), "network") as bar:
            bar(len(self._done), self._figures() if self.progress else {})
            for member in self._trained(left):
                if self._folder is not None and not member.lost:
                    write_member(self._folder, member, self._texts[member.index])
                self._done[member.index] = member
                bar(1, self._figures() if self.progress else {})
                yield member

    def _figures(self) -> dict[str, str]:
        """Return the figures of the progress bar."""
        best = [f"{member.score:.4g}" for member in self.best()]
        return {"best": best[0] if best else "-", "failed": str(len(self.failures))}

    def __repr__(self) -> str:
        text = f"<Sweep: {len(self._done)} of {len(self.settings)} networks done"
        if self.failures:
            text += f", {len(self.failures)} failed"
        for member in self.best():
            text += f", best score {member.score:.4g} of {dict(member.settings)}"
        return text + ">"

    def _repr_html_(self) -> str:
        """Return a table of the ten best members, for notebooks."""
        count = f"{len(self._done)} of {len(self.settings)} networks done"
        rows = [
            f"<tr><td>{member.score:.4g}</td><td>{member.seconds:.3g} s</td>"
            f"<td>{escape(repr(dict(member.settings)))}</td></tr>"
            for member in self.best(10)
        ]
        return (
            f"<table><caption>{count}, {len(self.failures)} failed; the best:</caption>"
            f"<tr><th>score</th><th>time</th><th>settings</th></tr>{''.join(rows)}</table>"
        )

    def _trained(self, left: list[int]) -> Iterator[Member]:
        """Yield the members with these indices as they are done."""
        if self._executor is not None:
            yield from trained_by(self._executor, self._make, self._score, self.settings, left)
            return
        if isinstance(self._make, Plan):
            yield from self._make.train(self._score, self.settings, left)
            return
        for i in left:
            of = self.settings[i]
            yield Member(i, of, *train_member(self._make, self._score, of))


def _checked(index: int, settings: Any) -> Settings:
    """Return the settings of a member as a dict; TypeError unless their names are strings."""
    if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
        raise TypeError(f"settings[{index}] must map names of make's arguments, got {settings!r}")
    return dict(settings)


def sweep(
    make: Callable[..., Any],
    settings: Iterable[Settings],
    executor: Executor | None = None,
    progress: bool = False,
    *,
    score: Callable[[Any], float] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Sweep:
    """Train a network for each of many settings.

    Parameters
    ----------
    make : callable
        make(**settings[i]) returns an `MLP`, `RNN` or `CharRNN` that it has trained. With a seed
        among the settings the result is reproducible. Without an executor, the networks of a
        `Plan` are trained side by side, which takes a fraction of the time if they are small.
    settings : iterable of mappings
        Arguments of `make`, by name, for each network.
    executor : concurrent.futures.Executor, optional
        By default networks are trained one after the other in this thread. A
        `ThreadPoolExecutor` uses several cores, as training releases the GIL. Other executors, of
        processes, mpi4py or a Dask client, work if `make` and the settings can be pickled. The
        caller shuts the executor down.
    progress : bool
        Whether to show a progress bar on stderr.
    score : callable, optional
        score(network) returns a number, lower is better. By default the score is the validation
        loss in the history, or the training loss without validation data, of the last epoch or,
        with early stopping, of the best one. For a `CharRNN` it is the last bits per character of
        the held-out text, or the last loss.
    folder : str or os.PathLike, optional
        A folder in which every finished member is saved, so that a sweep that was stopped can
        continue later, with the same bits. Members are identified by their settings: numbers,
        text, sequences, sets, mappings, dataclasses, enums, paths and arrays by their content,
        functions and classes by the name by which they can be imported, other objects by their
        pickles.

    Returns
    -------
    Sweep
        It trains when it is iterated over, or by `Sweep.run`. A member that raises an exception, or
        whose worker dies, has an `error`; the others continue.

    Raises
    ------
    TypeError
        If settings are not mappings or, with a folder, cannot be identified, such as lambdas.
    ValueError
        If the folder contains a member with other settings.
    CheckpointError
        If a file in the folder is damaged.
    OSError
        If the folder cannot be written.

    Examples
    --------
    >>> import nncore
    >>> def make(hidden, rng):
    ...     net = nncore.MLP([2, hidden, 1], "tanh", "sigmoid", "binary_cross_entropy", rng=rng)
    ...     net.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]], epochs=100)
    ...     return net
    >>> result = nncore.sweep(make, [{"hidden": 4, "rng": i} for i in range(10)]).run()
    >>> best = result.best()[0].network
    """
    if not callable(make):
        raise TypeError(f"make must be a function, got {type(make).__name__}")
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be a concurrent.futures.Executor, such as ThreadPoolExecutor(), "
            f"got {type(executor).__name__}"
        )
    where = None if folder is None else Path(folder)
    return Sweep(make, settings, score, executor, where, progress)
