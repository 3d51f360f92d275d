"""How tests are spread over processes by pytest-xdist (`pytest -n 2`): file by file, the slow ones first.

A file's tests share its fixtures, so they stay together. The tests on a Ray cluster stay in one process: a cluster is
the whole machine's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SLOW = (
    "cuda", "cluster", "cuda_build", "training_faults", "cli", "training", "gpu_room", "gpu_path", "actors",
    "training_running", "batch_outputs", "page", "segments_of_parts",
)  # fmt: skip
"""Files that take long; begun last, one of them would run alone at the end."""
TOGETHER = {"test_bench_cluster.py": "test_cluster.py"}
"""Files that go where another one goes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files come first where several processes share the tests; else all keep their order."""
    if items and hasattr(items[0].config, "workerinput"):
        places = {f"test_{name}.py": place for place, name in enumerate(SLOW)}
        items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what tests recorded as their property "shown", in whichever process they ran."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "shown":
                terminalreporter.write_line(text)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out whole files."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            name = Path(nodeid.partition("::")[0]).name
            return TOGETHER.get(name, name)

    config.option.loadscopereorder = False  # by number of tests, which says little of how long they take
    return ByFile(config, log)
