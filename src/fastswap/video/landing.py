"""Whether the GPU's decoder takes a video."""

from __future__ import annotations

import av

from fastswap.errors import InputError
from fastswap.video import nvidia
from fastswap.video.decoder import Decoder
from fastswap.video.info import VideoInfo
from fastswap.video.opening import reason


def refusal(info: VideoInfo, landing: nvidia.Landing) -> str | None:
    """Why it does not, None when its first frame lands in the GPU's memory."""
    try:
        decoder = Decoder(info.path, 1, landing)
        try:
            first = next(decoder.frames(), None)
            if first is not None and nvidia.is_on_gpu(first) and nvidia.layout(first) in nvidia.LANDED:
                return None
        finally:
            decoder.container.close()
    except nvidia.GaveUp as error:
        return str(error)
    except (av.FFmpegError, InputError, OSError) as error:
        return f"the GPU's decoder cannot be opened ({cause(error)})"
    return f"the GPU's decoder does not take {info.codec} in {info.pixel_format}"


def cause(error: Exception) -> str:
    """FFmpeg's own words, without those that are put around them for a file that cannot be read."""
    return reason(error.__cause__ if isinstance(error.__cause__, Exception) else error)
