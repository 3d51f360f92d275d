"""What the FFmpeg inside PyAV can do."""

from __future__ import annotations

from collections.abc import Iterable

import av
from av.codec import Codec

ffmpeg_version: str = av.ffmpeg_version_info
pyav_version: str = av.__version__


def encoders(names: Iterable[str]) -> list[str]:
    """Those of the named encoders that are built in; a hardware encoder still needs its hardware."""
    return [name for name in names if _has_encoder(name)]


def _has_encoder(name: str) -> bool:
    try:
        Codec(name, "w")
    except ValueError:  # av.codec.UnknownCodecError
        return False
    return True
