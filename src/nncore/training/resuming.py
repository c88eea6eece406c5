"""Errors of `fit` with resume=True."""

from __future__ import annotations


def nothing_to_resume() -> ValueError:
    """Return the error for a network whose last run was finished."""
    return ValueError("there is no run to resume: the last one was finished")


def different_data(arguments: str) -> ValueError:
    """Return the error for data other than that of the interrupted run."""
    return ValueError(
        f"resume=True finishes the interrupted run: {arguments} must be those that it was started "
        f"with"
    )
