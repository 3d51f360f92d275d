"""`fastswap preview`: before and after at chosen times, side by side in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap import provenance, video
from fastswap.atomic import Staging
from fastswap.errors import InputError
from fastswap.look import Look
from fastswap.model import model_hash
from fastswap.select import Selection, parse_selection
from fastswap.swap import Batch, FaceSwap, Work, drawing_order
from fastswap.track import Tracker

_ROW = 360
"""Height of a row of the sheet in pixels."""


def preview(
    source: str | Path,
    output: str | Path,
    *,
    model: str | Path,
    at: Sequence[float] = (0.0,),
    device: str = "auto",
    look: Look | None = None,
    mask_file: str | Path | None = None,
    select: str = "all",
) -> None:
    """Writes a signed picture with one row per time: before, after, then crop, new face and mask of the largest face.

    at: seconds into the video. A frame without a selected face shows only before and after. Raises the same errors as
    `fastswap.render()`, and InputError for a time beyond the end.
    """
    source, output, model = Path(source), Path(output), Path(model)
    selection = parse_selection(select)
    swap = FaceSwap(model, device=device, look=look or Look(), batch=1)
    try:
        swap.masked_with(mask_file)
        rows = [row for seconds in at for row in _rows(source, seconds, swap, selection)]
    finally:
        swap.close()
    with Staging(source, output) as staging:
        video.save_picture(staging.path, _stack(rows))
        record = provenance.ModelRecord(
            name=model.name,
            sha256=model_hash(model),
            subject=swap.contract.subject,
            consent=swap.contract.consent,
        )
        provenance.sign(staging.path, source=source, model=record, settings={"preview_at": list(at)})
        staging.publish()


def _rows(source: Path, seconds: float, swap: FaceSwap, selection: Selection) -> Iterator[NDArray[np.uint8]]:
    with video.Reader(source, deinterlace=True) as reader:
        frame = reader.frame_at(seconds)
    if frame is None:
        raise InputError(f"{source}: has no frame at {seconds} s")
    found = Tracker().update(frame)
    (batch,) = swap.generate(swap.cut([Work(frame, drawing_order(selection(found)), found)]))
    before = video.rgb_from_frame(frame)
    (made,) = swap.composite([batch])
    yield _row([before, video.rgb_from_frame(made), *_parts(batch)])


def _parts(batch: Batch) -> list[NDArray[np.uint8]]:
    if not batch.owner:
        return []
    mask = np.repeat((batch.masks if batch.shown is None else batch.shown)[-1][None], 3, axis=0)
    return [_picture(planes) for planes in (batch.targets[-1], batch.swaps[-1], mask)]


def _picture(planes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[3, S, S] 0..1 as [S, S, 3] 0..255."""
    return np.ascontiguousarray((planes.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def _row(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    scaled = [video.resize(p, (max(1, round(p.shape[1] * _ROW / p.shape[0])), _ROW)) for p in pictures]
    return np.concatenate(scaled, axis=1)


def _stack(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
