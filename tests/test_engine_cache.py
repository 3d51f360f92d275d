"""Built engines on disk: what their key depends on, damage, and two processes that want the same one at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fastswap.engines.cache import EngineCache, EngineKey
from fastswap.errors import DeviceError, OutputError

KEY = EngineKey("0" * 64, "f16", (1, 4, 16), "11.4.0.106", "NVIDIA H200", "9.0", "13.0")


def test_everything_an_engine_depends_on_is_in_its_key() -> None:
    others = [
        replace(KEY, model="1" * 64), replace(KEY, precision="f32"), replace(KEY, batches=(1, 4, 8)),
        replace(KEY, tensorrt="11.3.0.99"), replace(KEY, gpu="NVIDIA H100"), replace(KEY, capability="8.9"),
        replace(KEY, driver="13.1"), replace(KEY, lean=True), replace(KEY, recipe=2),
    ]  # fmt: skip
    assert len({key.name for key in (KEY, *others)}) == 1 + len(others)
    assert replace(KEY).name == KEY.name


def test_built_once_then_found(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "deep" / "engines")
    first = cache.get(KEY, lambda: (b"engine", {"seconds": 3}))
    assert (first.engine, first.built) == (b"engine", True)
    again = cache.get(KEY, lambda: pytest.fail("it was there"))
    assert (again.engine, again.built) == (b"engine", False)
    assert again.details["seconds"] == 3
    assert again.details["key"]["gpu"] == "NVIDIA H200"
    assert not cache.notices
    assert EngineCache(tmp_path / "other").find(KEY) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:20],
        lambda data: data[:-3] + b"xyz",
        lambda data: b"something else entirely, of some length, that is no engine",
        lambda data: data.replace(b"sha256", b"sha257"),
    ],
)
def test_a_damaged_file_is_told_and_built_again(tmp_path: Path, damage: object) -> None:
    cache = EngineCache(tmp_path)
    cache.get(KEY, lambda: (b"engine " * 100, {}))
    path = cache.path(KEY)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    made = cache.get(KEY, lambda: (b"new", {}))
    assert (made.engine, made.built) == (b"new", True)
    assert cache.notices == [f"{path}: the stored engine is damaged; it is built again"]
    assert EngineCache(tmp_path).get(KEY, lambda: pytest.fail("it was there")).engine == b"new"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)

    def fails() -> tuple[bytes, dict[str, object]]:
        raise DeviceError("node 'x' cannot be parsed")

    with pytest.raises(DeviceError, match="node 'x'"):
        cache.get(KEY, fails)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []
    assert cache.get(KEY, lambda: (b"now", {})).engine == b"now"


def test_an_engine_of_no_use_is_discarded(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.get(KEY, lambda: (b"old", {}))
    cache.discard(KEY, "made by another version")
    assert cache.get(KEY, lambda: (b"new", {})).engine == b"new"
    assert "of no use (made by another version)" in cache.notices[0]


def test_measurements_are_shared_by_engines_of_one_gpu(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.keep_timing(KEY, b"measured")
    assert cache.timing(replace(KEY, model="2" * 64, batches=(1, 1, 1))) == b"measured"
    assert cache.timing(replace(KEY, gpu="another")) == b""
    assert cache.timing(replace(KEY, tensorrt="11.5")) == b""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="FASTSWAP_CACHE"):
        EngineCache(tmp_path / "engines").get(KEY, lambda: (b"", {}))


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("not a folder")
    with pytest.raises(OutputError, match="FASTSWAP_CACHE"):
        EngineCache(tmp_path / "engines").get(KEY, lambda: (b"", {}))


BUILDER = """
import os, sys, time
from pathlib import Path
from fastswap.engines.cache import EngineCache, EngineKey
folder, mine = Path(sys.argv[1]), sys.argv[2]
key = EngineKey("0" * 64, "f16", (1, 4, 16), "11", "gpu", "9.0", "13.0")
def build():
    (folder / f"began-{mine}").touch()
    time.sleep(1.5)
    if mine == "dies":
        os._exit(9)
    return f"built by {mine}".encode(), {}
print(EngineCache(folder / "engines").get(key, build).engine.decode())
"""


def start(folder: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(folder), name], stdout=subprocess.PIPE, text=True
    )


def test_two_processes_build_once(tmp_path: Path) -> None:
    both = [start(tmp_path, "a"), start(tmp_path, "b")]
    said = [process.communicate(timeout=120)[0].strip() for process in both]
    assert said[0] == said[1]
    assert said[0] in ("built by a", "built by b")
    assert len(list(tmp_path.glob("began-*"))) == 1
    assert not list((tmp_path / "engines").glob(".partial-*"))


def test_a_builder_that_dies_holds_nobody_up(tmp_path: Path) -> None:
    dying = start(tmp_path, "dies")
    until = time.monotonic() + 60
    while not (tmp_path / "began-dies").exists() and time.monotonic() < until:
        time.sleep(0.02)
    waiting = start(tmp_path, "next")
    assert waiting.communicate(timeout=120)[0].strip() == "built by next"
    assert dying.wait(timeout=60) == 9
