"""A video's decoded frames: from the GPU's decoder where it takes the video, and from the CPU's where it gives up."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, cast

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from fastswap.errors import InputError
from fastswap.video import nvidia
from fastswap.video.decoder import Decoder
from fastswap.video.deinterlace import Fields, progressive
from fastswap.video.info import VideoInfo
from fastswap.video.landing import cause, refusal

MARGINS_S: Final = (0.0, 2.0, 10.0, 60.0)
"""How far before the wanted place to look for a key frame, seconds: containers without an index land behind it."""
_NO_TIMES: Final = frozenset({"mpeg", "mpegvideo", "h264", "hevc", "m4v", "vc1", "mjpeg"})
"""Formats in which few packets or none have a time stamp: after a seek the others are guesses."""

Opener = Callable[[nvidia.Landing | None], Decoder]


class Decoding:
    """Frames in order from where the file was sought last, progressive if that is wanted.

    opener: opens the file, for a GPU to decode or for the CPU. landing: the GPU that decodes, once it has shown that it
    can; None is the CPU. Where its decoder gives up in the middle, for want of memory say, the CPU goes on with the
    very next frame and a notice says so.
    """

    def __init__(self, path: Path, opener: Opener, notices: list[str], deinterlace: bool | None) -> None:
        self.path, self.landing = path, cast("nvidia.Landing | None", None)
        self._opener, self._notices, self._deinterlace = opener, notices, deinterlace
        self._fields = Fields()
        self._decoder = self._open()
        self._frames: Generator[av.VideoFrame, None, None]
        self._last: int | None
        self._damaged, self._packets = 0, 0  # of a decoder that gave up
        self._begin(None)
        self.seeks = self.container.format.name not in _NO_TIMES

    @property
    def container(self) -> InputContainer:
        """The open file."""
        return self._decoder.container

    @property
    def stream(self) -> VideoStream:
        """The video in it."""
        return self._decoder.stream

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded, so far."""
        return self._damaged + self._decoder.damaged

    @property
    def packets(self) -> int:
        """Packets that were read, so far."""
        return self._packets + self._decoder.packets

    @property
    def cut_off(self) -> bool:
        """Whether the file ended in an error."""
        return self._decoder.cut_off

    def land(self, info: VideoInfo, landing: nvidia.Landing) -> bool:
        """Goes over to the GPU's decoder, from the start, if it takes this video; tells why where it does not."""
        why = refusal(info, landing)
        if why is not None:
            self._tell(why)
            return False
        self.landing = landing
        self.restart()
        return True

    def next(self) -> av.VideoFrame | None:
        """The next frame, None at the end."""
        try:
            frame = next(self._frames, None)
        except nvidia.GaveUp as error:
            self._take_over(error)
            frame = next(self._frames, None)
        if frame is not None:
            before, self._last = self._last, frame.pts
            self._rising &= frame.pts is not None and (before is None or frame.pts > before)
            self._given += 1
        return frame

    def restart(self) -> None:
        """Opens the file anew: the next frame is its first."""
        self.close()
        self._decoder = self._open()
        self._damaged = self._packets = 0
        self._begin(None)

    def seek(self, place: int) -> bool:
        """Goes to a key frame near a time of the stream; false where the container cannot."""
        try:
            self.container.seek(place, stream=self.stream)
        except av.FFmpegError:
            return False
        self._begin(place)
        return True

    def close(self) -> None:
        """Releases the file."""
        self._frames.close()
        self.container.close()

    def _begin(self, place: int | None) -> None:
        """Frames come from here on. place: where the file was sought, None at its start."""
        self._place, self._given, self._rising = place, 0, True
        self._last = None
        decoder = self._decoder
        self._frames = progressive(
            decoder.frames(), decoder.stream, self.path, self._deinterlace, self._fields
        )

    def _open(self) -> Decoder:
        if self.landing is None:
            return self._opener(None)
        try:
            return self._opener(self.landing)
        except (av.FFmpegError, InputError, OSError) as error:  # it could be opened before
            self.landing = None
            made = self._opener(None)
            self._tell(f"the GPU's decoder cannot be opened ({cause(error)})")
            return made

    def _tell(self, why: str, since: str = "") -> None:
        self._notices.append(f"{self.path.name}: decoded on the CPU{since}: {why}")

    def _take_over(self, why: nvidia.GaveUp) -> None:
        """The CPU's decoder stands where the GPU's stood."""
        place, given, last, rising = self._place, self._given, self._last, self._rising
        damaged, packets = self.damaged, self.packets
        self.landing = None
        self.restart()
        self._tell(str(why), " after a seek" if place is not None else f" from frame {given} on")
        exact = self.seeks and rising and self.container.format.name != "avi"
        if last is not None and exact and any(self._returned_to(last, margin) for margin in MARGINS_S):
            self._damaged, self._packets = damaged, packets
            return
        self.restart()  # it does what the GPU's did
        if place is not None:
            self.seek(place)
        for _ in range(given):
            self.next()

    def _returned_to(self, pts: int, margin: float) -> bool:
        """True when a seek led to the frame of a time, and the next one is the one after it."""
        unit = self.stream.time_base
        if unit is None or not self.seek(pts - int(margin / unit)):
            return False
        frame = self.next()
        if frame is None or frame.pts is None or frame.pts > pts:
            return False
        while frame is not None and (frame.pts is None or frame.pts < pts):
            frame = self.next()
        return frame is not None and frame.pts == pts
