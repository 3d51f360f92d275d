"""Captions in pictures: capital letters, digits and some signs of 5x7 pixels, so that no font is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 6, 7
"""Pixels of a letter with the gap to the next one, and its height, at scale 1."""

_TABLE = (
    "Aehhvhhh Buhhuhhu Cehggghe Duhhhhhu Evgguggv Fvgguggg Gehgnhhf Hhhhvhhh Ie44444e J72222ic Khikokih "
    "Lggggggv Mhrllhhh Nhhpljhh Oehhhhhe Puhhuggg Qehhhlid Ruhhukih Sfgge11u Tv444444 Uhhhhhhe Vhhhhha4 "
    "Whhhllla Xhha4ahh Yhhha444 Zv1248gv 0ehjlphe 14c4444e 2eh1248v 3v2421he 426aiv22 5vgu11he 668guhhe "
    "7v124888 8ehhehhe 9ehhf12c -000v000 .00000cc ,0000c48 :0cc0cc0 /01248g0 +044v440 %op248j3 (2488842 "
    ")8422248 _000000v "
)
"""Each a sign and its seven rows from the top, the five pixels of a row as one digit of base 32, the left one first."""
_ROWS = {entry[0]: [int(digit, 32) for digit in entry[1:]] for entry in _TABLE.split()}


def write(
    picture: NDArray[np.uint8], text: str, x: int, y: int, *, scale: int = 1, bright: int = 220
) -> None:
    """Writes a line of text into a picture [H, W, 3], its top left corner at (x, y); what does not fit is left out.

    Small letters become capitals, unknown signs gaps. bright: gray of the letters, 0..255.
    """
    height, width = picture.shape[:2]
    for place, sign in enumerate(text.upper()):
        for row, bits in enumerate(_ROWS.get(sign, ())):
            for column in range(5):
                if bits >> (4 - column) & 1:
                    top, left = y + row * scale, x + (place * WIDTH + column) * scale
                    if top >= 0 and top + scale <= height and left >= 0 and left + scale <= width:
                        picture[top : top + scale, left : left + scale] = bright


def length(text: str, scale: int = 1) -> int:
    """Pixels that a line of text takes."""
    return max(len(text) * WIDTH - 1, 0) * scale
