"""The native module as such: SIMD levels, threads, stubs, curves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compare
import pictures
import reference
import signatures
from fastswap import _cpu, ops
from reference import Color


@pytest.fixture(params=[level for level in _cpu.simd_levels() if level != "scalar"])
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each SIMD level of this machine; the widest is chosen again afterwards."""
    before = _cpu.get_simd()
    yield request.param
    _cpu.set_simd(before)


def both_ways(level: str, work: Any) -> tuple[Any, Any]:
    """What `work` returns under the scalar code and under a SIMD level."""
    _cpu.set_simd("scalar")
    scalar = work()
    _cpu.set_simd(level)
    return scalar, work()


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_crop_agrees_across_levels(level: str, layout: str, bits: int) -> None:
    picture = pictures.noise(150, 213, Color(bits=bits), layout=layout)
    for size in (1, 15, 33, 96):
        for scale in (0.4, 1.0, 1.8, 4.7, 9.0):
            maps = [
                pictures.similarity(scale, a, (100.0, 70.0), size) for a in (0.0, 5.0, -13.0, 31.0, 178.0)
            ]
            a, b = both_ways(level, lambda m=maps, s=size: pictures.run_crop([picture] * 5, m, s, "black"))
            assert np.abs(a - b).max() < compare.SIMD_RGB


@pytest.mark.parametrize("mode", ["reinhard", "linear", "mkl", "histogram", "sliced"])
def test_colour_agrees_across_levels(level: str, mode: Any) -> None:
    rng = np.random.default_rng(0)
    for size in (8, 31, 64):
        faces, targets = rng.uniform(0, 1, (2, 2, 3, size, size)).astype(np.float32)
        masks = np.clip(rng.uniform(-1, 1, (2, size, size)), 0, 1).astype(np.float32)
        a, b = both_ways(level, lambda f=faces, t=targets, m=masks: ops.match_color(f, t, m, mode))
        assert np.abs(a - b).max() < compare.SIMD_COLOR


def test_masks_agree_exactly_across_levels(level: str) -> None:
    """Everything but the coverage is whole numbers."""
    rng = np.random.default_rng(0)
    for size in (9, 32, 77):
        outlines = rng.uniform(0, size, (3, 8, 2))
        for erode, join in ((0.05, "product"), (-0.07, "union")):
            shapes = np.stack([outlines, outlines[:, ::-1]], axis=1)

            def work(o: Any = shapes, s: int = size, e: float = erode, j: Any = join) -> Any:
                return ops.mask(o, None, s, erode=e, feather=0.1, join=j)

            a, b = both_ways(level, work)
            assert np.array_equal(a, b)
        a, b = both_ways(level, lambda o=outlines, s=size: ops.mask(o, None, s, erode=0.05, feather=0.1))
        assert np.abs(a - b).max() < compare.MASK


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
@pytest.mark.parametrize("enlarge", ["bilinear", "bicubic", "lanczos"])
def test_blend_agrees_across_levels(level: str, enlarge: str, layout: str, bits: int) -> None:
    rng = np.random.default_rng(0)
    grain = np.array([[0.01, 0.0, 0.02]], np.float32)
    for size in (5, 33, 64):
        face, mask = rng.uniform(0, 1, (1, 3, size, size)), rng.uniform(0, 1, (1, size, size))
        for scale in (0.2, 0.9, 2.6):
            to_coded = [pictures.similarity(scale, 12.0, (90.0, 70.0), size)]

            def work(face: Any = face, mask: Any = mask, to_coded: Any = to_coded) -> pictures.Picture:
                picture = pictures.noise(150, 213, Color(bits=bits), layout=layout)
                pictures.run_blend([picture], to_coded, face, mask, 1.0, enlarge, grain, (4,))
                return picture

            a, b = both_ways(level, work)
            for p, q in zip(a.planes, b.planes, strict=True):
                assert np.abs(p.astype(int) - q).max() <= compare.SIMD_CODES
            assert b.guards_hold()


def test_unknown_levels_are_named() -> None:
    with pytest.raises(ValueError, match=r"'mmx'.*scalar"):
        _cpu.set_simd("mmx")


def test_the_level_can_be_forced_from_outside() -> None:
    program = "from fastswap import _cpu; print(_cpu.get_simd())"
    for wanted in _cpu.simd_levels():
        environment = {**os.environ, "FASTSWAP_SIMD": wanted}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == wanted


@pytest.mark.parametrize("mode", ["reinhard", "mkl"])
def test_grey_ramps_survive_the_curves(mode: Any) -> None:
    """A face that is its own target comes back: the curves and their inverses belong together over the whole range."""
    size = 64
    ramp = np.broadcast_to(np.linspace(0, 1, size), (size, size))
    face = np.stack([ramp, ramp.T, ramp[::-1, ::-1]])[None].astype(np.float32)
    got = ops.match_color(face, face, np.ones((1, size, size)), mode)
    assert np.abs(got - face).max() < compare.COLOR_RGB


def test_lab_of_known_colours() -> None:
    """The reference itself, against values that are printed in many places (Lindbloom's calculator)."""
    for rgb, lab in (
        ((1, 1, 1), (100, 0, 0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        ((0.5, 0.5, 0.5), (53.39, 0, 0)),
    ):
        got = reference.lab_from_rgb(np.array(rgb, np.float64))
        assert np.abs(got - np.array(lab)).max() < 0.03
        assert np.abs(reference.rgb_from_lab(got) - np.array(rgb)).max() < 1e-9


def test_thread_counts_are_checked() -> None:
    before = ops.get_threads()
    for wrong in (0, -1, 100000):
        with pytest.raises(ValueError, match="threads"):
            ops.set_threads(wrong)
    assert ops.get_threads() == before


def test_calls_from_several_threads_do_not_mix() -> None:
    picture = pictures.noise(120, 160)
    maps = [[pictures.similarity(1.0 + 0.3 * n, 10.0 * n, (80.0, 60.0), 64)] for n in range(6)]
    want = [pictures.run_crop([picture], m, 64) for m in maps]
    wrong: list[int] = []

    def work(n: int) -> None:
        for _ in range(15):
            if not np.array_equal(pictures.run_crop([picture], maps[n], 64), want[n]):
                wrong.append(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_can_work() -> None:
    """The child has none of the parent's threads."""
    program = """
import os, sys
sys.path.insert(0, sys.argv[1])
import pictures
from fastswap import ops
ops.set_threads(3)
picture, maps = pictures.noise(200, 200), [pictures.similarity(1.0, 5.0, (100.0, 100.0), 160)] * 4
want = pictures.run_crop([picture] * 4, maps, 160)
child = os.fork()
if child == 0:
    same = (pictures.run_crop([picture] * 4, maps, 160) == want).all()
    os._exit(0 if same else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", program, here], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_stub_and_the_module_agree() -> None:
    assert signatures.of_stub("_cpu") == signatures.of_module(_cpu)
