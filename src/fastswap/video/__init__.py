"""Video and pictures in and out: the only package that imports PyAV.

Reading keeps the decoder's planes; writing takes over what the input says about itself.
"""

from fastswap.video.embed import av_from_frame, frame_from_array, frame_from_av
from fastswap.video.helpers import load_picture, save_picture, write_video
from fastswap.video.info import ColorTags, Geometry, VideoInfo
from fastswap.video.planes import to_av, writable
from fastswap.video.reader import Reader, probe
from fastswap.video.rgb import frame_from_rgb, resize, rgb_from_frame
from fastswap.video.segments import SegmentWriter, join, prepare
from fastswap.video.spans import WHOLE, Span, cut
from fastswap.video.target import Target
from fastswap.video.tracks import Encoding, PictureEncoding
from fastswap.video.window import Window, window_of
from fastswap.video.writer import Writer, writes_video

__all__ = [
    "WHOLE",
    "ColorTags",
    "Encoding",
    "Geometry",
    "PictureEncoding",
    "Reader",
    "SegmentWriter",
    "Span",
    "Target",
    "VideoInfo",
    "Window",
    "Writer",
    "av_from_frame",
    "cut",
    "frame_from_array",
    "frame_from_av",
    "frame_from_rgb",
    "join",
    "load_picture",
    "prepare",
    "probe",
    "resize",
    "rgb_from_frame",
    "save_picture",
    "to_av",
    "window_of",
    "writable",
    "write_video",
    "writes_video",
]
