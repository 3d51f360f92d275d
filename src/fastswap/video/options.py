"""The options that encoders get: good defaults under the user's own."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fastswap.errors import OutputError

_LAMBDA = 118  # FF_QP2LAMBDA: what FFmpeg counts quantiser scales in

DEFAULTS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "18", "preset": "veryfast"},
    "libx265": {"crf": "20", "preset": "fast", "x265-params": "log-level=error"},
    "libvpx-vp9": {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    "libsvtav1": {"crf": "25", "preset": "8"},
    "mpeg4": {"global_quality": str(3 * _LAMBDA), "flags": "+qscale"},
    "mpeg2video": {"global_quality": str(3 * _LAMBDA), "flags": "+qscale"},
    "h264_nvenc": {"preset": "p5", "rc": "vbr", "cq": "21", "b": "0"},
    "hevc_nvenc": {"preset": "p5", "rc": "vbr", "cq": "23", "b": "0"},
    "av1_nvenc": {"preset": "p5", "rc": "vbr", "cq": "28", "b": "0"},
    "prores_ks": {"profile": "hq"},
    "mjpeg": {"global_quality": str(2 * _LAMBDA), "flags": "+qscale"},
    "libwebp": {"quality": "92"},
}
"""By encoder. libx264: "veryfast" is the fastest preset that keeps the macroblock tree; the next one down makes files
about twice the size at the same CRF."""

RATE_CONTROL = frozenset({"quality", "crf", "qp", "b", "q", "global_quality", "cq", "rc", "lossless"})
_LISTS = ("x264-params", "x265-params", "svtav1-params")
_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)


def merged_options(name: str, given: Mapping[str, str] | None) -> dict[str, str]:
    """The defaults of an encoder under the user's options; a rate control of the user's replaces ours.

    Raises OutputError for a quantiser scale that is no number.
    """
    user = {key.lstrip("-").removesuffix(":v"): str(value) for key, value in (given or {}).items()}
    defaults = dict(DEFAULTS.get(name, {}))
    if RATE_CONTROL & user.keys():
        defaults = {k: v for k, v in defaults.items() if k not in RATE_CONTROL and k != "flags"}
    if "q" in user:  # FFmpeg's command line makes this of -q
        user |= {"global_quality": _quantiser(name, user.pop("q")), "flags": "+qscale"}
    if name in ("libx264", "libx265") and user.get("preset", "fast") not in _PRESETS:
        # Both complain on the terminal by themselves when they are asked for another one.
        raise OutputError(f"encoder {name}: no preset {user['preset']!r}; there are {', '.join(_PRESETS)}")
    if name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors alone; it writes to the terminal, not to FFmpeg's log
    if name == "libx264" and _has_avx512():
        defaults["x264-params"] = "asm=avx2,fma3,bmi2"
    for key in _LISTS:
        if key in defaults and key in user:
            user[key] = f"{defaults[key]}:{user[key]}"
    return defaults | user


def with_parameters(options: Mapping[str, str], more: tuple[str, str] | None) -> dict[str, str]:
    """The options with more entries in one of their lists; entries that are there already stay."""
    if more is None:
        return dict(options)
    name, entries = more
    present = options.get(name, "")
    known = {entry.partition("=")[0] for entry in present.split(":")}
    added = [entry for entry in entries.split(":") if entry.partition("=")[0] not in known]
    return {**options, name: ":".join(filter(None, (present, *added)))}


def fitted_options(
    options: Mapping[str, str], given: Mapping[str, str] | None, name: str, pixel_format: str
) -> dict[str, str]:
    """The options for one pixel format: ProRes holds full chroma and alpha only in its 4444 profile."""
    if name == "prores_ks" and "444" in pixel_format and "profile" not in (given or {}):
        return {**options, "profile": "4444"}
    return dict(options)


def _quantiser(name: str, value: str) -> str:
    try:
        return str(round(float(value) * _LAMBDA))
    except ValueError as error:
        raise OutputError(f"encoder {name}: option q is {value!r}, not a number") from error


@cache
def _has_avx512() -> bool:
    """True on x86 processors with AVX-512.

    There x264's macroblock tree reads memory that nothing has set when the width is not a multiple of 128 pixels, and
    the same frames give other bytes each time (seen with core 165 on Zen 4; AVX2 and older code do not do so). AVX2
    costs about 4 % of the encoder's time.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
