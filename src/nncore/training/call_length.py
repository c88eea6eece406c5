"""The length of compiled calls, chosen so that Ctrl-C, callbacks and the progress bar work."""

from __future__ import annotations

import time

# Intended length of one compiled call. Everything that a call changes is copied and checked
# around it, which takes 4% of 0.01 s at 784-128-10. Ctrl-C discards the call, and does not wait
# for its end.
CALL_SECONDS = 0.03


class CallLength:
    """Number of updates of the next compiled call, chosen from the time that the last one took."""

    def __init__(self, longest: int = 2000, first: int = 1, intended: float = CALL_SECONDS) -> None:
        self.updates = first
        self.longest = longest
        self.intended = intended
        self.started = 0.0

    def start(self) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def stop(self, done: int) -> float:
        """Record that `done` updates have run since `start`; return the seconds they took."""
        seconds = time.perf_counter() - self.started
        fitting = done * self.intended / max(seconds, 1e-9)
        # At most doubled, as the time of a single short call says little.
        self.updates = max(1, min(int(fitting), 2 * self.updates, self.longest))
        return seconds
