"""Encoder settings by the names that people use for them: `--encoder prores-hq` instead of a list of options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastswap.video.options import RATE_CONTROL


@dataclass(frozen=True, slots=True)
class EncoderPreset:
    """encoder: FFmpeg's name. options: FFmpeg's, and `pix_fmt`. containers: suffixes it is used in, the usual first."""

    encoder: str
    containers: tuple[str, ...]
    words: str
    options: Mapping[str, str] = field(default_factory=dict)


def _prores(profile: str, words: str, pixels: str = "yuv422p10le") -> EncoderPreset:
    options = {"profile": profile, "pix_fmt": pixels, "vendor": "apl0"}
    return EncoderPreset("prores_ks", (".mov", ".mkv"), f"ProRes {words}", options)


def _dnxhr(profile: str, words: str, pixels: str) -> EncoderPreset:
    options = {"profile": f"dnxhr_{profile}", "pix_fmt": pixels}
    return EncoderPreset("dnxhd", (".mov", ".mxf"), f"DNxHR {words}", options)


_LONG = (".mp4", ".mkv", ".mov")
_OPEN = (".mp4", ".mkv", ".webm")
_FFV1 = {"level": "3", "g": "1", "slicecrc": "1", "context": "1"}

PRESETS: dict[str, EncoderPreset] = {
    "prores-proxy": _prores("proxy", "422 Proxy, 10 bit"),
    "prores-lt": _prores("lt", "422 LT, 10 bit"),
    "prores": _prores("standard", "422, 10 bit"),
    "prores-hq": _prores("hq", "422 HQ, 10 bit"),
    "prores-4444": _prores("4444", "4444, 10 bit", "yuv444p10le"),
    "dnxhr-lb": _dnxhr("lb", "LB, 8 bit 4:2:2", "yuv422p"),
    "dnxhr-sq": _dnxhr("sq", "SQ, 8 bit 4:2:2", "yuv422p"),
    "dnxhr-hq": _dnxhr("hq", "HQ, 8 bit 4:2:2", "yuv422p"),
    "dnxhr-hqx": _dnxhr("hqx", "HQX, 10 bit 4:2:2", "yuv422p10le"),
    "dnxhr-444": _dnxhr("444", "444, 10 bit 4:4:4", "yuv444p10le"),
    "ffv1": EncoderPreset("ffv1", (".mkv",), "FFV1 version 3, lossless, every frame a key frame", _FFV1),
    "x264": EncoderPreset("libx264", _LONG, "H.264, CRF 18", {"crf": "18", "preset": "medium"}),
    "x265-10bit": EncoderPreset(
        "libx265", _LONG, "HEVC, 10 bit, CRF 18", {"crf": "18", "preset": "medium", "pix_fmt": "yuv420p10le"}
    ),
    "av1": EncoderPreset("libsvtav1", _OPEN, "AV1, CRF 24", {"crf": "24", "preset": "6"}),
    "av1-10bit": EncoderPreset(
        "libsvtav1", _OPEN, "AV1, 10 bit, CRF 24", {"crf": "24", "preset": "6", "pix_fmt": "yuv420p10le"}
    ),
}
"""By name. A name here goes before FFmpeg's own encoder of that name. Without `pix_fmt` the input's format is kept."""


def expand(encoder: str, options: Mapping[str, str] | None) -> tuple[str, dict[str, str]]:
    """FFmpeg's encoder and options for a name that may be a preset's; the user's options go before the preset's."""
    given = dict(options or {})
    preset = PRESETS.get(encoder)
    if preset is None:
        return encoder, given
    kept = preset.options
    if RATE_CONTROL & {key.lstrip("-").removesuffix(":v") for key in given}:
        kept = {key: value for key, value in kept.items() if key not in RATE_CONTROL}
    return preset.encoder, {**kept, **given}
