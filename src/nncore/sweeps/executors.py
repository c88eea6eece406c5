"""Training of members by an executor, whose workers may die."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from queue import SimpleQueue
from typing import Any

from nncore.sweeps.member import Member, train_member
from nncore.sweeps.settings import Settings

PENDING_MEMBERS = 256  # maximum number of members submitted to an executor and not finished


def trained_by(
    executor: Executor,
    make: Callable[..., Any],
    score: Callable[[Any], float] | None,
    settings: Sequence[Settings],
    left: Sequence[int],
) -> Iterator[Member]:
    """Yield the members with the indices `left` as the executor finishes them.

    When a worker dies, a pool of processes breaks and all its pending members are lost. They are
    repeated one at a time in a new pool; a member with which it breaks as well has failed.
    """
    pool = Pool(executor)
    queue, suspects = deque(left), deque[int]()
    at: dict[Future[Any], int] = {}
    done = SimpleQueue[Future[Any]]()
    try:
        while queue or suspects or at:
            waiting = suspects or queue
            while waiting and len(at) < (1 if suspects else pool.most_pending):
                future = pool.submit(train_member, make, score, settings[waiting[0]])
                at[future] = waiting.popleft()
                future.add_done_callback(done.put)
            alone, died = len(at) == 1, False
            while at:
                future = done.get()
                i = at.pop(future)
                member, broken = _received(i, settings[i], future)
                if broken and not alone:
                    died = True  # so all pending members of the pool return like this
                    suspects.append(i)
                    continue
                yield member
                if not died:
                    break
    finally:
        for future in at:
            future.cancel()
        pool.close()


def _received(i: int, settings: Settings, future: Future[Any]) -> tuple[Member, bool]:
    """Return a finished member, and whether its executor is broken."""
    try:
        return Member(i, settings, *future.result()), False
    except Exception as error:  # raised by the transfer, as `train_member` catches those of make
        text = f"{type(error).__name__}: {error}"
        lost = Member(i, settings, None, math.inf, 0.0, text, lost=True)
        return lost, isinstance(error, BrokenExecutor)


class Pool:
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
