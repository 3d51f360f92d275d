"""Embedding: every kind of picture in and out, order, threads, closing. Its memory: test_memory.py."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import fastswap
from compare import SWAP_8BIT_420, SWAP_LAYOUTS
from fastswap import actors, provenance, video
from fastswap.errors import SettingsError
from fastswap.frame import ColorSpec

Array = NDArray[Any]
COLOR = ColorSpec("bt709", False, "left")


@cache
def _rgb(index: int = 0) -> Array:
    scene = actors.Scene((320, 240), face_px=110)
    made = actors.render_frame(actors.BO, actors.Pose(yaw=2.0 * index), scene, index=index).rgb
    made.flags.writeable = False
    return made


def _planes(rgb: Array, name: str) -> tuple[Array, ...]:
    """FFmpeg's planes of the picture in a pixel format, as arrays."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    frame = frame.reformat(format=name, dst_colorspace=1, dst_color_range=1)
    kind = np.uint16 if name.endswith("le") else np.uint8
    made = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        width = plane.width * np.dtype(kind).itemsize * (2 if name in ("nv12", "p010le") and made else 1)
        made.append(rows[:, :width].copy().view(kind))
    return tuple(made)


def _shown(planes: tuple[Array, ...], name: str) -> Array:
    """The planes as R'G'B' float in 0..255."""
    frame = av.VideoFrame(320, 240, name)
    for plane, samples in zip(frame.planes, planes, strict=True):
        data = np.ascontiguousarray(samples).view(np.uint8).reshape(plane.height, -1)
        rows = np.ndarray((plane.height, plane.line_size), np.uint8, memoryview(plane))
        rows[:, : data.shape[1]] = data
    frame.colorspace, frame.color_range = 1, 1
    return frame.reformat(format="rgb24", src_colorspace=1, src_color_range=1).to_ndarray().astype(float)


@pytest.fixture(scope="module")
def truth(generator: Path) -> Array:
    """The swap of the first picture as 8-bit R'G'B', the layout that other tests hold against the rendered video."""
    with fastswap.Swapper(generator) as swap:
        return swap(_rgb())


def _swap(generator: Path, picture: Any, layout: str) -> Any:
    with fastswap.Swapper(generator, layout=layout, color=COLOR) as swap:
        return swap(picture)


def _check(made: Array, before: Array, truth: Array, tolerance: float) -> None:
    """R'G'B' in 0..255: close to the truth where the face is, untouched elsewhere."""
    changed = np.abs(truth.astype(float) - _rgb()).max(-1) > 0
    assert np.abs(made.astype(float) - truth)[changed].mean() < tolerance
    assert np.array_equal(made[:20], before[:20])
    assert np.abs(made.astype(float) - before)[changed].mean() > 5.0


@pytest.mark.parametrize("layout", ["bgr24", "rgba", "bgra", "rgb24", "chw"])
def test_orders_of_rgb(layout: str, generator: Path, truth: Array) -> None:
    order = {"bgr24": [2, 1, 0], "rgba": [0, 1, 2], "bgra": [2, 1, 0]}.get(layout, [0, 1, 2])
    picture = _rgb()[..., order]
    if layout.endswith("a"):
        alpha = np.random.default_rng(1).integers(0, 256, (240, 320, 1), np.uint8)
        picture = np.concatenate([picture, alpha], axis=-1)
    picture = np.ascontiguousarray(picture.transpose(2, 0, 1) if layout == "chw" else picture)
    kept = picture.copy()
    made = _swap(generator, picture, layout)
    assert (type(made), made.dtype, made.shape) == (np.ndarray, np.uint8, picture.shape)
    assert np.array_equal(picture, kept), "the caller's picture must not change"
    if layout.endswith("a"):
        assert np.array_equal(made[..., 3], picture[..., 3])
    plain = made.transpose(1, 2, 0) if layout == "chw" else made[..., :3]
    assert np.array_equal(plain[..., order], truth), "the same samples, wherever they lie"


@pytest.mark.parametrize(("dtype", "scale"), [("float32", 1.0), ("float64", 1.0), ("uint16", 65535.0)])
@pytest.mark.parametrize("layout", ["rgb24", "chw"])
def test_deep_and_float_rgb(layout: str, dtype: str, scale: float, generator: Path, truth: Array) -> None:
    picture = (_rgb() / 255.0 * scale).astype(dtype)
    picture = picture.transpose(2, 0, 1).copy() if layout == "chw" else picture
    made = _swap(generator, picture, layout)
    assert (made.dtype, made.shape) == (picture.dtype, picture.shape)
    rows = np.s_[:, :20] if layout == "chw" else np.s_[:20]
    assert np.array_equal(made[rows], picture[rows]), "what does not change keeps its value to the last bit"
    plain = (made.transpose(1, 2, 0) if layout == "chw" else made).astype(float) / scale * 255.0
    changed = np.abs(truth.astype(float) - _rgb()).max(-1) > 0
    assert np.abs(plain - truth)[changed].mean() < SWAP_LAYOUTS


@pytest.mark.parametrize(
    "name", ["yuv420p", "nv12", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "p010le"]
)
def test_planes_of_yuv(name: str, generator: Path, truth: Array) -> None:
    planes = _planes(_rgb(), name)
    kept = [plane.copy() for plane in planes]
    made = _swap(generator, planes, name)
    assert isinstance(made, tuple)
    assert [(m.dtype, m.shape) for m in made] == [(p.dtype, p.shape) for p in planes]
    assert all(np.array_equal(p, k) for p, k in zip(planes, kept, strict=True))
    _check(_shown(made, name), _shown(planes, name), truth.astype(float), SWAP_8BIT_420)
    as_list = _swap(generator, list(planes), name)
    assert isinstance(as_list, list)
    assert all(np.array_equal(a, b) for a, b in zip(as_list, made, strict=True))


def test_yuv_in_one_array(generator: Path) -> None:
    y, u, v = _planes(_rgb(), "yuv420p")
    whole = np.concatenate([y, u.reshape(-1, 320), v.reshape(-1, 320)])
    made = _swap(generator, whole, "yuv420p")
    parts = _swap(generator, (y, u, v), "yuv420p")
    assert np.array_equal(made, np.concatenate([parts[0], *(p.reshape(-1, 320) for p in parts[1:])]))
    luma, chroma = _planes(_rgb(), "nv12")
    one = _swap(generator, np.concatenate([luma, chroma]), "nv12")
    two = _swap(generator, (luma, chroma.reshape(120, 160, 2)), "nv12")
    assert two[1].shape == (120, 160, 2)
    assert np.array_equal(one, np.concatenate([two[0], two[1].reshape(120, 320)]))
    full = _planes(_rgb(), "yuv444p")
    assert np.array_equal(
        _swap(generator, np.stack(full), "yuv444p"), np.stack(_swap(generator, full, "yuv444p"))
    )


def test_strided_views_and_frames_of_other_programs(generator: Path, truth: Array) -> None:
    wide = np.zeros((240, 700, 3), np.uint8)
    wide[:, 10:330] = _rgb()
    assert np.array_equal(_swap(generator, wide[:, 10:330], "rgb24"), truth)
    flipped = np.ascontiguousarray(_rgb()[::-1])[::-1]
    assert np.array_equal(_swap(generator, flipped, "rgb24"), truth)


torch = pytest.importorskip("torch") if __import__("importlib").util.find_spec("torch") else None


@pytest.mark.skipif(torch is None, reason="torch is not installed")
def test_torch_tensors_come_back_as_torch_tensors(generator: Path, truth: Array) -> None:
    picture = torch.from_numpy(_rgb().copy())
    kept = picture.clone()
    made = _swap(generator, picture, "rgb24")
    assert isinstance(made, torch.Tensor)
    assert torch.equal(picture, kept)
    assert np.array_equal(made.numpy(), truth)
    chw = _swap(generator, picture.permute(2, 0, 1), "chw")  # a view: nothing is laid out anew by the caller
    assert torch.equal(chw.permute(1, 2, 0), made)
    floats = (picture.float() / 255.0).requires_grad_()
    result = _swap(generator, floats, "rgb24")
    assert result.dtype == torch.float32
    assert not result.requires_grad
    assert (result * 255.0 - made).abs().mean() < 1.0


@pytest.mark.skipif(torch is None, reason="torch is not installed")
def test_a_torch_clip_is_a_stream(generator: Path) -> None:
    clip = torch.from_numpy(np.stack([_rgb(i) for i in range(5)]))
    with fastswap.Swapper(generator, batch=2) as swap:
        made = torch.stack(list(swap.stream(clip)))
    assert made.shape == clip.shape
    with fastswap.Swapper(generator, batch=2) as swap:
        plain = list(swap.stream(_rgb(i) for i in range(5)))
    assert np.array_equal(made.numpy(), np.stack(plain))


class Tensor:
    """A tensor of a library that knows DLPack alone, as CuPy's arrays do. device: DLPack's type and number."""

    def __init__(self, array: Array, device: tuple[int, int] = (1, 0)) -> None:
        self.array, self.device = array, device

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


def test_any_dlpack_tensor(generator: Path, truth: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _swap(generator, Tensor(_rgb().copy()), "rgb24")
    assert isinstance(made, np.ndarray), "its library has no from_dlpack"
    assert np.array_equal(made, truth)
    module = __import__(Tensor.__module__)
    monkeypatch.setattr(module, "from_dlpack", lambda given: Tensor(np.from_dlpack(given)), raising=False)
    back = _swap(generator, Tensor(_rgb().copy()), "rgb24")
    assert isinstance(back, Tensor)
    assert np.array_equal(back.array, truth)
    with pytest.raises(SettingsError, match=r"device \(2, 0\).*CPU"):
        _swap(generator, Tensor(_rgb().copy(), (2, 0)), "rgb24")


@pytest.mark.parametrize(
    ("picture", "layout", "says"),
    [
        (np.zeros((8, 8), np.uint8), "rgb24", r"\[8, 8\] are no picture in rgb24"),
        (np.zeros((8, 8, 4), np.uint8), "rgb24", "no picture in rgb24"),
        (np.zeros((0, 8, 3), np.uint8), "rgb24", "no picture"),
        (np.zeros((8, 8, 3), np.int32), "rgb24", "must be uint8, not int32"),
        (np.zeros((8, 8, 3), np.float32), "gbrp", "must be R'G'B' in 0..1"),
        (np.zeros((9, 8), np.uint8), "yuv444p", "no picture in yuv444p"),
        ((np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint8)), "yuv420p", "no picture in yuv420p"),
        ((np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint16)), "nv12", "share their type"),
        ((np.zeros((8, 8), np.uint8),) * 3, "yuv420p", "no picture in yuv420p"),
        (["a", "b"], "nv12", "NumPy array or a DLPack tensor, not str"),
        ("picture.png", "rgb24", "av.VideoFrame, not str"),
    ],
)
def test_what_is_no_picture_is_one_clear_line(picture: Any, layout: str, says: str, generator: Path) -> None:
    with (
        fastswap.Swapper(generator, layout=layout) as swap,
        pytest.raises(SettingsError, match=says) as caught,
    ):
        swap(picture)
    assert "\n" not in str(caught.value)


def test_settings_that_make_no_sense(generator: Path) -> None:
    for settings, says in (
        ({"layout": "purple"}, "purple"),
        ({"batch": 0}, "batch is 0"),
        ({"select": "x"}, "x"),
    ):
        with pytest.raises(SettingsError, match=says):
            fastswap.Swapper(generator, **settings)  # type: ignore[arg-type]


def test_a_stream_keeps_order_and_batches(generator: Path) -> None:
    """Frames without a face lie between: nothing overtakes, and no frame waits for ever."""
    empty = np.full((240, 320, 3), 60, np.uint8)
    pictures = [_rgb(i % 7).copy() if i % 3 else empty.copy() for i in range(23)]
    for index, picture in enumerate(pictures):
        picture[-8:, :8] = index  # a mark that no swap touches
    pulled = []

    def source() -> Iterator[Array]:
        for index, picture in enumerate(pictures):
            pulled.append(index)
            yield picture

    runs = []
    with fastswap.Swapper(generator, batch=4) as swap:
        calls = _count_runs(swap, runs)
        made = list(swap.stream(source()))
    assert calls is runs
    assert [int(m[-1, 0, 0]) for m in made] == list(range(23))
    assert max(runs) >= 4, "the network sees several faces at once"
    assert pulled == list(range(23))


def _count_runs(swap: fastswap.Swapper, runs: list[int]) -> list[int]:
    infer = swap._swap.engine.infer

    def counted(faces: Array) -> Any:
        runs.append(len(faces))
        return infer(faces)

    swap._swap.engine.infer = counted  # type: ignore[method-assign]
    return runs


def test_a_stream_does_not_read_far_ahead(generator: Path) -> None:
    """An endless source: what is held back is bounded."""
    pulled = 0

    def source() -> Iterator[Array]:
        nonlocal pulled
        for index in itertools.count():
            pulled += 1
            yield _rgb(index % 5)

    with fastswap.Swapper(generator, batch=2) as swap:
        stream = swap.stream(source())
        lead = 0
        for count in range(1, 41):
            next(stream)
            lead = max(lead, pulled - count)
        stream.close()
    assert lead < 40


def test_threads_share_one_swapper(generator: Path) -> None:
    clips = [[_rgb(i + 2 * n) for i in range(6)] for n in range(4)]
    with fastswap.Swapper(generator, batch=2) as swap:
        alone = [list(swap.stream(clip)) for clip in clips]
        found: dict[int, list[Array]] = {}
        errors: list[BaseException] = []

        def work(number: int) -> None:
            try:
                found[number] = list(swap.stream(clips[number]))
                swap(_rgb())
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors
    for number, expected in enumerate(alone):
        assert all(np.array_equal(a, b) for a, b in zip(found[number], expected, strict=True))


def test_several_swappers_in_one_process(generator: Path, truth: Array) -> None:
    with (
        fastswap.Swapper(generator) as one,
        fastswap.Swapper(generator, look=fastswap.Look(opacity=0.5)) as two,
    ):
        first, second = one(_rgb()), two(_rgb())
        assert np.array_equal(first, truth)
        assert not np.array_equal(first, second)
        one.close()
        two.reset()
        assert np.array_equal(two(_rgb()), second), "closing one leaves the other alone"


def test_closing_ends_everything(generator: Path) -> None:
    swap = fastswap.Swapper(generator)
    swap(_rgb())
    stream = swap.stream(_rgb(i) for i in range(50))
    next(stream)
    swap.close()
    swap.close()
    for use in (lambda: swap(_rgb()), lambda: list(swap.stream([_rgb()]))):
        with pytest.raises(SettingsError, match="closed"):
            use()
    with pytest.raises(fastswap.FastswapError, match="closed"):
        list(stream)


def test_reset_starts_a_new_video(generator: Path, truth: Array) -> None:
    with fastswap.Swapper(generator) as swap:
        swap(_rgb(3))
        swap.reset()
        assert np.array_equal(swap(_rgb()), truth)


def test_what_was_written_can_be_signed(generator: Path, face_clip: Path, tmp_path: Path) -> None:
    with fastswap.Swapper(generator) as swap:
        video.save_picture(tmp_path / "out.png", swap(_rgb()))
        report = swap.sign(tmp_path / "out.png", source=face_clip, settings={"host": "tests"})
    assert report.files == 1
    said = provenance.verify(tmp_path / "out.png")
    assert said.ok
    assert all(text in str(said.as_dict()) for text in ("given for tests", face_clip.name, "tests"))
