"""Training many networks: one function, many settings, any executor of `concurrent.futures`."""

from __future__ import annotations

import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from nncore.checks import positive_int
from nncore.errors import CheckpointError
from nncore.files.model_file import write_atomically
from nncore.model import Model
from nncore.params import Array
from nncore.sweeps.settings import Settings, described
from nncore.training import progress_bar

PENDING_MEMBERS = 256  # maximal number of members submitted to an executor and not finished
RECORD_BYTES = 1 << 20  # maximal size of a member's record


@dataclass(frozen=True)
class Member:
    """One network of a sweep, or the error that prevented it.

    Attributes
    ----------
    index : int
        Position in the settings of the sweep.
    settings : dict
        The arguments of `make`.
    network : MLP, CharRNN or None
        The trained network; None after an error.
    score : float
        Lower is better; infinite after an error.
    seconds : float
        Time that `make` and `score` took.
    error : str or None
        Type and message of the exception.
    lost : bool
        Whether the worker died or its result was lost, rather than `make` raising. Such a member
        is not kept in the folder, and the next sweep tries it again.
    """

    index: int
    settings: Settings
    network: Any = field(repr=False)
    score: float
    seconds: float
    error: str | None = None
    lost: bool = False


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
        If there is none, or they differ in inputs, outputs or the meaning of their output.
    """

    def __init__(self, networks: Iterable[Any]) -> None:
        self.networks = list(networks)
        sizes = [getattr(network, "layer_sizes", None) for network in self.networks]
        if not sizes:
            raise ValueError("networks must be at least one, got none")
        if None in sizes:
            kind = type(self.networks[sizes.index(None)]).__name__
            raise TypeError(f"networks must be MLP, whose outputs have a mean, got {kind}")
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
        X : array_like (N, I)
            Inputs.

        Returns
        -------
        ndarray (N, O)
        """
        return np.asarray(np.mean([network.predict(X) for network in self.networks], axis=0))

    def predict_class(self, X: npt.ArrayLike) -> Array:
        """Return the classes by the mean of the outputs, as `MLP.predict_class` does.

        Parameters
        ----------
        X : array_like (N, I)
            Inputs.

        Returns
        -------
        ndarray of int (N,)
        """
        return np.asarray(self.networks[0]._classes(self.predict(X)))

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self.networks)} networks>"


# --- one member, possibly in another process --------------------------------------------------


def _made(
    make: Callable[..., Any], score: Callable[[Any], float] | None, settings: Settings
) -> tuple[Any, float, float, str | None]:
    """Return a network, its score, the seconds and None; or None, infinity, seconds and error."""
    start = time.perf_counter()
    network, found, error = None, math.inf, None
    try:
        network = make(**settings)
        if not isinstance(network, Model):
            raise TypeError(f"make must return an MLP or a CharRNN, got {type(network).__name__}")
        found = _score(network) if score is None else float(score(network))
        if math.isnan(found):
            raise ValueError("score must not be NaN")
    except (Exception, SystemExit) as raised:
        network, found, error = None, math.inf, f"{type(raised).__name__}: {raised}"
    return network, found, time.perf_counter() - start, error


def _score(network: Any) -> float:
    """Return the score of a network from its history; see `sweep`."""
    history = network.history
    if not len(history.loss):
        raise ValueError(
            "make must return a trained network unless score is given, got an untrained one"
        )
    bits = getattr(history, "validation_bits_per_char", None)
    if bits is not None:
        return float(bits[-1] if len(bits) else history.loss[-1])
    epoch = history.best_epoch - 1  # whose weights were restored; -1, the last one, otherwise
    held_out = float(history.validation_loss[epoch])
    return held_out if math.isfinite(held_out) else float(history.loss[epoch])


# --- the sweep ----------------------------------------------------------------------------------


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
                if (member := _read(folder, i, each, self._texts[i])) is not None:
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
            Their number, at least 1.

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
            Their number, at least 1.

        Returns
        -------
        Ensemble

        Raises
        ------
        TypeError, ValueError
            If n is invalid, no network was trained, or they cannot form an `Ensemble`.
        """
        return Ensemble(member.network for member in self.best(n))

    def run(self) -> Sweep:
        """Train all members that are not done yet; return the sweep."""
        for _ in self:
            pass
        return self

    def __iter__(self) -> Iterator[Member]:
        yield from self.members
        left = [i for i in range(len(self.settings)) if i not in self._done]
        with progress_bar(self.progress, len(self.settings), "network") as bar:
            bar(len(self._done), self._figures())
            members = self._one_by_one(left) if self._executor is None else self._spread(left)
            for member in members:
                if self._folder is not None and not member.lost:
                    _write(self._folder, member, self._texts[member.index])
                self._done[member.index] = member
                bar(1, self._figures())
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

    def _one_by_one(self, left: list[int]) -> Iterator[Member]:
        """Yield members made one after the other in this thread."""
        for i in left:
            yield Member(i, self.settings[i], *_made(self._make, self._score, self.settings[i]))

    def _spread(self, left: list[int]) -> Iterator[Member]:
        """Yield members made by the executor.

        When a worker dies, a pool of processes breaks and all its pending members are lost. They
        are repeated one at a time in a new pool; the one with which that breaks is the failure.
        """
        pool = _Pool(self._executor)
        queue, suspects = deque(left), deque[int]()
        at: dict[Future[Any], int] = {}
        done = SimpleQueue[Future[Any]]()
        try:
            while queue or suspects or at:
                waiting = suspects or queue
                while waiting and len(at) < (1 if suspects else pool.most_pending):
                    future = pool.submit(_made, self._make, self._score, self.settings[waiting[0]])
                    at[future] = waiting.popleft()
                    future.add_done_callback(done.put)
                alone, died = len(at) == 1, False
                while at:
                    future = done.get()
                    member, broken = self._received(at.pop(future), future)
                    if broken and not alone:
                        died = True  # so all pending members of the pool return like this
                        suspects.append(member.index)
                        continue
                    yield member
                    if not died:
                        break
        finally:
            for future in at:
                future.cancel()
            pool.close()

    def _received(self, i: int, future: Future[Any]) -> tuple[Member, bool]:
        """Return a finished member, and whether its executor is broken."""
        try:
            return Member(i, self.settings[i], *future.result()), False
        except Exception as error:  # raised by the transfer, as `_made` catches those of make
            text = f"{type(error).__name__}: {error}"
            lost = Member(i, self.settings[i], None, math.inf, 0.0, text, lost=True)
            return lost, isinstance(error, BrokenExecutor)


class _Pool:
    """An executor; a pool of processes that breaks is replaced by a new one."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._own = False
        self.most_pending = PENDING_MEMBERS
        if isinstance(executor, ProcessPoolExecutor):
            # Only as many as keep it busy, as a pool that breaks loses all pending members.
            self.most_pending = min(PENDING_MEMBERS, 2 * vars(executor)["_max_workers"])

    def submit(self, *call: Any) -> Future[Any]:
        """Submit a call, to a new pool if the old one is broken."""
        future: Future[Any]
        try:
            future = self._executor.submit(*call)
        except BrokenExecutor:
            if not isinstance(self._executor, ProcessPoolExecutor):
                raise
            self.close()
            self._executor, self._own = _renewed(self._executor), True
            future = self._executor.submit(*call)
        return future

    def close(self) -> None:
        """Shut down a pool that was created here; the caller's executor stays open."""
        if self._own:
            self._executor.shutdown(wait=False, cancel_futures=True)


def _renewed(pool: ProcessPoolExecutor) -> ProcessPoolExecutor:
    """Return a new pool of processes with the settings of a broken one."""
    of = vars(pool)
    return ProcessPoolExecutor(
        of["_max_workers"],
        of["_mp_context"],
        of["_initializer"],
        of["_initargs"],
        max_tasks_per_child=of["_max_tasks_per_child"],
    )


# --- the folder of finished members -----------------------------------------------------------


def _paths(folder: Path, index: int) -> tuple[Path, Path]:
    """Return the files of a member: its record and its network."""
    return folder / f"{index:06d}.json", folder / f"{index:06d}.safetensors"


def _write(folder: Path, member: Member, text: str) -> None:
    """Write a member to the folder, its network first, so that a record implies a network."""
    record, model = _paths(folder, member.index)
    succeeded = member.error is None
    row = {
        "settings": text,
        "kind": type(member.network).__name__ if succeeded else None,
        "score": member.score if math.isfinite(member.score) else str(member.score),
        "seconds": member.seconds,
        "error": member.error,
    }
    if succeeded:
        member.network.save(model)
    write_atomically(record, json.dumps(row).encode())


def _read(folder: Path, index: int, settings: Settings, text: str) -> Member | None:
    """Return a finished member from the folder; None if it is not there."""
    from nncore.char_rnn.network import CharRNN
    from nncore.mlp.network import MLP

    record, model = _paths(folder, index)
    try:
        if record.stat().st_size > RECORD_BYTES:
            raise CheckpointError(f"{record} has more than {RECORD_BYTES} bytes")
        row = json.loads(record.read_bytes())
        written, error = str(row["settings"]), row["error"]
        score, seconds = float(row["score"]), float(row["seconds"])
        kind = {None: None, "MLP": MLP, "CharRNN": CharRNN}[row["kind"]]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as damage:
        if isinstance(damage, CheckpointError):
            raise
        raise CheckpointError(f"{record} is not the record of a sweep's member") from damage
    if written != text:
        raise ValueError(
            f"folder {os.fspath(folder)!r} holds member {index} with the settings {written}, "
            f"expected {text}; use a separate folder for each sweep"
        )
    if kind is None:
        return Member(index, settings, None, math.inf, seconds, str(error))
    if not model.exists():
        return None
    return Member(index, settings, kind.load(model), score, seconds)


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
        make(**settings[i]) returns an `MLP` or a `CharRNN` that it has trained. With a seed among
        the settings the result is reproducible.
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
        loss in the history, or the loss without validation data, of the last epoch or of that to
        which early stopping returned. For a `CharRNN` it is the last bits per character of the
        held-out text, or the last loss.
    folder : str or os.PathLike, optional
        A folder in which every finished member is saved, so that a sweep that was stopped can
        continue later, with the same bits. Members are identified by their settings: numbers,
        text, sequences, sets, mappings, dataclasses, enums, paths and arrays by their content,
        functions and classes by the name by which they can be imported, other objects by their
        pickles.

    Returns
    -------
    Sweep
        It trains when it is iterated over, or by `Sweep.run`. A member that raises an exception,
        or whose worker dies, has an `error`; the others go on.

    Raises
    ------
    TypeError
        If settings are not mappings or, with a folder, cannot be identified, such as lambdas.
    ValueError
        If the folder holds a member with other settings.
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
