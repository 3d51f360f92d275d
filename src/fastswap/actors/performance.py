"""What actors do: poses and expressions over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from fastswap.actors.mathkit import F64, smoothstep
from fastswap.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Pose:
    """One moment of an actor.

    yaw, pitch, roll: degrees; yaw turns to the viewer's right, pitch up, roll clockwise. x, y: middle of the face in
    fractions of the picture. scale: of the scene's face size. jaw, smile, pucker, blink: 0..1; brow: -1 (knit) to 1
    (raised); gaze_x, gaze_y: -1..1, to the viewer's right and up.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.5
    y: float = 0.45
    scale: float = 1.0
    jaw: float = 0.0
    smile: float = 0.0
    pucker: float = 0.0
    brow: float = 0.0
    blink: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


Kind = Literal["still", "talk", "turn", "nod", "range", "free"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Performance = tuple[Pose, ...]


def performance(
    kind: Kind = "free", *, seconds: float | None = None, frames: int | None = None, fps: float = 25.0, seed: int = 0,
    base: Pose = Pose(),
) -> Performance:  # fmt: skip
    """A pose for every frame, the same for the same arguments.

    still: looks at the camera, blinks. talk: speaks, small movements. turn: yaw over about ±35 degrees. nod: pitch
    over about ±20. range: all poses and expressions one after the other, for training footage. free: a bit of all.
    Positions, scale and angles are added to `base`. Raises SettingsError for an unknown kind or no length.
    """
    if kind not in KINDS:
        raise SettingsError(f"performance: kind is {kind!r}; choose one of {', '.join(KINDS)}")
    if frames is None:
        if seconds is None:
            raise SettingsError("performance: give seconds or frames")
        frames = round(seconds * fps)
    t = np.arange(frames) / fps
    rng = np.random.default_rng([0xAC7, seed, KINDS.index(kind)])
    tracks = _KINDS[kind](t, rng, frames / fps)
    tracks["blink"] = np.maximum(tracks.get("blink", np.zeros(frames)), _blinks(t, rng))
    fields = {name: getattr(base, name) for name in Pose.__dataclass_fields__}
    out = []
    for i in range(frames):
        change = {name: float(values[i]) for name, values in tracks.items()}
        scale = change.pop("scale", 1.0)
        summed = {name: fields[name] + value for name, value in change.items()}
        summed["scale"] = fields["scale"] * scale
        for name in ("jaw", "smile", "pucker", "blink"):
            summed[name] = float(np.clip(summed.get(name, fields[name]), 0, 1))
        out.append(replace(base, **summed))
    return tuple(out)


Tracks = dict[str, F64]


def _wander(t: F64, rng: np.random.Generator, period: float) -> F64:
    """Smooth motion of deviation about 1 that never repeats visibly: a few sines of incommensurate periods."""
    out = np.zeros_like(t)
    for k, weight in enumerate((1.0, 0.6, 0.35)):
        rate = 2 * np.pi / (period * (0.618**k) * rng.uniform(0.85, 1.15))
        out += weight * np.sin(rate * t + rng.uniform(0, 2 * np.pi))
    return np.asarray(out / 0.86)


def _blinks(t: F64, rng: np.random.Generator) -> F64:
    """A blink every two to four seconds, closing in 80 ms and opening in 150."""
    out = np.zeros_like(t)
    at = rng.uniform(0.4, 1.4)
    while len(t) and at < t[-1]:
        out = np.maximum(out, np.minimum(smoothstep(at - 0.09, at, t), smoothstep(at + 0.18, at + 0.03, t)))
        at += rng.uniform(1.8, 3.8)
    return np.asarray(out)


def _speech(t: F64, rng: np.random.Generator) -> Tracks:
    """Syllables at four a second, gated by phrases; rounder and wider vowels."""
    phrase = smoothstep(-0.5, 0.3, _wander(t, rng, 2.6))
    syllable = np.clip(0.5 + 0.55 * np.sin(2 * np.pi * 3.7 * t + 2 * _wander(t, rng, 1.3)), 0, 1)
    jaw = phrase * syllable * np.clip(0.45 + 0.2 * _wander(t, rng, 0.9), 0.1, 0.9)
    pucker = phrase * np.clip(0.35 * _wander(t, rng, 0.7), 0, 0.8)
    return {"jaw": np.asarray(jaw), "pucker": np.asarray(pucker)}


def _still(t: F64, rng: np.random.Generator, _length: float) -> Tracks:
    return {
        "yaw": 1.5 * _wander(t, rng, 4), "pitch": 1.0 * _wander(t, rng, 5), "roll": 0.7 * _wander(t, rng, 6),
        "x": 0.003 * _wander(t, rng, 5), "y": 0.002 * _wander(t, rng, 3.6),
    }  # fmt: skip


def _talk(t: F64, rng: np.random.Generator, _length: float) -> Tracks:
    return {
        "yaw": 7 * _wander(t, rng, 4.2), "pitch": 4 * _wander(t, rng, 3.1), "roll": 2.5 * _wander(t, rng, 4.6),
        "x": 0.012 * _wander(t, rng, 5), "y": 0.008 * _wander(t, rng, 3.4), "scale": 1 + 0.02 * _wander(t, rng, 6),
        "smile": np.clip(0.2 + 0.3 * _wander(t, rng, 3.7), 0, 0.8), "brow": 0.35 * _wander(t, rng, 2.9),
        "gaze_x": 0.3 * _wander(t, rng, 2.3), "gaze_y": 0.2 * _wander(t, rng, 2.7), **_speech(t, rng),
    }  # fmt: skip


def _turn(t: F64, rng: np.random.Generator, length: float) -> Tracks:
    phase = 2 * np.pi * t / max(length, 1e-6)
    return {
        "yaw": 35 * np.sin(phase), "pitch": 4 * _wander(t, rng, 3), "roll": 2 * _wander(t, rng, 4),
        "gaze_x": -0.5 * np.sin(phase), "smile": np.clip(0.3 * _wander(t, rng, 3), 0, 1),
    }  # fmt: skip


def _nod(t: F64, rng: np.random.Generator, length: float) -> Tracks:
    phase = 2 * np.pi * t / max(length, 1e-6)
    return {"pitch": 20 * np.sin(phase), "yaw": 4 * _wander(t, rng, 3), "gaze_y": -0.5 * np.sin(phase)}


def _range(t: F64, rng: np.random.Generator, length: float) -> Tracks:
    """Sweeps the poses on a slow Lissajous path while expressions change faster."""
    p = 2 * np.pi * t / max(length, 1e-6)

    def gate(period: float) -> F64:
        return np.clip(0.9 * _wander(t, rng, period), 0, 1)

    yaw = 33 * np.sin(3 * p)
    # Detectors are least sure of turned faces with the mouth wide open; footage is to be found in every frame.
    jaw = gate(1.7) * (1 - 0.65 * smoothstep(15, 30, np.abs(yaw)))
    return {
        "yaw": yaw, "pitch": 16 * np.sin(2 * p + 0.6) + 2 * _wander(t, rng, 2.0),
        "roll": 7 * np.sin(5 * p + 0.3), "x": 0.03 * np.sin(4 * p), "y": 0.02 * np.sin(5 * p),
        "scale": 1 + 0.06 * np.sin(3 * p + 1), "jaw": jaw, "smile": gate(2.3), "pucker": 0.6 * gate(2.9),
        "brow": np.clip(0.7 * _wander(t, rng, 2.1), -1, 1), "gaze_x": np.clip(0.6 * _wander(t, rng, 1.9), -1, 1),
        "gaze_y": np.clip(0.4 * _wander(t, rng, 2.4), -1, 1),
    }  # fmt: skip


def _free(t: F64, rng: np.random.Generator, _length: float) -> Tracks:
    return {
        "yaw": np.clip(17 * _wander(t, rng, 5.2), -35, 35), "pitch": np.clip(8 * _wander(t, rng, 4.1), -20, 20),
        "roll": 4 * _wander(t, rng, 4.9), "x": 0.025 * _wander(t, rng, 6), "y": 0.012 * _wander(t, rng, 4.4),
        "scale": 1 + 0.05 * _wander(t, rng, 7), "smile": np.clip(0.15 + 0.4 * _wander(t, rng, 3.9), 0, 0.9),
        "brow": 0.45 * _wander(t, rng, 2.9), "gaze_x": np.clip(0.4 * _wander(t, rng, 2.3), -1, 1),
        "gaze_y": np.clip(0.25 * _wander(t, rng, 2.7), -1, 1), **_speech(t, rng),
    }  # fmt: skip


_KINDS: dict[str, Callable[[F64, np.random.Generator, float], Tracks]] = {
    "still": _still, "talk": _talk, "turn": _turn, "nod": _nod, "range": _range, "free": _free,
}  # fmt: skip
