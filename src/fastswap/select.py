"""Which of the faces in a video are swapped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fastswap.errors import SettingsError
from fastswap.faces import Face, FrameFaces

_FORMS: Final = "all, largest, track:N, at:SECONDS,X,Y or ref:PICTURE"
_STAY: Final = 1.3
"""How many times larger another face must be before "largest" moves on to it: two people of about the same
size would otherwise take turns."""
_NEAR: Final = 1.0
"""How far from a face's box, in its own longer sides, a point given by hand may lie."""


class Selection:
    """A choice of faces, applied frame by frame and in order.

    "all": every face. "largest": the largest of each frame, staying with a track within a shot until another
    face is clearly larger. "track:N": one track. "at:SECONDS,X,Y": the track that shows a face at this point
    (display pixels) at this time; `needs_full_analysis` is then true and `resolve` must be called first. "ref:PICTURE":
    the tracks that show the person of a picture; `match.tracks_like` finds them, `of_tracks` makes the choice.
    """

    def __init__(
        self,
        text: str,
        *,
        largest: bool = False,
        track: int | None = None,
        at: tuple[float, float, float] | None = None,
        reference: Path | None = None,
        tracks: frozenset[int] | None = None,
    ) -> None:
        self.text, self.reference = text, reference
        self._tracks = tracks
        self._largest, self._track, self._at = largest, track, at
        self._current: int | None = None

    @property
    def needs_full_analysis(self) -> bool:
        """Whether the choice depends on frames other than the one it is applied to."""
        return self._at is not None or self.reference is not None

    def of_tracks(self, tracks: frozenset[int]) -> Selection:
        """This choice as one of tracks."""
        return Selection(self.text, tracks=tracks)

    def resolve(self, frames: Iterable[FrameFaces]) -> Selection:
        """This choice with a point in time turned into the track found there; other choices as they are.

        frames: the whole analysis in order, read only as far as needed. Raises SettingsError when there is
        no face.
        """
        if self._at is None:
            return self
        seconds, x, y = self._at
        frame = _nearest(frames, seconds)
        if frame is None or not frame.faces:
            raise SettingsError(f"select {self.text!r}: no face was found at {seconds:g} s")
        away, face = min(((_distance(face, x, y), face) for face in frame.faces), key=lambda pair: pair[0])
        if away > _NEAR:
            raise SettingsError(f"select {self.text!r}: no face is near ({x:g}, {y:g}) at {seconds:g} s")
        return Selection(f"track:{face.track}", track=face.track)

    def __call__(self, frame: FrameFaces) -> tuple[Face, ...]:
        """The chosen faces of a frame."""
        if self.needs_full_analysis:
            raise SettingsError(f"select {self.text!r} needs the analysis of the whole video")
        if self._tracks is not None:
            return tuple(face for face in frame.faces if face.track in self._tracks)
        if self._track is not None:
            return tuple(face for face in frame.faces if face.track == self._track)
        return self._stay_with_largest(frame) if self._largest else frame.faces

    def _stay_with_largest(self, frame: FrameFaces) -> tuple[Face, ...]:
        if frame.cut:
            self._current = None
        if not frame.faces:
            return ()
        chosen = max(frame.faces, key=lambda face: (face.area, -face.track))
        for face in frame.faces:
            if face.track == self._current and chosen.area < _STAY * face.area:
                chosen = face
        self._current = chosen.track
        return (chosen,)


def parse_selection(text: str) -> Selection:
    """The choice that a text means, see `Selection`. Raises SettingsError when it means none."""
    kind, _, value = text.strip().partition(":")
    if kind == "ref" and value:
        return Selection(text, reference=Path(value))
    if kind in ("all", "largest") and not value and ":" not in text:
        return Selection(text, largest=kind == "largest")
    try:
        if kind == "track":
            number = int(value)
            if number >= 0:
                return Selection(text, track=number)
        elif kind == "at":
            seconds, x, y = (float(part) for part in value.split(","))
            if seconds >= 0.0 and all(math.isfinite(v) for v in (seconds, x, y)):
                return Selection(text, at=(seconds, x, y))
    except ValueError:
        pass  # the message below says what is wrong for every malformed text
    raise SettingsError(f"select is {text!r}; choose {_FORMS}")


def _nearest(frames: Iterable[FrameFaces], seconds: float) -> FrameFaces | None:
    """The frame that is shown at this time: the last one that began by then, or the first."""
    shown = None
    for frame in frames:
        if shown is not None and frame.time > seconds + 1e-6:
            break
        shown = frame
    return shown


def _distance(face: Face, x: float, y: float) -> float:
    """Distance of a point from a face's box in units of its longer side, less than 0 inside: best in the middle."""
    left, top, right, bottom = face.box
    size = max(right - left, bottom - top, 1e-6)
    outside = math.hypot(max(left - x, 0.0, x - right), max(top - y, 0.0, y - bottom))
    if outside > 0.0:
        return outside / size
    return math.hypot(x - (left + right) / 2, y - (top + bottom) / 2) / size - 1.0
