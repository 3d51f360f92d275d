"""Every tolerance of the tests, with its reason."""

from __future__ import annotations

from fastswap import _cpu

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

TURNED_PX = 0.05
"""Mean landmark difference between a picture and the same picture coded a quarter turn, pixels of a 110 px
face: the same samples with the same weights, summed in another order; then the detector in bfloat16 starts the
mesh from a square that is off by a rounding. Measured 0.025."""

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

FAST_MESH_PX = 1.0
"""Mean landmark error of a 110 px face that moves 36 px a frame, pixels: the mesh depends a little on where its
square lies; measured 0.4, and up to 29 without the second look."""


# --- native operations against tests/reference.py -------------------------------------------------------------------
# Units: R'G'B' in 0..1 unless said otherwise.

CROP_POINT = 5e-5 if _cpu.get_simd() == "avx2" else 2e-5
"""Interpolation at pixel centres. The native code works in float32 with positions good to about 1e-4 of a sample;
noise changes by the whole range from one sample to the next, which is the worst case. AVX2 rounds weights to 15 bits,
which adds 2^-16 of that in luma, and 1.8 times as much in chroma."""

CROP_AREA_MEAN, CROP_AREA_MAX = 0.3 / 255, 4.0 / 255
"""Shrinking, against the average over each pixel's area, on waves of at least 12 output pixels. Taps share the area's
first and second moments; higher ones differ, and that grows with the steepness of the waves."""

CROP_ALIAS = 14.0 / 255
"""What may be left of a checkerboard of +-100 code values that shrinks by 1.5 or more and should turn grey."""

CROP_RAMP = 0.02 / 255
"""A straight ramp keeps its values under any linear filter that is centred; the rest is rounding of 8-bit codes in
windows of 1/256 code."""

COLOR_RGB = 1.5e-4
"""Colour-matched pixels: the error of the curves above, times a gain of up to 1.5, through the steep start of the
sRGB curve."""

COLOR_TABLES = 4e-4
"""The same by tables: colours near the edge of a cell, or of a table's bin, fall to the other side in float32; of the
eight rounds each adds its own."""

WIDE_CODES = 0.55
"""Code values of a bicubic or Lanczos enlargement against the unrounded reference: as `BLEND_CODES`, with the filter's
overshoot on the layers' rounding, and for Lanczos weights good to 5e-6. AVX2 and AVX-512 round weights along a row to
15 bits, which adds less than 0.01."""

DETAIL = 2e-3
"""Energy of detail, as a part of it: sums of squares of float32 differences."""

DETAIL_NOISE = 2.0 / 8192 / 0.6745
"""Deviation of a band's noise: medians are told from bins of 1/8192."""

SHARPENED = 1e-5
"""Sharpened pixels, values in 0..1: float32."""

MOTION_BLUR = 2e-5
"""Smeared pixels, values in 0..1: float32 positions over up to 100 pixels."""

NOISE_CODES = 0.13
"""Deviation of a frame's noise, code values: medians of whole numbers, 4 for each code value of deviation, which the
native code tells more finely than a sorted list does."""

GRAIN_PART = 0.03
"""Deviation of the grain on 20,000 samples, as a part of what was asked for: chance is 0.005, rounding to whole codes
adds up to 0.02."""

MASK = 2.0 / 32767
"""Masks are whole numbers of 1/32767 and are rounded once in each of the six box filters."""

MASK_EDGE = 0.01
"""How much of the soft edge may lie outside the shrunk outline of a disc, or inside its full part."""

BLEND_CODES = 0.51
"""Code values against the unrounded reference: half a code for rounding, the rest for layers of 1/256 code (8
bit)."""

BLEND_CODES_16 = 2.0
"""The same for 16 bit, where layers are as coarse as the code values themselves: two roundings more."""

BLEND_AREA_MEAN, BLEND_AREA_MAX = 0.5, 6.0
"""Code values: a crop drawn smaller than it is, against the average over each sample's area. The mean holds the
rounding of half a code at most, 0.25 on average."""

SIMD_RGB = 1e-4
"""Between SIMD levels: fused products and sums round once where the scalar code rounds twice, also coordinates of some
hundred samples, which are then off by up to 2^-16 of one; in pure noise that is as much of the whole range. AVX2 takes
samples times weights of 15 bits, which are off by up to 2^-16 as well; blue takes chroma 1.8-fold."""

SIMD_CODES = 1
"""Between SIMD levels: a value near half a code may round either way."""

# --- seams, R'G'B' in 0..1 -------------------------------------------------------------------------------------------

MEMBRANE_MEAN, MEMBRANE_MAX = 0.2 / 255, 1.0 / 255
"""The multigrid solution against the exact one: what two cycles leave, most of it beside hard edges; measured 0.1
and 0.73."""

BANDS = 1e-5
"""Pyramids in float32: a few sums of numbers below 1 for each of up to five levels."""

SEAM_FLICKER = 0.1
"""Movement of the middle of a corrected face, as a part of the frames' noise: its seam averages over the mask's soft
edge; measured 0.04."""

# --- faces over time
# --------------------------------------------------------------------------------------------------

STEADY_JITTER = 0.2
"""Jitter left of a still or steadily moving head, as a part of the measured: 13 frames in a line leave 0.1 to
0.15."""

ONE_EURO_JITTER = 1.1
"""Jitter of a still or steadily moving head against a One Euro filter's (1 Hz, 0.05): measured 0.2 to 0.95."""

BLEND_CODES_12 = 0.7
"""12 bit, where layers are 1/16 code: between the two above."""

BLEND_CODES_14 = 1.0
"""14 bit, where layers are 1/4 code."""

ROUND_TRIP_CODES = 2
"""Code values: a crop drawn back where it came from was interpolated twice, on waves of 25 samples and more."""

FACESET_FIT = 0.05
"""How far a faceset picture's five points may be from a perfect fit to the template, as entries of the map and
pixels: the fit is exact before landmarks are rounded to 0.01 pixel."""

FACESET_PX = 0.05
"""Landmarks taken from an index back to display pixels: rounded to 0.01 pixel of the picture, whose pixels are
up to about two display pixels wide in the tests."""

FACESET_RGB = 2.5
"""Mean difference in code values between a picture as training samples it and as a viewer resizes it: chroma is
upsampled by another filter."""

FACESET_MASK = 3.0
"""Mean difference in code values between a mask and a polygon filled with whole pixels, its edge included: half
a pixel all around is about one percent of the picture."""

SIMD_COLOR = 1e-4
"""Between SIMD levels, colour match: sums run in another order, and gains of up to 1.5 magnify what differs."""

TORCH_SAMPLE = 1e-4
"""Faces that torch samples exactly at their pixels' centres, values in 0..1: float32 coordinates over 60 pixels,
at edges that change by half the range from one pixel to the next."""

TORCH_COLOR = 1e-4
"""Means and deviations of colours in 0..1 after a linear map in float32."""

TORCH_SSIM = 1e-4
"""SSIM in float32: its variances are differences of means of about 0.5, so 1e-7 becomes up to 1e-4 of 0.03^2."""

TORCH_PERFECT = 0.05
"""Loss of a face that is drawn perfectly: what is left is the cross entropy of a mask with soft edges."""

MESH_AGAIN = 0.01
"""The mesh on a picture against the mesh on the same picture through YUV 4:2:0, in a slightly other square, in eye
distances; measured up to 0.002."""

TORCH_BLOCK = 1e-3
"""Faces through an 8x8 cosine transform quantised in steps of 1e-4 to 1e-3: half a step in each of 64 coefficients."""

TORCH_PARTS = 2e-4
"""A step in one go against the same step in parts: float32 sums in another order, through a few Adam steps, which
divide by the gradients' size."""

TORCH_EXPORT = 1e-4
"""ONNX engines against torch in float32, values in 0..1: only the order of sums differs, over a few layers."""

SWSCALE_CODE = 1.1
"""Luma code values of FFmpeg's scaler against exact arithmetic: its own rounding beside the last one."""

RGB_ROUND_TRIP = 2.5
"""Mean RGB difference of a smooth picture through 4:2:0 and back: halved chroma and two roundings."""

JPEG_TWICE = 7.0
"""Mean RGB difference of a smooth picture of few pixels through one or two lossy picture files."""

RGB_FILTERS = 4.0
"""Mean RGB difference of a smooth picture between two ways to enlarge its chroma, by bilinear and bicubic filters."""

CUDA_RGB = 2e-5
"""Between the GPU and the scalar CPU code: the GPU fuses products and sums."""

CUDA_TONE = 2e-3
"""Between the GPU and the CPU, crops of HDR pictures: CUDA_RGB through a curve whose slope is up to 100 near black."""

CUDA_MASK = 3.0 / 32767
"""Between the GPU and the CPU, masks: the CPU rounds each joined shape, the GPU their product once; then as MASK."""

CUDA_SUMS = 1e-4
"""Between the GPU and the CPU, sums over masked pixels as a part of the weight, in L*a*b* too (values of up to 100):
the GPU adds histograms and clouds in fixed point of 16 and 24 bits, and moments in another order."""

CUDA_COLOR = 1e-4
"""Between the GPU and the scalar CPU code, colour match from the same statistics: as SIMD_COLOR."""

CUDA_DETAIL = 2e-6
"""Between the GPU and the CPU, sums of squared detail as a part of the weight: fused products, and a magnitude beside
the border of two of the median's bins of 1/8192 may be counted in either."""

CUDA_CODES = 1
"""Between the GPU and the scalar CPU code, 8 bit: a value near half a code may round either way."""

CUDA_SEAM = 2.0 / 255
"""Between the GPU and the CPU, seams: their grids begin elsewhere (the whole crop, the mask's rectangle), so each has
an error of its own against the exact membrane."""

CUDA_SEAM_CODES = 2
"""The same once drawn, code values of 8 bit."""

RASTER_EDGE = 0.13
"""Covered area against the exact one, square pixels for each pixel of outline: four samples a pixel; measured up to
0.1 on edges that run along the samples."""

RASTER_UNIT = 1e-5
"""Length of a direction: the rasteriser's inverse square root is good to 5e-6."""

RASTER_CODE = 3.0
"""A texture's ramp in perspective, code values: one sample's offset of a quarter pixel and two roundings."""

ACTOR_SCORE = 0.7
"""The detector's score on actors, the project's promise for its demo footage."""

ACTOR_POINT = 0.3
"""The mesh's five points against the actor's over wide poses, in distances between the eyes seen from in front."""

ACTOR_CLIP = 4.0
"""Mean RGB difference of an actor's clip after 4:2:0 and x264's default quality, code values."""

FACE_NETWORK = 5e-6
"""The converted face models against OpenVINO's reading of the originals in float32, relative to an output's largest
value: only the order of sums differs, over about 90 layers; measured up to 2e-6."""

TYPED_SWAP = {"f16": 0.004, "bf16": 0.03}
"""Networks in half precision against float32, mean absolute difference of values in 0..1: roundings of 2^-11 and 2^-8
over some thirty layers; measured 0.0005 and 0.004 on the demo's network."""

TYPED_WORST = {"f16": 0.04, "bf16": 0.3}
"""The same, largest difference of any value: edges move by a part of a pixel."""

TORCH_ENGINE = 2e-4
"""The torch engine in float32 against OpenVINO, values in 0..1: only the order of sums differs."""

RECOMPOSED = 1.6
"""8-bit luma codes. The output is rounded once (0.5); the matte beside it is stored in 8 bits, which at most moves the
blend by half of 1/255 of the contrast between face and frame (0.43 at 219), the layer in 10 bits (0.13); and the
composite weighs with a mask of its own precision (below 0.5)."""

GPU_SCORE = 0.03
"""Scores of faces between the GPU path (torch, float32) and OpenVINO, whose detector runs in bfloat16 where it can."""

GPU_DETECTION = 3.0
"""Points of the detector the same way, pixels of a 110 pixel face."""

GPU_LANDMARK = 0.1
"""Landmarks of the mesh, display pixels: float32 on both sides, a sixteenth is their rounding."""

GPU_TRACKED = 0.4
"""Landmarks of a track, display pixels: the detector's box, where the mesh begins, differs by up to GPU_DETECTION."""

GPU_SWAP_CODE = 3
"""Code values of swapped frames: the generator in half precision on one side, bfloat16 on the other, then rounding."""

SWAP_LAYOUTS = 1.5
"""Mean R'G'B' difference in the face between 8 and 16 bits of the same picture: the crop is rounded to 8 bits in one
and not in the other, and the network in bf16 makes of that about one code value."""

SWAP_8BIT_420 = 5.0
"""Mean R'G'B' difference in the face between a swap in 4:4:4 R'G'B' and one in subsampled Y'CbCr: half the chroma."""

GPU_RENDER_MEAN = 0.3
"""Mean code value of whole frames rendered on the GPU path and on the CPU: landmarks differ by GPU_TRACKED at most."""

GPU_RENDER_MOST = 60
"""The same, any one sample: an edge of the mask or of the face that lies a fraction of a pixel elsewhere."""

TONE_RGB = 1e-4
"""HDR crops, R'G'B' as SDR: the curve is straight between 4096 steps, which costs 6e-5 at black."""

TONE_CODES = 0.7
"""HDR blends, code values of 10 and 12 bits against the unrounded reference: as BLEND_CODES_12, the table adds 0.01."""

HDR_ROUND_TRIP_CODES = 3
"""10-bit code values of a crop drawn back where it came from: interpolated twice, through the curve and back."""

HDR_LIGHT = 0.2
"""Mean light of a matched face against the target's, relative: statistics are those of code values, not of light."""

STILL_JITTER = 0.06
"""How much more the face of a still head may move after the swap than before it, pixels of a 170 px face: the mesh's
noise, smoothed; measured 0.03."""

STILL_FLICKER = 0.05
"""How much more its mean colour may change over time, code values; measured 0.00 with a deviation of 0.03 before."""

TORCH_OPERATOR = 2e-5
"""One operator in torch and in onnxruntime, float32 values of about 1: the order of sums, and two cubic resizers."""
