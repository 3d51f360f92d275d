"""The onlooker: the face mesh reads what a drawn face does, as it will when the render is watched.

The generator's own reader (`network.duo`) is trained on photographs alone, and a decoder that is held against it for
long enough learns to draw what it reads right and nobody else does (on real footage its error fell below a tenth while
the mesh saw mouths open twice too wide). The mesh was trained on other people's faces and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fastswap import weights
from fastswap.detect import SIDE
from fastswap.engines.onnx_torch import OnnxModule
from fastswap.faces import MESH_POINTS
from fastswap.tflite import to_onnx
from fastswap.training import expression

NUMBERS = slice(expression.MOUTH_OPEN, expression.GAZE)
"""Those of `expression.NAMES` that the mesh tells; the gaze it does not see."""
SHARE = 4
"""One of so many faces of a step is looked at: the mesh takes as long as a small generator."""
_ROOM = 1.1
"""Side of what the mesh is shown, in sides of the crop: a face fills as much of it as in a render's analysis."""


class Onlooker:
    """Tells the expressions of drawn faces of one person.

    faces: of that person, parts [N, 3, R, R] in 0..1, from which it learns how the person is at rest, see
    `expression.at_rest`. widen: how much wider than they are all faces are drawn; the mesh sees them as wide as they
    are. mirrored: whether half of the faces that it will see are. Raises WeightsError when the mesh cannot be had.
    """

    def __init__(
        self, faces: Iterable[Tensor], widen: float, device: torch.device, *, mirrored: bool
    ) -> None:
        self.mesh = OnnxModule(to_onnx(weights.model_path("mesh").read_bytes())).to(device)
        self._widen = widen
        with torch.no_grad():
            lengths = torch.cat([self._lengths(part) for part in faces])
        rest = expression.at_rest(lengths.cpu().numpy().astype(np.float64))
        rest = expression.evened(rest) if mirrored else rest
        self._gain, self._offset = (torch.from_numpy(row.astype(np.float32)).to(device) for row in rest)

    def look(self, faces: Tensor) -> Tensor:
        """The numbers `NUMBERS` that faces [N, 3, R, R] in 0..1 show, [N, 8]; they have a slope in the faces."""
        return self._lengths(faces) * self._gain + self._offset

    def _lengths(self, faces: Tensor) -> Tensor:
        """See `expression.shown`, [N, 8]."""
        place = faces.new_zeros(len(faces), 2, 3)
        place[:, 0, 0], place[:, 1, 1] = _ROOM * self._widen, _ROOM
        grid = F.affine_grid(place, [len(faces), 3, SIDE, SIDE], align_corners=False)
        shown = F.grid_sample(faces, grid, padding_mode="border", align_corners=False)
        points: Tensor = self.mesh(shown.contiguous(memory_format=torch.channels_last))[0]
        lengths: list[Tensor] = expression.shown(points.reshape(-1, MESH_POINTS, 3))
        return torch.stack(lengths, dim=1)

    def error(self, drawn: Tensor, face: Tensor, mask: Tensor, wanted: Tensor) -> Tensor:
        """How far faces drawn in the place of others are from doing what those do, mean of Huber's function.

        drawn: [N, 3, R, R], put into `face` [N, 3, R, R] where `mask` [N, 1, R, R] is. wanted: [N, 12], see
        `expression`. Huber's, for a face that is still a blur may measure anything.
        """
        count = -(-len(drawn) // SHARE)
        shown = face[:count] + mask[:count] * (drawn[:count] - face[:count])
        return F.smooth_l1_loss(self.look(shown), wanted[:count, NUMBERS], beta=0.5)
