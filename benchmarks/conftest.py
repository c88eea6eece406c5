"""Configuration of all benchmarks: one BLAS thread, and a description of the machine.

pytest benchmarks                          compare all results, then time them
pytest benchmarks --benchmark-disable      compare all results only, as CI does
python benchmarks/report.py                time everything, write tables and plot

Other libraries are included if they are installed, see `peers.py`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import peers
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from nncore.config import config as nncore_config

MACHINE = pytest.StashKey[dict[str, str]]()
TURNS = 7  # of every path in a group: the machine's speed may change from second to second


def blas() -> str:
    """Name, version and threads of the BLAS in use, for example 'openblas 0.3.30, 1 thread'."""
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            threads = pool["num_threads"]
            name = f"{pool['internal_api']} {pool['version']}".strip()
            return f"{name}, {threads} thread{'s' if threads > 1 else ''}"
    return "unknown"


@pytest.fixture(scope="session", autouse=True)
def _one_thread(pytestconfig: pytest.Config) -> Iterator[None]:
    with threadpool_limits(limits=1):
        today = datetime.date.today().isoformat()
        others = {"blas": blas(), "peers": peers.versions(), "date": today}
        pytestconfig.stash[MACHINE] = {**nncore_config(), **others}
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests with `turn` among their arguments run several times when they are timed."""
    if "turn" in metafunc.fixturenames:
        timed = not metafunc.config.getoption("benchmark_disable")
        metafunc.parametrize("turn", range(TURNS if timed else 1))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests so that all paths of a case take turns."""
    place: dict[tuple[Any, ...], int] = {}

    def key(numbered: tuple[int, pytest.Item]) -> tuple[int, int, int]:
        number, item = numbered
        given = dict(getattr(getattr(item, "callspec", None), "params", {}))
        turn = given.pop("turn", None)
        if turn is None:
            return number, 0, 0
        given.pop("path")
        case = (item.nodeid.partition("[")[0], *map(str, given.values()))
        return place.setdefault(case, number), turn, number

    items[:] = [item for _, item in sorted(enumerate(items), key=key)]


def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    """Add the description of the machine to the JSON, for `report.py`."""
    machine_info["nncore"] = config.stash.get(MACHINE, {})
