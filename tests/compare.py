"""Every tolerance of the tests, with its reason."""

from __future__ import annotations

AFFINE_PX = 1e-7
"""Affine maps, pixels: float64 arithmetic on coordinates of up to 1e5, conditioned to about 1e3."""

OUTLINE_EDGE = 0.03
"""How far landmarks may lie outside the 64-gon that encloses them, in lengths of its nearest edge: a corner
that is skipped lies between two directions 5.6 degrees apart, so at most tan(2.8 degrees) / 2 of the edge
away."""

DETECTED_EYE = 0.25
"""The detector's eyes, in distances between the eyes: its grid is 4 of 192 pixels, its points are for
aiming."""

MESH_EYE = 0.12
"""The mesh's eyes against the actor's, in distances between the eyes: a drawn person differs from a
photographed one; measured up to 0.07."""

MESH_POINT = 0.3
"""The mesh's nose tip and mouth corners against the actor's, in distances between the eyes: both call
slightly other points the tip and the corner; measured up to 0.2."""

POSE_DEGREES = 9.0
"""Head pose from the mesh's weak-perspective depth, degrees; measured up to 7 within 35 degrees of yaw."""

TURNED_PX = 0.3
"""Mean landmark difference between a picture and the same picture coded a quarter turn, pixels of a 110 px
face: 4:2:0 chroma is sampled at mirrored positions."""

SQUEEZED_PX = 1.0
"""The same for half the columns: the network sees a slightly softer picture."""

SHIFTED_MESH = 0.02
"""Mean landmark difference when the mesh's square is a tenth of its side off, in face widths; measured
0.01."""
