"""What FFmpeg says: heard in the thread that listens, and without anything that could wait for the GIL."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from pathlib import Path

import av
import av.logging
import numpy as np
import pytest

from fastswap import _cpu
from fastswap.video.log import listening

CLOSING = """
import sys
import av, av.logging
from fastswap.video.log import listening

def close_in_the_middle():
    with av.open(sys.argv[1]) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "FRAME", 4
        try:
            for index, packet in enumerate(container.demux(stream)):
                packet.decode()
                if index == 12:
                    return
        except av.FFmpegError:
            pass

with listening(av.logging.ERROR) as lines:
    for _ in range(100):
        close_in_the_middle()
print("closed")
"""


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """H.264 whose macroblocks are damaged here and there, so that FFmpeg complains in the threads that decode it."""
    memory, noise = io.BytesIO(), np.random.default_rng(0)
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(30):
            picture = noise.integers(0, 256, (240, 320, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    data = bytearray(memory.getvalue())
    for place in range(data.find(b"mdat") + 8, len(data) - 20_000, 997):
        data[place] ^= 0x5A
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    return path


def test_a_decoder_can_be_closed_while_somebody_listens(damaged: Path) -> None:
    """With a callback that takes the GIL this stands still: whoever closes holds it and waits for the threads."""
    command = [sys.executable, "-c", CLOSING, str(damaged)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")


def test_only_the_thread_that_listens_is_heard() -> None:
    def other() -> None:
        av.logging.log(av.logging.ERROR, "x", "of another thread\n")

    with listening(av.logging.WARNING) as lines:
        av.logging.log(av.logging.WARNING, "x", "one\ntwo \xe9")
        av.logging.log(av.logging.INFO, "x", "less than was asked for\n")
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        av.logging.log(av.logging.ERROR, "x", " and its end\n" + "long" * 1000)
        assert lines == []
    assert lines == ["one", "two \xe9 and its end", ("long" * 1000)[: 1023 - len(" and its end\n")]]
    av.logging.log(av.logging.ERROR, "x", "after it\n")
    assert _cpu.heard_from_av_log() == []


def test_a_program_that_wants_the_log_keeps_it(caplog: pytest.LogCaptureFixture) -> None:
    av.logging.set_level(av.logging.WARNING)
    try:
        with listening(av.logging.ERROR):
            av.logging.log(av.logging.ERROR, "x", "inside")
        assert av.logging.get_level() == av.logging.WARNING
        av.logging.log(av.logging.ERROR, "x", "outside")
    finally:
        av.logging.set_level(None)
    assert [record.getMessage() for record in caplog.records] == ["outside"]
