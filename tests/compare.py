"""Every tolerance of the tests, with its reason."""

from __future__ import annotations

AFFINE_PX = 1e-7
"""Affine maps, pixels: float64 arithmetic on coordinates of up to 1e5, conditioned to about 1e3."""

OUTLINE_EDGE = 0.03
"""How far landmarks may lie outside the 64-gon that encloses them, in lengths of its nearest edge: a corner
that is skipped lies between two directions 5.6 degrees apart, so at most tan(2.8 degrees) / 2 of the edge
away."""

DETECTED_EYE = 0.2
"""The detector's eyes, in distances between the eyes: its grid is 4 of 192 pixels, its points are for
aiming; measured up to 0.13."""

MESH_EYE = 0.1
"""The mesh's eyes against the actor's, in distances between the eyes: a drawn person differs from a
photographed one; measured up to 0.063."""

MESH_POINT = 0.22
"""The mesh's nose tip and mouth corners against the actor's, in distances between the eyes: both call
slightly other points the tip and the corner; measured up to 0.14."""

POSE_DEGREES = 9.0
"""Head pose from the mesh's weak-perspective depth, degrees; measured up to 7 within 35 degrees of yaw."""

TURNED_PX = 0.01
"""Mean landmark difference between a picture and the same picture coded a quarter turn, pixels of a 110 px
face: the same samples with the same weights, summed in another order."""

SQUEEZED_PX = 0.5
"""The same for half the columns: the network sees a slightly softer picture; measured 0.18."""

SHIFTED_MESH = 0.02
"""Mean landmark difference when the mesh's square is a tenth of its side off, in face widths; measured
0.01."""

PASS_THROUGH_8BIT = 6.0
"""Mean RGB difference of a smooth picture after one conversion to 4:2:0: halved chroma and two roundings."""

SIGNING_MEMORY_MB = 48.0
"""How much more memory signing a file of 160 MB may take at its peak: two blocks of 4 MB and what the C2PA
library keeps; measured 8."""

FAST_MESH_PX = 2.0
"""Mean landmark error of a 110 px face that moves 18 px a frame, pixels: the mesh depends a little on where
its square lies; without the second look it measured over 3."""


# --- native operations against tests/reference.py -------------------------------------------------------------------
# Units: R'G'B' in 0..1 unless said otherwise.

CROP_POINT = 2e-5
"""Interpolation at pixel centres. The native code works in float32 with positions good to about 1e-4 of a sample; noise
changes by the whole range from one sample to the next, which is the worst case."""

CROP_AREA_MEAN, CROP_AREA_MAX = 0.3 / 255, 4.0 / 255
"""Shrinking, against the average over each pixel's area, on waves of at least 12 output pixels. Taps share the area's
first and second moments; higher ones differ, and that grows with the steepness of the waves."""

CROP_ALIAS = 14.0 / 255
"""What may be left of a checkerboard of +-100 code values that shrinks by 1.5 or more and should turn grey."""

CROP_RAMP = 0.02 / 255
"""A straight ramp keeps its values under any linear filter that is centred; the rest is rounding of 8-bit codes in
windows of 1/256 code."""

LAB = 2e-3
"""L*a*b* units: cube roots and powers are polynomials good to about 1e-6 of their value."""

COLOR_RGB = 1.5e-4
"""Colour-matched pixels: the error of the curves above, times a gain of up to 2.5, through the steep start of the
sRGB curve."""

MASK = 2.0 / 32767
"""Masks are whole numbers of 1/32767 and are rounded once in each of the six box filters."""

MASK_EDGE = 0.01
"""How much of the soft edge may lie outside the shrunk outline of a disc, or inside its full part."""

BLEND_CODES = 0.51
"""Code values against the unrounded reference: half a code for rounding, the rest for layers of 1/256 code (8 bit)."""

BLEND_CODES_16 = 2.0
"""The same for 16 bit, where layers are as coarse as the code values themselves: two roundings more."""

BLEND_AREA_MEAN, BLEND_AREA_MAX = 0.5, 6.0
"""Code values: a crop drawn smaller than it is, against the average over each sample's area. The mean holds the
rounding of half a code at most, 0.25 on average."""

SIMD_RGB = 2e-5
"""Between SIMD levels: fused products and sums round once where the scalar code rounds twice."""

SIMD_CODES = 1
"""Between SIMD levels: a value near half a code may round either way."""
