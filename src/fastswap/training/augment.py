"""What a face may look like: random geometry and colour, made in batches on the training device.

The network is shown a warped face and asked for the same face unwarped (the idea of the first deepfakes
trainer): it cannot copy, it has to know the person. Colours are moved about too, because the two persons'
complexions differ and a code that told them apart would keep their expressions apart as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fastswap.training.closing import close
from fastswap.training.degrade import degrade
from fastswap.training.recipe import Augment
from fastswap.training.rng import Rng

LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Batch:
    """Faces of one person for one step, all float32 in 0..1 on the device.

    warped [N, 3, R, R]: the network's input. face [N, 3, R, R], mask [N, 1, R, R]: what it should draw.
    priority [N, 1, R, R]: where eyes and mouth are. mirrored: bool [N]. expression [N, 12]: see `expression`, if known.
    """

    warped: Tensor
    face: Tensor
    mask: Tensor
    priority: Tensor
    mirrored: Tensor | None = None
    expression: Tensor | None = None


def sample(
    planes: Tensor,
    color: Tensor,
    *,
    size: int,
    ratio: float,
    settings: Augment,
    rng: Rng,
    still: bool = False,
    closing: tuple[Tensor, Tensor] | None = None,
    widen: float = 1.0,
) -> Batch:
    """Cuts one batch out of stored faces.

    planes: float32 [N, 5, S, S] in 0..1, R'G'B', mask and priority, showing `ratio` times the side of the
    model's crop. color: [N, 3, 4] colour map of each face (see `transfer`). still: no random geometry or
    input colour, for previews. closing: rows of the faces whose lips are closed, and these lips, see `closing.close`.
    widen: how much wider than they are faces are shown.
    """
    count = len(planes)
    place = _place(count, ratio, settings, rng) if not still else _upright(count, ratio, rng.device)
    place[:, 0] /= widen
    grid = F.affine_grid(place, [count, 3, size, size], align_corners=False)
    straight = F.grid_sample(planes, _closed(grid, closing), padding_mode="border", align_corners=False)
    face = recolor(straight[:, :3], color)
    if still:
        return Batch(face, face, straight[:, 3:4], straight[:, 4:5])
    bent = grid + _bend(place, size, settings, rng)
    warped = F.grid_sample(planes[:, :3], _closed(bent, closing), padding_mode="border", align_corners=False)
    warped = recolor(warped, _follow(jitter(count, settings, rng), color))
    warped = degrade(warped, settings, rng)
    mirrored = place[:, 0, 0] * place[:, 1, 1] < place[:, 0, 1] * place[:, 1, 0]
    return Batch(warped, face, straight[:, 3:4], straight[:, 4:5], mirrored)


def _closed(grid: Tensor, closing: tuple[Tensor, Tensor] | None) -> Tensor:
    if closing is None:
        return grid
    rows, lips = closing
    return grid.index_copy(0, rows, close(grid[rows], lips))


def _upright(count: int, ratio: float, device: torch.device) -> Tensor:
    place = torch.zeros(count, 2, 3, device=device)
    place[:, 0, 0] = place[:, 1, 1] = 1.0 / ratio
    return place


def _place(count: int, ratio: float, settings: Augment, rng: Rng) -> Tensor:
    """[N, 2, 3]: crop coordinates in -1..1 to the stored picture's."""
    angle = rng.uniform(count) * math.radians(settings.turn)
    scale = torch.exp(rng.uniform(count) * settings.zoom) / ratio
    shift = rng.uniform(count, 2) * (2.0 * settings.shift / ratio)
    mirror = 1.0 - 2.0 * rng.chance(count, settings.flip).float()
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack((cos * mirror, -sin, shift[:, 0], sin * mirror, cos, shift[:, 1]), dim=1)
    return rows.view(count, 2, 3)


def _bend(place: Tensor, size: int, settings: Augment, rng: Rng) -> Tensor:
    """[N, R, R, 2]: a smooth random displacement in the stored picture's coordinates."""
    nodes = rng.normal(len(place), 2, settings.nodes, settings.nodes) * (2.0 * settings.warp)
    scale = place[:, :, :2].norm(dim=(1, 2)) / math.sqrt(2.0)
    flow = F.interpolate(nodes * scale[:, None, None, None], (size, size), mode="bicubic", align_corners=True)
    return flow.permute(0, 2, 3, 1)


def jitter(count: int, settings: Augment, rng: Rng) -> Tensor:
    """[N, 3, 4] random colour maps: gain and offset of each channel."""
    gain = torch.exp(rng.normal(count, 1) * settings.gain + rng.normal(count, 3) * settings.tint)
    offset = rng.normal(count, 1).expand(-1, 3) * settings.offset
    return torch.cat((torch.diag_embed(gain), offset[:, :, None]), dim=2)


def identity_colors(count: int, device: torch.device) -> Tensor:
    """[N, 3, 4] colour maps that change nothing."""
    return torch.eye(3, 4, device=device).expand(count, 3, 4)


def transfer(own: Tensor, other: Tensor) -> Tensor:
    """Colour maps [N, 3, 4] that give faces with statistics `own` the statistics `other`, both [N, 3, 2].

    Mean and deviation are matched in Y'CbCr as Reinhard et al. (2001) do in Lab; there the map is linear in
    R'G'B', so it is one matrix. Deviations change by at most a factor of two, so noise in dark faces is not
    blown up.
    """
    to_ycc = _ycc().to(own)
    gain = (other[:, :, 1] / own[:, :, 1].clamp_min(1e-3)).clamp(0.5, 2.0)
    offset = other[:, :, 0] - own[:, :, 0] * gain
    back = torch.linalg.inv(to_ycc)
    matrix = back @ (gain[:, :, None] * to_ycc)
    return torch.cat((matrix, back @ offset[:, :, None]), dim=2)


def statistics(faces: Tensor, masks: Tensor) -> Tensor:
    """Mean and deviation of Y', Cb, Cr inside the mask: [N, 3, H, W] and [N, 1, H, W] to [N, 3, 2]."""
    ycc = torch.einsum("ij,njhw->nihw", _ycc().to(faces), faces)
    weight = masks / masks.sum((2, 3), keepdim=True).clamp_min(1e-6)
    mean = (ycc * weight).sum((2, 3))
    spread = ((ycc - mean[:, :, None, None]).square() * weight).sum((2, 3)).sqrt()
    return torch.stack((mean, spread), dim=2)


def recolor(faces: Tensor, color: Tensor) -> Tensor:
    """Applies colour maps [N, 3, 4] to faces [N, 3, H, W] and clips to 0..1."""
    flat = torch.baddbmm(color[:, :, 3:], color[:, :, :3], faces.flatten(2))
    return flat.clamp_(0.0, 1.0).view_as(faces)


def _follow(after: Tensor, before: Tensor) -> Tensor:
    """The colour map that applies `before` first."""
    matrix = after[:, :, :3] @ before[:, :, :3]
    return torch.cat((matrix, after[:, :, :3] @ before[:, :, 3:] + after[:, :, 3:]), dim=2)


def _ycc() -> Tensor:
    """R'G'B' to Y'CbCr (ITU-R BT.601), chroma centred on 0."""
    red, green, blue = LUMA
    chroma_b, chroma_r = 2.0 * (1.0 - blue), 2.0 * (1.0 - red)
    return torch.tensor(
        [
            [red, green, blue],
            [-red / chroma_b, -green / chroma_b, (1.0 - blue) / chroma_b],
            [(1.0 - red) / chroma_r, -green / chroma_r, -blue / chroma_r],
        ]
    )
