"""What PyAV 18 and 19 do differently."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.sidedata.sidedata import SideData, SideDataContainer

_TAGS: dict[str, Any] = {"metadata_errors": "surrogateescape"} if av.__version__.startswith("18.") else {}
"""Lets tags in an unknown encoding pass byte for byte; 19 always does and takes no such argument."""


def open_input(file: Any, **options: Any) -> InputContainer:
    """`av.open` for reading."""
    return cast(InputContainer, av.open(file, "r", **options, **_TAGS))


def open_output(file: Any, **options: Any) -> OutputContainer:
    """`av.open` for writing."""
    return cast(OutputContainer, av.open(file, "w", **options, **_TAGS))


def fraction(number: Any) -> Fraction | None:
    """A rational number that PyAV gives; None for one that is not set, which is None in 18 and falsy in 19.

    19's own numbers round to 32 bits when two of them meet, so they are not kept.
    """
    return Fraction(number) if number else None


def side_data(frame: av.VideoFrame) -> list[SideData]:
    """What FFmpeg keeps beside the samples. Raises ValueError for a kind that PyAV 18 has no name for.

    Not `frame.side_data`: in 18 that keeps the container in the frame and the frame in the container, and both would
    stay in memory until Python's collector comes by, hundreds of frames later.
    """
    found = cast(Any, SideDataContainer)(frame)
    return [item if isinstance(item, SideData) else found[item] for item in found]  # 19 gives the kinds
