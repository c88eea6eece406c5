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

AT_ONCE = 256  # members that an executor has been given and has not finished
RECORD_BYTES = 1 << 20  # most of a member's record


@dataclass(frozen=True)
class Member:
    """One network of a sweep, or why there is none.

    score: lower is better; infinite for a failure. seconds: what making it took. error: None, or
    the exception's type and message. lost: did the worker or its answer get lost, rather than
    `make` raise? Such a one is not kept in the folder, and is tried again by the next sweep.
    """

    index: int
    settings: Settings
    network: Any = field(repr=False)
    score: float
    seconds: float
    error: str | None = None
    lost: bool = False


class Ensemble:
    """Networks of the same inputs and outputs that answer together."""

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
                f"networks must agree in what their output means: by tanh it lies around 0, else "
                f"around 0.5; got {' and '.join(last)}"
            )

    def predict(self, X: npt.ArrayLike) -> Array:
        """The mean (N, O) of the networks' outputs for X (N, I)."""
        return np.asarray(np.mean([network.predict(X) for network in self.networks], axis=0))

    def predict_class(self, X: npt.ArrayLike) -> Array:
        """Classes (N,) by the mean of the outputs, as `MLP.predict_class` tells them."""
        return np.asarray(self.networks[0]._classes(self.predict(X)))

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self.networks)} networks>"


# --- one member, in whatever process it is made -----------------------------------------------


def _made(
    make: Callable[..., Any], score: Callable[[Any], float] | None, settings: Settings
) -> tuple[Any, float, float, str | None]:
    """A network, its score, the seconds it took and no error; or None, infinity and the error."""
    start = time.perf_counter()
    network, found, error = None, math.inf, None
    try:
        network = make(**settings)
        if not isinstance(network, Model):
            raise TypeError(f"make must return an MLP or a CharRNN, got {type(network).__name__}")
        found = _score(network) if score is None else float(score(network))
        if math.isnan(found):
            raise ValueError("score of NaN")
    except (Exception, SystemExit) as raised:
        network, found, error = None, math.inf, f"{type(raised).__name__}: {raised}"
    return network, found, time.perf_counter() - start, error


def _score(network: Any) -> float:
    """What the history says of the network as it is, see `sweep`."""
    history = network.history
    if not len(history.loss):
        raise ValueError("make must return a network that it has trained, or give a score")
    bits = getattr(history, "validation_bits_per_char", None)
    if bits is not None:
        return float(bits[-1] if len(bits) else history.loss[-1])
    epoch = history.best_epoch - 1  # whose weights were put back; without that -1, the last one
    held_out = float(history.validation_loss[epoch])
    return held_out if math.isfinite(held_out) else float(history.loss[epoch])


# --- the sweep ----------------------------------------------------------------------------------


class Sweep:
    """Networks that are being trained; iterating over it trains them and gives each as it comes.

    Leaving the loop stops the sweep: what has not begun is not trained, and a later loop goes on.
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
            given = iter(settings)  # whose own errors, later on, are not about this
        except TypeError:
            kind = type(settings).__name__
            raise TypeError(f"settings must be a list of settings for make, got {kind}") from None
        self.settings = [_checked(i, each) for i, each in enumerate(given)]
        self.progress = progress
        self._make, self._score, self._executor, self._folder = make, score, executor, folder
        self._done: dict[int, Member] = {}
        if folder is not None:
            # Now, as `make` may change what it is given.
            self._texts = described(self.settings)
            folder.mkdir(parents=True, exist_ok=True)
            for i, each in enumerate(self.settings):
                if (member := _read(folder, i, each, self._texts[i])) is not None:
                    self._done[i] = member

    @property
    def members(self) -> list[Member]:
        """Those that are done, in the order of the settings."""
        return [self._done[i] for i in sorted(self._done)]

    @property
    def failures(self) -> list[Member]:
        """Members that raised an exception or whose worker died."""
        return [member for member in self.members if member.error is not None]

    def best(self, n: int = 1) -> list[Member]:
        """The n members of the lowest scores, the best first; fewer where fewer have one.

        Raises TypeError or ValueError unless n is an integer of at least 1.
        """
        n = positive_int("n", n)
        sound = [member for member in self.members if member.error is None]
        return sorted(sound, key=lambda member: member.score)[:n]

    def ensemble(self, n: int) -> Ensemble:
        """The n best networks, which answer together.

        Raises what `best` does, ValueError where no network was trained or they do not fit
        together, and TypeError for others than `MLP`.
        """
        return Ensemble(member.network for member in self.best(n))

    def run(self) -> Sweep:
        """Train all that is not done yet."""
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
        """What the progress bar shows beside its bar."""
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
        """A table of the ten best, for notebooks."""
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
        for i in left:
            yield Member(i, self.settings[i], *_made(self._make, self._score, self.settings[i]))

    def _spread(self, left: list[int]) -> Iterator[Member]:
        """Members made by the executor.

        When a worker dies, a pool of processes is lost with all that it was at. Those members go
        on one at a time in a new pool, and the one with which that dies as well is the failure.
        """
        pool = _Pool(self._executor)
        queue, suspects = deque(left), deque[int]()
        at: dict[Future[Any], int] = {}
        done = SimpleQueue[Future[Any]]()
        try:
            while queue or suspects or at:
                waiting = suspects or queue
                while waiting and len(at) < (1 if suspects else pool.at_once):
                    future = pool.submit(_made, self._make, self._score, self.settings[waiting[0]])
                    at[future] = waiting.popleft()
                    future.add_done_callback(done.put)
                alone, died = len(at) == 1, False
                while at:
                    future = done.get()
                    member, broken = self._received(at.pop(future), future)
                    if broken and not alone:
                        died = True  # the pool, and all that it was given comes back like this
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
        """What became of a member, and whether its executor is broken."""
        try:
            return Member(i, self.settings[i], *future.result()), False
        except Exception as error:  # of the way there and back: `_made` catches what make raises
            text = f"{type(error).__name__}: {error}"
            lost = Member(i, self.settings[i], None, math.inf, 0.0, text, lost=True)
            return lost, isinstance(error, BrokenExecutor)


class _Pool:
    """An executor, and another like it when a pool of processes has broken."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._own = False
        # A pool that breaks takes down all that it was given: no more than what keeps it busy.
        processes = isinstance(executor, ProcessPoolExecutor)
        self.at_once = min(AT_ONCE, 2 * vars(executor)["_max_workers"]) if processes else AT_ONCE

    def submit(self, *call: Any) -> Future[Any]:
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
        """End a pool of processes that was made here; that of the caller is the caller's."""
        if self._own:
            self._executor.shutdown(wait=False, cancel_futures=True)


def _renewed(pool: ProcessPoolExecutor) -> ProcessPoolExecutor:
    """A pool of processes like one that is broken."""
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
    return folder / f"{index:06d}.json", folder / f"{index:06d}.safetensors"


def _write(folder: Path, member: Member, text: str) -> None:
    """The network first: where there is a record, there is a network."""
    record, model = _paths(folder, member.index)
    sound = member.error is None
    row = {
        "settings": text,
        "kind": type(member.network).__name__ if sound else None,
        "score": member.score if math.isfinite(member.score) else str(member.score),
        "seconds": member.seconds,
        "error": member.error,
    }
    if sound:
        member.network.save(model)
    write_atomically(record, json.dumps(row).encode())


def _read(folder: Path, index: int, settings: Settings, text: str) -> Member | None:
    """A member that is done; None for one that is not."""
    from nncore.char_rnn.network import CharRNN
    from nncore.mlp.network import MLP

    record, model = _paths(folder, index)
    try:
        if record.stat().st_size > RECORD_BYTES:
            raise CheckpointError(f"{record} is larger than a member's record can be")
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
            f"wanted {text}; give each sweep a folder of its own"
        )
    if kind is None:
        return Member(index, settings, None, math.inf, seconds, str(error))
    if not model.exists():
        return None
    return Member(index, settings, kind.load(model), score, seconds)


def _checked(index: int, settings: Any) -> Settings:
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

    make(**settings[i]) returns an `MLP` or a `CharRNN` that it has trained; with a seed among the
    settings, the same one every time. score(network) tells how good it is, lower is better; None
    takes it from the history of the network in hand: the held-out loss, or the loss where nothing
    was held out, of the last epoch, or of the one that early stopping went back to; of a
    `CharRNN`, the last held-out bits a character, or the last loss.

    executor: None trains one network after the other in this thread; a `ThreadPoolExecutor` uses
    several cores, as training holds no lock of Python; any other executor of `concurrent.futures`
    will do, be it of processes, of mpi4py or of a Dask client, if it can be sent `make` and the
    settings. It stays the caller's to shut down.

    folder: where every member is kept when it is done, so that a sweep that was stopped goes on
    with the others; its members end with the same bits. Members are known again by their
    settings: numbers, text, sequences, sets, mappings, dataclasses, enums, paths and arrays by
    what they hold, functions and classes by their names, which must be those of a module, other
    objects by their pickles.

    Returns a `Sweep`, which trains when it is iterated over, or run::

        for member in nncore.sweep(make, [{"hidden": 4, "rng": i} for i in range(100)]):
            print(member.score, member.settings)

    What raises an exception, or takes its worker down, is a member with an `error`; the others go
    on. Raises TypeError for settings that are no mapping, and with a folder for what it could not
    know again, such as lambdas; of a folder ValueError for a member with other settings,
    `CheckpointError` for a damaged one, OSError where it cannot be written.
    """
    if not callable(make):
        raise TypeError(f"make must be a function, got {type(make).__name__}")
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be of concurrent.futures, such as ThreadPoolExecutor(), "
            f"got {type(executor).__name__}"
        )
    where = None if folder is None else Path(folder)
    return Sweep(make, settings, score, executor, where, progress)
