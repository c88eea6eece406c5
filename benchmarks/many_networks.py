"""The tables of many small networks that are trained at once."""

from __future__ import annotations

from formats import NAMES, duration, table, times
from results import OURS, Run


def populations(run: Run) -> str:
    """Return one row per population: the time of an update of a member, and of the others."""
    paths = run.paths("population")
    head = ["Networks side by side", "an update of one", *(NAMES.get(path, path) for path in paths)]
    rows = [
        [
            group.case,
            duration(group.seconds[OURS]),
            *(times(group.ratio(path)) for path in paths),
        ]
        for group in run.of("population")
    ]
    notes = (
        "A `Population` on one thread, with sigmoids (in 3-3-1 relu in the hidden layer), squared "
        "error and gradient descent; other columns give their time divided by its time. The loop "
        "fits one `MLP` after the other. JAX is one jitted call for all updates, a scan over them "
        "and `vmap` over the networks."
    )
    return f"{table(head, rows)}\n\n{notes}" if rows else ""


def many(run: Run) -> str:
    """Return `populations`, the times of a sweep, and what a second thread gains in a search."""
    lines = [
        f"A sweep of {group.case} (2-3-2, 500 updates each): {duration(group.seconds[OURS])} side "
        f"by side, from a `Plan`; from a function {duration(group.seconds['one_thread'])} on one "
        f"thread, {duration(group.seconds['two_threads'])} on two, and "
        f"{duration(group.seconds['loop'])} in a plain loop."
        for group in run.of("sweep")
    ]
    lines += [
        f"`GridSearchCV`, {group.case}: on two threads {1 / group.ratio('one_thread'):.2f} of the "
        "time on one."
        for group in run.of("grid_search")
    ]
    return "\n\n".join(filter(None, [populations(run), "\n".join(lines)]))
