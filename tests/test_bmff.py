"""Manifests in MP4 and MOV: the layout, the moved offsets, memory."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import compare
from fastswap.provenance import sign, verify
from fastswap.provenance.bmff import Unsuited, brand_hash, embed, top_level
from signing import MODEL

pytestmark = pytest.mark.usefixtures("no_own_certificate")

FTYP = struct.pack(">I4s8s", 16, b"ftyp", b"isom\0\0\2\0")


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def movie(offsets: bytes) -> bytes:
    """A moov box around one table of chunk offsets."""
    for kind in (b"stbl", b"minf", b"mdia", b"trak"):
        offsets = box(kind, offsets)
    return box(b"moov", box(b"mvhd", bytes(100)) + offsets)


def table(kind: bytes, offsets: list[int]) -> bytes:
    form = ">u4" if kind == b"stco" else ">u8"
    return box(kind, struct.pack(">II", 0, len(offsets)) + np.array(offsets, form).tobytes())


def embedded(data: bytes, manifest: bytes = b"M" * 500) -> tuple[bytes, list[bytes]]:
    """(the file with its manifest, the digests that were asked to be signed)."""
    digests: list[bytes] = []

    def make(binding: dict[str, Any]) -> bytes:
        digests.append(bytes(binding["data"]["hash"]))
        return manifest

    target = io.BytesIO()
    embed(io.BytesIO(data), target, make)
    return target.getvalue(), digests


@pytest.mark.parametrize("kind", [b"stco", b"co64"])
@pytest.mark.parametrize("tail", ["plain", "to the end", "64 bit"])
@pytest.mark.parametrize("front", [True, False])
def test_offsets_follow_the_media(kind: bytes, tail: str, front: bool) -> None:
    media = bytes(range(200))
    mdat = {
        "plain": box(b"mdat", media),
        "to the end": struct.pack(">I4s", 0, b"mdat") + media,
        "64 bit": struct.pack(">I4sQ", 1, b"mdat", 16 + len(media)) + media,
    }[tail]
    if tail == "to the end" and not front:
        mdat = box(b"mdat", media)
    size = len(movie(table(kind, [0, 0])))
    start = len(FTYP) + (size if front else 0) + len(mdat) - len(media)
    moov = movie(table(kind, [start + 3, start + 150]))
    data = FTYP + (moov + mdat if front else mdat + moov)
    after, (draft, digest) = embedded(data)

    boxes = top_level(io.BytesIO(after))
    assert [each.kind for each in boxes] == [
        b"ftyp",
        b"uuid",
        *((b"moov", b"mdat") if front else (b"mdat", b"moov")),
    ]
    place = after.index(kind) + 12
    found = np.frombuffer(after, ">u4" if kind == b"stco" else ">u8", 2, place)
    assert [after[offset] for offset in found] == [3, 150]
    assert len(after) == len(data) + boxes[1].size
    assert draft == bytes(32)
    expected = hashlib.sha256()
    for each in boxes[2:]:
        expected.update(struct.pack(">Q", each.start) + after[each.start : each.start + each.size])
    assert digest == expected.digest()


@pytest.mark.parametrize("data", [
    b"", b"short", FTYP, FTYP + box(b"mdat", b""), box(b"mdat", b"") + FTYP + movie(b""),
    FTYP + movie(b"") + movie(b""), FTYP + movie(b"") + box(b"moof", b""), FTYP + movie(b"") + box(b"meta", b""),
    FTYP + movie(b"") + b"\0\0\0\x20mdat", FTYP + movie(table(b"stco", [2**32 - 100])),
    FTYP + movie(table(b"saio", [1])), FTYP + movie(box(b"stco", struct.pack(">III", 0, 9, 1))),
    FTYP + movie(b"\0\0\1\0stco"),
    FTYP + box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(40)) + movie(b""),
])  # fmt: skip
def test_other_layouts_are_left_alone(data: bytes) -> None:
    target = io.BytesIO()
    with pytest.raises(Unsuited):
        embed(io.BytesIO(data), target, lambda binding: b"M")
    assert target.getvalue() == b""


def test_the_type_box_is_hashed_apart() -> None:
    assert brand_hash(io.BytesIO(FTYP + movie(b""))) == hashlib.sha256(FTYP).hexdigest()
    for data in (b"", b"\0\0\0\x10moov", b"\xff\xff\xff\xffftyp"):
        assert brand_hash(io.BytesIO(data)) is None


@pytest.mark.parametrize(
    "flags", ["faststart", "frag_keyframe+empty_moov", "frag_keyframe+default_base_moof"]
)
def test_seeking_still_works(unsigned: Path, tmp_path: Path, flags: str) -> None:
    source, output = tmp_path / "in.mp4", tmp_path / "out.mp4"
    with av.open(str(source), "w", options={"movflags": flags}) as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "5", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in np.random.default_rng(3).integers(0, 256, (20, 48, 64, 3), dtype=np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    shutil.copy(source, output)
    assert sign(output, source=source, model=MODEL).sidecars == ()
    assert verify(output).ok
    assert packet_at(output, 0.5) == packet_at(source, 0.5)


def packet_at(path: Path, seconds: float) -> tuple[int | None, bytes]:
    with av.open(str(path)) as container:
        container.seek(int(seconds * av.time_base))
        packet = next(container.demux(video=0))
        return packet.pts, bytes(packet)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_memory_does_not_grow_with_the_file(unsigned: Path, tmp_path: Path, suffix: str) -> None:
    """A file of 160 MB; zeros, so that making it costs nothing."""
    output = Path(shutil.copy(unsigned / f"in.{suffix}", tmp_path / f"out.{suffix}"))
    size = 160 << 20
    with output.open("ab") as file:
        file.write(struct.pack(">I4s", size, b"mdat"))
        file.truncate(file.tell() + size - 8)
    code = (
        "import resource, sys; from pathlib import Path; from fastswap.provenance import check_credential, sign\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "check_credential(); before = peak(); sign(Path(sys.argv[1]), source=None, model=None)\n"
        "print((peak() - before) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, output], capture_output=True, text=True, check=True)
    assert float(done.stdout) < compare.SIGNING_MEMORY_MB
    assert verify(output).ok
