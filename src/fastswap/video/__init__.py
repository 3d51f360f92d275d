"""Video and pictures in and out: the only package that imports PyAV.

Reading keeps the decoder's planes; writing takes over what the input says about itself.
"""

from fastswap.video.embed import av_from_frame, frame_from_array, frame_from_av
from fastswap.video.helpers import load_picture, save_picture, write_video
from fastswap.video.info import ColorTags, Geometry, VideoInfo
from fastswap.video.planes import to_av, writable
from fastswap.video.reader import Reader, probe
from fastswap.video.rgb import frame_from_rgb, resize, rgb_from_frame
from fastswap.video.window import Window, window_of
from fastswap.video.writer import Writer

__all__ = [
    "ColorTags",
    "Geometry",
    "Reader",
    "VideoInfo",
    "Window",
    "Writer",
    "av_from_frame",
    "frame_from_array",
    "frame_from_av",
    "frame_from_rgb",
    "load_picture",
    "probe",
    "resize",
    "rgb_from_frame",
    "save_picture",
    "to_av",
    "window_of",
    "writable",
    "write_video",
]
