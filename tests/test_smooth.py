"""Smoothing: less jitter than One Euro, no lag, and nothing across cuts and gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
from fastswap import _cpu, align
from fastswap.errors import SettingsError
from fastswap.faces import LANDMARK_STEP, Face, FrameFaces
from fastswap.smooth import Smoother, SmootherSettings

F64 = NDArray[np.float64]
FPS = 30.0
SIZE = 300.0
SECONDS = {"still": (0, 2), "pan": (2, 4), "shake": (4, 6), "talk": (6, 8)}


def face_shape() -> F64:
    """468 points of a head 300 px tall, seen from the front."""
    rng = np.random.default_rng(3)
    angle, radius = rng.uniform(0, 2 * np.pi, 468), np.sqrt(rng.uniform(0, 1, 468))
    x, y = 0.4 * radius * np.cos(angle), 0.5 * radius * np.sin(angle)
    x[[10, 152]], y[[10, 152]] = 0.0, (-0.5, 0.5)
    x[[33, 133, 362, 263]], y[[33, 133, 362, 263]] = (-0.25, -0.1, 0.1, 0.25), -0.12
    x[[4, 61, 291]], y[[4, 61, 291]] = (0.0, -0.15, 0.15), (0.08, 0.25, 0.25)
    z = 0.3 * np.sqrt(np.maximum(0.0, 1.0 - 4 * (x * x + y * y)))
    return np.column_stack([x, y, -z]) * SIZE


def performance() -> F64:
    """[240, 468, 3]: still, then a steady pan, then a head shake of 2.5 Hz, then speech."""
    time = np.arange(240) / FPS
    shape = face_shape()
    truth = np.repeat(shape[None], 240, axis=0)
    x = np.clip(time - 2, 0, 2) * 90 + 45 * np.sin(2 * np.pi * 2.5 * np.clip(time - 4, 0, 2))
    truth[:, :, 0] += 640 + x[:, None]
    truth[:, :, 1] += 360
    opening = 0.04 * SIZE * np.sin(np.pi * 2.5 * np.clip(time - 6, 0, 2)) ** 2
    lower = np.clip(shape[:, 1] / SIZE - 0.1, 0, None) / 0.4
    truth[:, :, 1] += opening[:, None] * lower
    return truth


def noisy(truth: F64, deviation: float, seed: int = 0) -> F64:
    """Measured like a mesh: the whole face shifts, turns and grows a little, and every point has noise of
    its own."""
    rng = np.random.default_rng(seed)
    out = truth.copy()
    for landmarks in out:
        center = landmarks[:, :2].mean(axis=0)
        grow, turn = 1 + rng.normal(0, deviation), rng.normal(0, deviation)
        landmarks[:, :2] = (landmarks[:, :2] - center) * grow @ np.array([[1, turn], [-turn, 1]]) + center
        landmarks[:, :2] += rng.normal(0, deviation * SIZE, 2) + rng.normal(0, deviation * SIZE, (468, 2))
    return out


def frames(landmarks: F64, times: F64 | None = None) -> list[FrameFaces]:
    times = np.arange(len(landmarks)) / FPS if times is None else times
    steps = (np.rint(landmarks / LANDMARK_STEP) * LANDMARK_STEP).astype(np.float32)
    return [
        FrameFaces(i, i, float(times[i]), i == 0, (Face(0, 1.0, points),)) for i, points in enumerate(steps)
    ]


def smoothed(measured: list[FrameFaces], settings: SmootherSettings | None = None) -> list[FrameFaces]:
    smoother = Smoother(settings)
    return [*(ready for frame in measured for ready in smoother.push(frame)), *smoother.flush()]


def landmarks(found: list[FrameFaces]) -> F64:
    return np.stack([frame.faces[0].landmarks for frame in found]).astype(np.float64)


def one_euro(values: F64, least: float = 1.0, speed: float = 0.05) -> F64:
    """Casiez, Roussel and Vogel 2012, per coordinate, with the authors' derivative cutoff of 1 Hz."""

    def alpha(cutoff: F64 | float) -> F64:
        rate = 2 * np.pi * np.asarray(cutoff) / FPS
        return np.asarray(rate / (rate + 1))

    out, last, slope = values.copy(), values[0], np.zeros_like(values[0])
    for i in range(1, len(values)):
        slope += alpha(1.0) * ((values[i] - last) * FPS - slope)
        last = values[i]
        out[i] = out[i - 1] + alpha(least + speed * np.abs(slope)) * (values[i] - out[i - 1])
    return out


def corners(landmarks: F64) -> F64:
    """Corners of the crop that a generator would see, [N, 8] in display pixels: what a viewer sees jitter."""
    crops = [
        align.crop_to_display(align.five_points(points), "dfl_whole_face", 1.0, 128) for points in landmarks
    ]
    square = [[0, 0], [128, 0], [0, 128], [128, 128]]
    return np.stack([align.apply(crop, square).ravel() for crop in crops])


def jitter_and_error(landmarks: F64, truth: F64) -> dict[str, tuple[float, float]]:
    """RMS change of the error from frame to frame, and RMS error, of the crop's corners in pixels, per
    part."""
    off = corners(landmarks) - corners(truth)
    result = {}
    for name, (start, end) in SECONDS.items():
        part = off[round(start * FPS) + 4 : round(end * FPS) - 4]  # away from the seams between the parts
        result[name] = float(np.sqrt((np.diff(part, axis=0) ** 2).mean())), float(np.sqrt((part**2).mean()))
    return result


@pytest.mark.parametrize("deviation", [0.0005, 0.001, 0.002])
def test_less_jitter_than_one_euro_and_no_lag(deviation: float) -> None:
    truth = performance()
    measured = noisy(truth, deviation)
    raw = jitter_and_error(measured, truth)
    ours = jitter_and_error(landmarks(smoothed(frames(measured))), truth)
    causal = jitter_and_error(one_euro(measured), truth)
    for name in ("still", "pan"):  # noise is averaged out where the motion is smooth ...
        assert ours[name][0] < compare.STEADY_JITTER * raw[name][0]
        assert ours[name][0] < compare.ONE_EURO_JITTER * causal[name][0]
    for name in SECONDS:  # ... and nothing is ever made worse: no lag
        assert ours[name][1] < raw[name][1]
    for name in (
        "pan",
        "shake",
    ):  # a One Euro filter that quiets a still head as much lags behind a moving one
        assert ours[name][1] < 0.3 * causal[name][1]
        assert causal[name][1] > 1.5 * raw[name][1]


def test_a_blink_keeps_its_depth() -> None:
    truth = np.repeat(face_shape()[None] + [640, 360, 0], 30, axis=0)
    truth[15, [159, 386], 1] += 9.0  # 3 % of the face, for a single frame
    result = landmarks(smoothed(frames(noisy(truth, 0.0003))))
    depth = result[15, [159, 386], 1] - np.median(result[:, [159, 386], 1], axis=0)
    assert depth == pytest.approx([9.0, 9.0], abs=0.5)
    assert np.abs(result[14, [159, 386], 1] - truth[14, [159, 386], 1]).max() < 0.5


def test_nothing_crosses_a_cut_or_a_gap() -> None:
    shape = face_shape()
    left, right = shape + np.array([400, 300, 0]), shape * 1.1 + np.array([403, 301, 0])
    first, second = (
        noisy(np.repeat(place[None], 9, axis=0), 0.0005, seed) for seed, place in enumerate((left, right))
    )
    alone = [*smoothed(frames(first)), *smoothed(frames(second))]
    joined = frames(np.concatenate([first, second]))
    joined[9] = replace(joined[9], cut=True)
    for a, b in zip(alone, smoothed(joined), strict=True):
        assert np.array_equal(a.faces[0].landmarks, b.faces[0].landmarks)
    gap = frames(np.concatenate([first, second[:1], second]))
    gap[9] = replace(gap[9], faces=(), doubted=1)
    result = smoothed(gap)
    assert result[9].faces == ()
    assert result[9].doubted == 1
    for a, b in zip(alone, result[:9] + result[10:], strict=True):
        assert np.array_equal(a.faces[0].landmarks, b.faces[0].landmarks)


def test_tracks_are_smoothed_each_for_itself() -> None:
    shape = face_shape()
    one, two = (
        noisy(np.repeat((shape + np.array([x, 300, 0]))[None], 20, axis=0), 0.001, x) for x in (300, 900)
    )
    alone = smoothed(frames(two))
    both = [
        replace(a, faces=(*a.faces, replace(b.faces[0], track=1)))
        for a, b in zip(frames(one), frames(two), strict=True)
    ]
    for single, pair in zip(alone, smoothed(both), strict=True):
        assert [face.track for face in pair.faces] == [0, 1]
        assert np.array_equal(single.faces[0].landmarks, pair.faces[1].landmarks)


@pytest.mark.parametrize("lookahead", [0, 1, 3, 6])
def test_frames_come_in_order_and_in_time(lookahead: int) -> None:
    smoother = Smoother(SmootherSettings(lookahead=lookahead))
    measured = frames(noisy(np.repeat(face_shape()[None] + [640, 360, 0], 25, axis=0), 0.001))
    out: list[FrameFaces] = []
    for i, frame in enumerate(measured):
        out += smoother.push(frame)
        assert len(out) == max(0, i + 1 - lookahead)
        assert len(smoother._frames) <= 2 * lookahead + 1  # memory does not grow
    out += smoother.flush()
    assert [frame.index for frame in out] == list(range(25))
    assert [(a.pts, a.time, a.cut) for a in out] == [(a.pts, a.time, a.cut) for a in measured]
    if lookahead == 0:
        assert all(
            np.array_equal(a.faces[0].landmarks, b.faces[0].landmarks)
            for a, b in zip(out, measured, strict=True)
        )
    again = smoothed(measured, SmootherSettings(lookahead=lookahead))
    assert all(
        np.array_equal(a.faces[0].landmarks, b.faces[0].landmarks) for a, b in zip(out, again, strict=True)
    )


def test_landmarks_stay_multiples_of_the_step_and_depth_comes_along() -> None:
    measured = frames(noisy(performance()[:40], 0.001))
    result = landmarks(smoothed(measured))
    assert np.array_equal(result, np.rint(result / LANDMARK_STEP) * LANDMARK_STEP)
    assert np.abs(result[:, :, 2] - landmarks(measured)[:, :, 2]).max() < 1.0


def test_uneven_frame_times() -> None:
    # A steady pan filmed at a varying rate: smoothing by frame number would bend it.
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.06, 60))
    truth = face_shape()[None] + np.column_stack([100 + 200 * times, np.full(60, 300), np.zeros(60)])[:, None]
    result = landmarks(smoothed(frames(noisy(truth, 0.0005), times)))
    raw = noisy(truth, 0.0005)
    rms = [float(np.sqrt(((corners(x) - corners(truth)) ** 2).mean())) for x in (result, raw)]
    assert rms[0] < 0.5 * rms[1]


def test_times_that_do_not_grow() -> None:
    measured = frames(noisy(np.repeat(face_shape()[None] + [640, 360, 0], 12, axis=0), 0.001), np.zeros(12))
    result = landmarks(smoothed(measured))
    assert np.isfinite(result).all()
    assert np.diff(result, axis=0).std() < 0.5 * np.diff(landmarks(measured), axis=0).std()


@pytest.mark.parametrize("wrong", [{"lookahead": -1}, {"lookahead": 7}, {"motion": 0.0}, {"shape": -1.0}])
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        SmootherSettings(**wrong)  # type: ignore[arg-type]


def polynomial(times: F64, degree: int) -> tuple[F64, F64]:
    """basis [n, d] and solve [d, n] of the least squares polynomial over these times."""
    basis = np.vander(times, degree + 1, increasing=True)
    return basis, np.linalg.pinv(basis)


def test_native_steadying_follows_its_definition() -> None:
    rng = np.random.default_rng(5)
    samples = rng.normal(0, 1, (7, 3, 41)).astype(np.float32)
    fits = [(2, *polynomial(np.arange(3.0), 1)), (0, *polynomial(np.linspace(-1, 1, 7), 2))]
    noise, expected = 2.5, samples[3].astype(np.float64)
    for first, basis, solve in fits:
        part = samples[first : first + len(basis)].astype(np.float64)
        fitted = np.einsum("ij,jk,kcp->icp", basis, solve, part)
        distance = ((fitted - part)[:, :2] ** 2).sum(axis=1).max(axis=0)
        trust = np.exp(-((distance / noise**2) ** 2))
        expected += trust * (fitted[3 - first] - expected)
    given = [(f, b.astype(np.float32), np.ascontiguousarray(s, np.float32)) for f, b, s in fits]
    got = _cpu.steady(list(samples), given, 3, noise)
    np.testing.assert_allclose(got, expected, atol=2e-5)

    first, basis, solve = fits[1]
    off = np.einsum("ij,jk,kcp->icp", basis, solve, samples) - samples
    median = np.median((off[:, :2] ** 2).sum(axis=(0, 1)))
    assert _cpu.median_residual(list(samples), given[1]) == pytest.approx(median, rel=1e-5)


@pytest.mark.parametrize(
    ("shapes", "first", "now", "noise", "text"),
    [
        ([(3, 5)] * 3, 1, 1, 1.0, "beyond the samples"),
        ([(3, 5)] * 2 + [(3, 4)], 0, 1, 1.0, "samples"),
        ([(1, 5)] * 3, 0, 1, 1.0, "samples"),
        ([], 0, 0, 1.0, "there are none"),
        ([(3, 5)] * 3, 0, 3, 1.0, "outside a fit"),
        ([(3, 5)] * 3, 0, 1, -1.0, "negative"),
        ([(3, 5)] * 3, 0, 1, float("nan"), "negative"),
    ],
)
def test_native_steadying_refuses(
    shapes: list[tuple[int, int]], first: int, now: int, noise: float, text: str
) -> None:
    basis, solve = (np.ascontiguousarray(m, np.float32) for m in polynomial(np.arange(3.0), 1))
    samples = [np.zeros(shape, np.float32) for shape in shapes]
    with pytest.raises(ValueError, match=text):
        _cpu.steady(samples, [(first, basis, solve)], now, noise)
