"""The progress bar of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    show: bool, total: int, unit: str = "char"
) -> Iterator[Callable[[int, dict[str, str]], None]]:
    """Show a bar on stderr with progress, rate, remaining time and figures by name."""
    if not show:
        yield lambda done, figures: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, unit_scale=unit == "char", mininterval=0.2) as bar:

        def update(done: int, figures: dict[str, str]) -> None:
            """Advance the bar by `done`."""
            bar.set_postfix(figures, refresh=False)
            bar.update(done)

        yield update
