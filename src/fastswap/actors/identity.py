"""Who a synthetic person is: the inner face apart from the head around it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

import numpy as np

from fastswap.errors import SettingsError

Color = tuple[int, int, int]
"""sRGB, 0..255."""

HairStyle = Literal["short", "crop", "parted", "long", "bob", "bald"]
HAIR_STYLES: tuple[HairStyle, ...] = get_args(HairStyle)

SKIN_TONES: tuple[Color, ...] = (
    (238, 200, 178), (232, 188, 160), (222, 172, 140), (205, 152, 118), (176, 124, 92), (142, 96, 70), (108, 72, 54),
)  # fmt: skip
HAIR_COLORS: tuple[Color, ...] = (
    (30, 24, 22), (52, 36, 28), (86, 56, 36), (120, 78, 46), (168, 120, 70), (206, 168, 112), (140, 66, 34),
    (150, 146, 142),
)  # fmt: skip
EYE_COLORS: tuple[Color, ...] = (
    (78, 48, 28),
    (112, 74, 38),
    (104, 112, 62),
    (84, 122, 104),
    (92, 128, 158),
    (128, 146, 160),
)
CLOTHES: tuple[Color, ...] = (
    (46, 66, 96),
    (120, 44, 48),
    (58, 88, 74),
    (214, 208, 196),
    (64, 62, 70),
    (176, 132, 72),
)


@dataclass(frozen=True, slots=True)
class Features:
    """The inner face: what a face swap replaces.

    Numbers are deviations from an average face, 0 is average and ±1 a strong deviation, except where a range is
    given. Colours are sRGB.
    """

    eye_size: float = 0.0
    eye_spacing: float = 0.0
    eye_tilt: float = 0.0
    eye_height: float = 0.0
    lid_fold: float = 0.0
    eye_color: Color = (112, 74, 38)
    lashes: float = 0.0
    brow_height: float = 0.0
    brow_arch: float = 0.0
    brow_thickness: float = 0.0
    brow_color: Color = (52, 36, 28)
    brow_ridge: float = 0.0
    nose_length: float = 0.0
    nose_width: float = 0.0
    nose_bridge: float = 0.0
    nose_hump: float = 0.0
    nose_tip: float = 0.0
    nose_turn: float = 0.0
    mouth_width: float = 0.0
    mouth_height: float = 0.0
    upper_lip: float = 0.0
    lower_lip: float = 0.0
    lip_redness: float = 0.0
    cheekbones: float = 0.0
    cheek_fullness: float = 0.0
    freckles: float = 0.0  # 0..1
    stubble: float = 0.0  # 0..1
    wrinkles: float = 0.2  # 0..1
    moles: int = 1
    blush: float = 0.4  # 0..1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """What is around the inner face: a face swap keeps it. Units as in `Features`."""

    face_width: float = 0.0
    jaw_width: float = 0.0
    chin_length: float = 0.0
    chin_width: float = 0.0
    forehead: float = 0.0
    skull: float = 0.0
    ear_size: float = 0.0
    neck_width: float = 0.0
    complexion: Color = (222, 172, 140)
    hair_style: HairStyle = "short"
    hair_color: Color = (52, 36, 28)
    clothes: Color = (46, 66, 96)
    neckline: Literal["crew", "v", "shirt"] = "crew"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.hair_style not in HAIR_STYLES:
            raise SettingsError(
                f"actor: hair_style is {self.hair_style!r}; choose one of {', '.join(HAIR_STYLES)}"
            )


@dataclass(frozen=True, slots=True)
class Identity:
    """A synthetic person. Nobody real: every number is a preset's or drawn from a seed."""

    name: str = "someone"
    features: Features = field(default_factory=Features)
    head: Head = field(default_factory=Head)

    @staticmethod
    def random(seed: int) -> Identity:
        """Another person for every seed; the same one for the same seed."""
        rng = np.random.default_rng([0x5EED, seed])
        tone = int(rng.integers(len(SKIN_TONES)))
        dark = tone >= 4
        hair = HAIR_COLORS[int(rng.integers(2 if dark else len(HAIR_COLORS)))]
        style = HAIR_STYLES[int(rng.integers(len(HAIR_STYLES) - (rng.random() < 0.8)))]
        bearded = style not in ("long", "bob")
        features = replace(
            Features(**_draw(rng, Features)),
            eye_color=EYE_COLORS[int(rng.integers(2 if dark else len(EYE_COLORS)))],
            brow_color=_mix(hair, (34, 26, 22), 0.4),
            freckles=float(max(0.0, rng.normal(0.0, 0.4))) if not dark else 0.0,
            stubble=float(np.clip(rng.normal(0.4, 0.35), 0, 1)) if bearded else 0.0,
            wrinkles=float(rng.uniform(0.05, 0.8)),
            moles=int(rng.integers(0, 4)),
            blush=float(rng.uniform(0.2, 0.8)),
            seed=int(rng.integers(1 << 30)),
        )
        head = replace(
            Head(**_draw(rng, Head)),
            complexion=SKIN_TONES[tone],
            hair_style=style,
            hair_color=hair,
            clothes=CLOTHES[int(rng.integers(len(CLOTHES)))],
            neckline=("crew", "v", "shirt")[int(rng.integers(3))],
            seed=int(rng.integers(1 << 30)),
        )
        return Identity(f"random-{seed}", features, head)

    def with_features_of(self, other: Identity) -> Identity:
        """The truth of a swap: `other`'s inner face in this head, complexion, hair and clothes."""
        return Identity(f"{other.name}-in-{self.name}", other.features, self.head)


def _draw(rng: np.random.Generator, kind: type[Features] | type[Head]) -> dict[str, Any]:
    """A bounded normal deviate for every number of `kind` that is 0 on average."""
    return {
        f.name: float(np.clip(rng.normal(0.0, 0.45), -1.0, 1.0))
        for f in fields(kind)
        if f.default == 0.0 and isinstance(f.default, float)
    }


def _mix(a: Color, b: Color, part: float) -> Color:
    r, g, bl = (round(p + (q - p) * part) for p, q in zip(a, b, strict=True))
    return r, g, bl


ANNA = Identity(
    "anna",
    Features(
        eye_size=0.55, eye_spacing=0.2, eye_tilt=0.35, eye_height=0.1, eye_color=(84, 122, 104), lashes=0.8,
        brow_height=0.3, brow_arch=0.6, brow_thickness=-0.35, brow_color=(92, 54, 34), brow_ridge=-0.6,
        nose_length=-0.35, nose_width=-0.45, nose_bridge=-0.1, nose_tip=-0.3, nose_turn=0.5,
        mouth_width=0.0, upper_lip=0.45, lower_lip=0.5, lip_redness=0.6,
        cheekbones=0.5, cheek_fullness=0.2, freckles=0.55, wrinkles=0.08, moles=1, blush=0.65, seed=11,
    ),
    Head(
        face_width=-0.3, jaw_width=-0.5, chin_length=-0.2, chin_width=-0.4, forehead=0.1, neck_width=-0.7,
        complexion=(236, 196, 172), hair_style="long", hair_color=(134, 70, 36), clothes=(58, 88, 74), neckline="v",
        seed=12,
    ),
)  # fmt: skip
BO = Identity(
    "bo",
    Features(
        eye_size=-0.35, eye_spacing=-0.15, eye_tilt=-0.2, eye_color=(78, 48, 28),
        brow_height=-0.3, brow_arch=-0.3, brow_thickness=0.6, brow_color=(34, 26, 22), brow_ridge=0.7,
        nose_length=0.4, nose_width=0.45, nose_bridge=0.5, nose_hump=0.5, nose_tip=0.4, nose_turn=-0.3,
        mouth_width=0.4, upper_lip=-0.5, lower_lip=-0.2, lip_redness=-0.4,
        cheekbones=-0.1, cheek_fullness=-0.3, stubble=0.75, wrinkles=0.55, moles=2, blush=0.25, seed=21,
    ),
    Head(
        face_width=0.3, jaw_width=0.6, chin_length=0.3, chin_width=0.6, forehead=-0.1, neck_width=0.6,
        complexion=(205, 152, 118), hair_style="short", hair_color=(40, 30, 26), clothes=(46, 66, 96),
        neckline="crew", seed=22,
    ),
)  # fmt: skip
CLEO = Identity(
    "cleo",
    Features(
        eye_size=0.2, eye_tilt=0.5, eye_color=(60, 38, 26), brow_arch=0.2, brow_color=(28, 22, 20),
        nose_width=0.7, nose_bridge=-0.4, nose_tip=0.3, mouth_width=0.3, upper_lip=0.8, lower_lip=0.7,
        lip_redness=0.2, cheekbones=0.6, wrinkles=0.1, moles=0, seed=31,
    ),
    Head(jaw_width=-0.2, complexion=(128, 86, 62), hair_style="bob", hair_color=(28, 23, 22),
         clothes=(176, 132, 72), neckline="shirt", neck_width=-0.4, seed=32),
)  # fmt: skip
DAN = Identity(
    "dan",
    Features(
        eye_size=-0.1, eye_spacing=0.3, eye_color=(92, 128, 158), brow_thickness=0.2, brow_color=(140, 100, 62),
        brow_ridge=0.4, nose_length=0.1, nose_width=-0.1, nose_bridge=0.2, mouth_width=0.1, lower_lip=0.2,
        freckles=0.2, stubble=0.35, wrinkles=0.35, seed=41,
    ),
    Head(face_width=0.1, jaw_width=0.2, chin_width=0.2, complexion=(232, 188, 160), hair_style="parted",
         hair_color=(150, 104, 60), clothes=(64, 62, 70), neckline="shirt", neck_width=0.3, seed=42),
)  # fmt: skip
PRESETS = {person.name: person for person in (ANNA, BO, CLEO, DAN)}
