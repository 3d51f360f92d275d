"""Chooses, configures and opens the video encoder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product

import av
import av.logging
from av.codec import Codec, CodecContext
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext

from fastswap.errors import OutputError
from fastswap.frame import ColorSpec
from fastswap.video import hdr
from fastswap.video.convert import av_matrix
from fastswap.video.info import FULL_RANGE, LIMITED_RANGE, RGB_MATRIX, UNTAGGED, VideoInfo
from fastswap.video.log import listening
from fastswap.video.loss import ranked
from fastswap.video.opening import reason
from fastswap.video.options import fitted_options, merged_options, with_parameters
from fastswap.video.presets import expand

PREFERRED = ("libx264", "libvpx-vp9", "libsvtav1", "ffv1")
"""Encoders that a container gets, in this order, when the user names none."""

HDR_PREFERRED = ("libx265", "libsvtav1", *PREFERRED)
"""The same for PQ and HLG, which players expect in HEVC and AV1."""

_UNLISTED = {"mpegts": "libx264", "mpeg": "mpeg2video", "vob": "mpeg2video"}
"""Containers for which FFmpeg keeps no list of what they can hold."""

_REORDERING = frozenset({"libx264", "libx265", "mpeg4", "mpeg2video", "h264_nvenc", "hevc_nvenc"})
_MAX_THREADS = 16
_FEW = 4  # frames: x265 gives the last of so few B-frames no decoding time, and MP4 refuses them
_MOST_TRIED = 8  # pixel formats
_WHOLE_CHROMA = frozenset({"h264", "hevc"})


@dataclass(frozen=True, slots=True)
class Plan:
    """An encoder that is known to open. time_base, color: of the frames given to it.

    threads: a fixed number, since the bytes of some encoders depend on it and must not on what else runs. gpu: index of
    the GPU whose memory frames may lie in.
    """

    name: str
    pixel_format: str
    time_base: Fraction
    color: ColorSpec
    options: dict[str, str] = field(default_factory=dict)
    threads: int = field(default_factory=lambda: min(os.cpu_count() or 1, _MAX_THREADS))
    gpu: int | None = None

    def on(self, gpu: int | None) -> Plan:
        """The same on another GPU, such as the only one that another process sees; as it is where it is for the CPU."""
        if self.gpu is None or gpu is None or self.gpu == gpu:
            return self
        return replace(self, gpu=gpu, options={**self.options, "gpu": str(gpu)})


def find(name: str) -> Codec:
    """The encoder of that name; raises OutputError when FFmpeg has none or it is not for video."""
    try:
        codec = Codec(name, "w")
    except ValueError as error:
        raise OutputError(f"unknown encoder {name!r}") from error
    if codec.type != "video":
        raise OutputError(f"encoder {name!r} is for {codec.type}, not for video")
    return codec


def default_for(container: OutputContainer, info: VideoInfo) -> str:
    """The encoder for a container: the first preferred one that it is known to hold, else its own choice or "none"."""
    kind = container.format.name
    preferred = HDR_PREFERRED if info.tags.transfer in hdr.TRANSFERS else PREFERRED
    if kind in _UNLISTED:
        return HDR_PREFERRED[0] if preferred is HDR_PREFERRED and kind == "mpegts" else _UNLISTED[kind]
    known = container.supported_codecs
    return next((name for name in preferred if name in known), container.default_video_codec)


def plan(
    name: str, given: Mapping[str, str] | None, info: VideoInfo, *, counted: bool, in_order: bool
) -> Plan:
    """Finds the pixel format and time base closest to the input's with which the encoder opens.

    name: FFmpeg's, or one of `presets.PRESETS`. counted: the container keeps no time stamps but counts frames.
    in_order: it shows frames as they are stored. Raises OutputError: no such encoder, an option it does not know, or
    what it says when it refuses.
    """
    name, wished = expand(name, given)
    codec = find(name)
    name = codec.name  # "h264" is an alias
    options = merged_options(name, wished)
    if info.hdr:
        options = with_parameters(options, hdr.encoder_parameters(name, info.hdr))
    wanted = options.pop("pix_fmt", None)
    formats = [_known_format(name, wanted)] if wanted else _formats(codec, info)
    bases = [1 / info.fps] if counted else [info.time_base, 1 / info.fps]
    if (in_order or (info.frames or _FEW) < _FEW) and name in _REORDERING:
        options.setdefault("bf", "0")
    refusals: list[str] = []
    for time_base, pixel_format in product(bases, formats):
        color = _color(codec, info, pixel_format)
        candidate = Plan(
            name, pixel_format, time_base, color, fitted_options(options, wished, name, pixel_format)
        )
        refusal = _try_open(candidate, info)
        if refusal is None:
            return candidate
        refusals.append(refusal)
    raise OutputError(f"encoder {name}: {refusals[0]}")


def _known_format(encoder: str, name: str) -> str:
    try:
        return av.VideoFormat(name).name
    except ValueError as error:
        raise OutputError(f"encoder {encoder}: pixel format {name!r} is unknown") from error


def _formats(codec: Codec, info: VideoInfo) -> list[str]:
    """The formats to try: the input's own, then those that lose nothing or least of it."""
    known = [f.name for f in codec.video_formats or []]
    if not known:
        return [info.frame_format]  # rawvideo and its like take all
    # The "j" says full range once more; only JPEG encoders insist on it.
    jpeg = codec.canonical_name == "mjpeg"
    known = [name for name in known if name.startswith("yuvj") == jpeg] or known
    if codec.canonical_name in _WHOLE_CHROMA:
        known = [name for name in known if holds_size(name, info)] or known
    best = ranked(info.frame_format, known)
    return ([info.frame_format] if info.frame_format in best else []) + best[:_MOST_TRIED] or known[:1]


def holds_size(name: str, info: VideoInfo) -> bool:
    """False where chroma ends in half a sample, which H.264 and HEVC cannot crop to; FFmpeg would drop the line."""
    kind = av.VideoFormat(name)
    if not any(c.is_chroma for c in kind.components):
        return True
    return (
        info.width % (64 // kind.chroma_width(64)) == 0 and info.height % (64 // kind.chroma_height(64)) == 0
    )


def _try_open(candidate: Plan, info: VideoInfo) -> str | None:
    """None when the encoder opens so, else why not, in one line."""
    context = CodecContext.create(candidate.name, "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, candidate, info)
    return open_context(context)


def open_context(context: VideoCodecContext) -> str | None:
    """Opens the encoder; None when it took every option, else what is wrong, in one line."""
    failure: Exception | None = None
    with listening(av.logging.WARNING) as lines:
        try:
            context.open()
        except (av.FFmpegError, ValueError) as error:
            failure = error
    if failure is not None:
        return _complaint(lines) or reason(failure)
    if context.options:
        return f"no option {next(iter(context.options))!r}"
    # libx264 only warns about what stands in x264-params.
    return next((text for text in lines if "Error parsing option" in text), None)


def _complaint(lines: Sequence[str]) -> str | None:
    """The line that names the option at fault, else the first one."""
    return next((text for text in lines if text.startswith("Error setting")), next(iter(lines), None))


def is_rgb(name: str) -> bool:
    """True for a pixel format that holds R'G'B'."""
    return av.VideoFormat(name).is_rgb


def _color(codec: Codec, info: VideoInfo, pixel_format: str) -> ColorSpec:
    """The input's own colour, but for JPEG, which prescribes one, and on the way between RGB and YUV."""
    if is_rgb(pixel_format):
        return info.color if info.color.matrix == "gbr" else ColorSpec("gbr", True)
    if codec.canonical_name == "mjpeg":
        return ColorSpec("bt601", True, info.color.siting)
    if info.color.matrix != "gbr":
        return info.color
    # Without the matrix, what an untagged video of this size and these primaries would be read as.
    tags = replace(info.tags, matrix=UNTAGGED, range=LIMITED_RANGE, siting="center")
    return tags.spec(info.width, info.height, codec.canonical_name, "yuv420p")


def tag_of(color: ColorSpec) -> int:
    """H.273's number of a matrix."""
    return RGB_MATRIX if color.matrix == "gbr" else av_matrix(color.matrix)


def configure(context: VideoCodecContext, chosen: Plan, info: VideoInfo) -> None:
    """Sets everything that the input decides and the user's options."""
    context.width, context.height = info.width, info.height
    context.pix_fmt = chosen.pixel_format
    context.time_base = chosen.time_base
    context.framerate = info.fps
    context.sample_aspect_ratio = info.stated_sar or Fraction(0)
    context.thread_count = chosen.threads
    same = chosen.color.matrix == info.color.matrix
    stated = info.tags.range if same else LIMITED_RANGE
    context.color_range = FULL_RANGE if chosen.color.full_range else stated
    context.colorspace = info.tags.matrix if same else tag_of(chosen.color)
    context.color_primaries = info.tags.primaries
    context.color_trc = info.tags.transfer
    options = dict(chosen.options)
    implied = None if chosen.name == "rawvideo" else "left"  # y4m takes what is not said for centred
    if info.tags.siting not in (None, implied):
        options.setdefault("chroma_sample_location", info.tags.siting)
    if info.interlaced and chosen.name in ("libx264", "mpeg2video", "mpeg4"):
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.field_order = 2 if info.interlaced == "top" else 3  # AV_FIELD_TT, AV_FIELD_BB
    context.options = options
