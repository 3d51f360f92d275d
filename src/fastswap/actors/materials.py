"""What an actor is made of."""

from __future__ import annotations

from fastswap._raster import Material
from fastswap.actors import textures
from fastswap.actors.identity import Color, Identity
from fastswap.actors.paint import pyramid, relief_pyramid
from fastswap.actors.shape import Face
from fastswap.actors.skin import paint_skin


def _chest(complexion: Color) -> Color:
    """Skin that sees less sun than a face."""
    red, green, blue = complexion
    return round(0.95 * red), round(0.91 * green), round(0.89 * blue)


def make_materials(identity: Identity, face: Face) -> dict[str, Material]:
    """Materials by the names that parts use."""
    f, h = identity.features, identity.head
    skin = paint_skin(identity, face)
    dark = 1.0 - min(1.0, sum(h.complexion) / 560.0)  # dark skin scatters less and shines more
    wrap = (0.42, 0.2 - 0.06 * dark, 0.13 - 0.05 * dark)
    cloth = Material(
        pyramid(textures.cloth(h)), wrap=(0.12, 0.12, 0.12), specular=0.02, strength=0.2, gloss=3, sheen=0.5,
        two_sided=True, density=14.0,
    )  # fmt: skip
    return {
        "skin": Material(
            pyramid(skin.texture()), relief_pyramid(skin.relief()), wrap=wrap, specular=0.032,
            strength=0.85 + 0.5 * dark, gloss=5, sheen=0.5, density=38.0,
        ),
        "eye": Material(
            pyramid(textures.eye(f)), wrap=(0.35, 0.3, 0.28), specular=0.05, strength=1.6, gloss=9, sheen=0.55,
            density=120.0,
        ),
        "teeth": Material(
            pyramid(textures.teeth()), wrap=(0.3, 0.3, 0.3), specular=0.05, gloss=7, sheen=0.3, density=100.0
        ),
        "tongue": Material(
            pyramid(textures.plain((176, 84, 82), 0.7, 0.06)), wrap=(0.4, 0.2, 0.2), gloss=5, density=12.0
        ),
        "ear": Material(
            pyramid(textures.ear_skin(h.complexion, h.seed)), wrap=(0.6, 0.25, 0.18), specular=0.03, strength=0.7,
            gloss=4, sheen=0.3, two_sided=True, density=20.0,
        ),
        "chest": Material(
            pyramid(textures.plain(_chest(h.complexion), 0.35, 0.02, h.seed)), wrap=wrap, specular=0.03,
            strength=0.6, gloss=4, sheen=0.4, density=8.0,
        ),
        "cloth": cloth,
        "collar": cloth,
        "hair": Material(
            pyramid(textures.strand(h.hair_color, h.seed), 4), specular=0.035, strength=0.9, gloss=6, fibre=True,
            two_sided=True, cutout=True, density=95.0,
        ),
        "lash": Material([textures.plain((30, 22, 20), 0.2)], two_sided=True, shift=0.02),
    }  # fmt: skip
