"""Which faces of each frame are replaced, and by which model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastswap.faces import Face, FrameFaces
from fastswap.frame import Frame
from fastswap.report import Report
from fastswap.select import Selection
from fastswap.swap import Work, drawing_order


@dataclass(frozen=True, slots=True)
class Chosen:
    """One frame as the analysis found it, and for each model the faces that it replaces. state: see `Work`."""

    found: FrameFaces
    faces: tuple[tuple[Face, ...], ...]
    state: str

    def work(self, frame: Frame, span: int = 0) -> Work:
        """What is to be done with the frame itself."""
        return Work(frame, self.faces[0], self.found, self.state, rest=self.faces[1:], span=span)


class Choice:
    """Chooses faces frame by frame, in order, and counts why a frame passes through unchanged.

    selections: one for each model; a face goes to the first that wants it.
    """

    def __init__(self, selections: Sequence[Selection], report: Report) -> None:
        self._selections, self._report = selections, report

    def __call__(self, found: FrameFaces, *, counted: bool = True) -> Chosen:
        """The faces of the next frame that are replaced. counted: false for a frame that is only looked at."""
        report, taken, chosen = self._report, set[int](), []
        for selection in self._selections:
            faces = [face for face in selection(found) if face.track not in taken]
            taken |= {face.track for face in faces}
            chosen.append(drawing_order(faces))
        state = "swapped" if taken else _why_not(found)
        if counted and taken:
            report.swapped += 1
            report.faces += len(taken)
        elif counted:
            report.skipped[state] += 1
        return Chosen(found, tuple(chosen), state)


def _why_not(found: FrameFaces) -> str:
    if found.faces:
        return "face not selected"
    return "face in doubt" if found.doubted else "no face"
