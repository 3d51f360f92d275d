"""One faceset of several persons into one for each person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops
from fastswap.errors import InputError, ModelError, OutputError, SettingsError
from fastswap.training.curate import copy_entries
from fastswap.training.faceset import Entry, Faceset, read_picture

TEMPLATE, SIDE = "arcface_112_v2", 112
SAME = 0.4
"""Cosine of two embeddings from which they show one person; ArcFace's usual threshold lies at 0.3 to 0.45."""
_BATCH = 32


class Recogniser:
    """An ONNX network of the user's that turns an aligned face into an embedding (ArcFace's contract).

    Input float32 [N, 3, 112, 112], R'G'B' in -1..1, aligned to `arcface_112_v2`; output [N, D]. Raises ModelError.
    """

    def __init__(self, path: Path) -> None:
        import openvino as ov

        if not path.is_file():
            raise ModelError(f"{path}: no such recogniser")
        try:
            core = ov.Core()
            network = core.read_model(str(path))
            network.reshape({network.input(0): [-1, 3, SIDE, SIDE]})
            self._compiled: Any = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{path}: not a recogniser with an input of [N, 3, {SIDE}, {SIDE}] ({str(error).splitlines()[-1]})"
            ) from None
        self.path = path

    def embed(self, faceset: Faceset) -> tuple[list[Entry], NDArray[np.float64]]:
        """The entries whose pictures can be read, and unit vectors for them, float64 [N, D].

        Raises InputError when none can, ModelError for other outputs.
        """
        kept: list[Entry] = []
        found = []
        for start in range(0, len(faceset.entries), _BATCH):
            pairs = [(entry, _aligned(faceset, entry)) for entry in faceset.entries[start : start + _BATCH]]
            kept += [entry for entry, face in pairs if face is not None]
            shown = [face for _, face in pairs if face is not None]
            if not shown:
                continue
            faces = np.stack(shown)
            out = np.asarray(self._compiled(faces * 2.0 - 1.0)[0], np.float64)
            if out.ndim != 2 or len(out) != len(faces):
                raise ModelError(f"{self.path}: its output is {list(out.shape)}; expected [N, D]")
            found.append(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9))
        if not kept:
            raise InputError(f"{faceset.folder}: not one of its pictures can be read")
        return kept, np.concatenate(found)


def persons_by_embedding(
    entries: Sequence[Entry], embeddings: NDArray[np.float64], same: float = SAME
) -> list[list[Entry]]:
    """Groups of entries that show one person each, the largest first.

    A track shows one person, so whole tracks are compared, by their mean embedding. Two groups whose means are
    nearest are joined as long as their cosine reaches `same` (agglomerative clustering, average linkage).
    """
    tracks = sorted({entry.track for entry in entries})
    groups = [np.array([entry.track == track for entry in entries]).nonzero()[0] for track in tracks]
    while len(groups) > 1:
        means = np.stack([embeddings[group].mean(axis=0) for group in groups])
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        cosines = means @ means.T
        np.fill_diagonal(cosines, -2.0)
        one, two = np.unravel_index(int(cosines.argmax()), cosines.shape)
        if cosines[one, two] < same:
            break
        low, high = sorted((int(one), int(two)))
        groups[low] = np.concatenate((groups[low], groups.pop(high)))
    groups.sort(key=lambda group: -len(group))
    return [[entries[int(i)] for i in sorted(group)] for group in groups]


def persons_by_track(entries: Sequence[Entry]) -> list[list[Entry]]:
    """A group for each track, the largest first."""
    tracks = sorted({entry.track for entry in entries})
    groups = [[entry for entry in entries if entry.track == track] for track in tracks]
    return sorted(groups, key=lambda group: -len(group))


def split(
    faceset: Faceset, out: Path, *, recogniser: Path | None = None, same: float = SAME, least: int = 1
) -> list[Faceset]:
    """Copies a faceset into `out/person-1`, `out/person-2`, ..., the largest first; the faceset is left as it is.

    recogniser: compares faces; without one every track is a person of its own. same: see `SAME`. least: groups of
    fewer pictures are left away, and so are damaged pictures, which the recogniser cannot be shown. Raises
    InputError, ModelError, OutputError and SettingsError.
    """
    if not -1.0 <= same <= 1.0 or least < 1:
        raise SettingsError(
            f"faceset split: --same {same} must lie in -1..1 and --least {least} be 1 or more"
        )
    if recogniser is None:
        groups = persons_by_track(faceset.entries)
    else:
        groups = persons_by_embedding(*Recogniser(recogniser).embed(faceset), same)
    groups = [group for group in groups if len(group) >= least]
    if not groups:
        raise InputError(f"{faceset.folder}: no person has {least} pictures or more")
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot make the folder ({error.strerror})") from None
    return [
        copy_entries([(faceset, group)], out / f"person-{number}") for number, group in enumerate(groups, 1)
    ]


def _aligned(faceset: Faceset, entry: Entry) -> NDArray[np.float32] | None:
    """A picture aligned for the recogniser, float32 [3, 112, 112] in 0..1; None when it is damaged or gone."""
    frame = read_picture(faceset.path(entry))
    if frame is None:
        return None
    points = align.five_points(entry.points() * (frame.width / faceset.header.size))
    transform = align.crop_to_display(points, TEMPLATE, 1.0, SIDE)
    crop: NDArray[np.float32] = ops.crop([frame], align.compose(frame.to_coded, transform)[None], SIDE)[0]
    return crop
