// Y'CbCr code values, R'G'B', linear light and CIE L*a*b*.
#pragma once

#include "abreast.h"
#include "plane.h"

namespace fs {

// Windows (see sample.h) hold code values times 2^(16 - bits), so 8 and 16 bit pictures are the same code.
inline constexpr double kWindowOne = 65536.0;

// R'G'B' = gain * YUV + offset, YUV as 16-bit window values. And back.
struct YuvTransform {
  float to_rgb[3][3], to_rgb_offset[3];
  float from_rgb[3][3], from_rgb_offset[3];
};

// The planes are G, B and R, each with the range of luma.
inline YuvTransform gbr_transform(double span, double zero) {
  constexpr int kPlaneOf[3] = {2, 0, 1};  // of R, G and B
  YuvTransform t{};
  for (int i = 0; i < 3; ++i) {
    t.to_rgb[i][kPlaneOf[i]] = static_cast<float>(1.0 / span);
    t.to_rgb_offset[i] = static_cast<float>(-zero / span);
    t.from_rgb[kPlaneOf[i]][i] = static_cast<float>(span);
    t.from_rgb_offset[i] = static_cast<float>(zero);
  }
  return t;
}

// Rec. ITU-R BT.601-7, BT.709-6, BT.2020-2 (non-constant luminance) and H.273 for the two ranges.
inline YuvTransform yuv_transform(const ColorSpec& color) {
  const double kr = color.matrix == Matrix::kBt601 ? 0.299 : color.matrix == Matrix::kBt709 ? 0.2126 : 0.2627;
  const double kb = color.matrix == Matrix::kBt601 ? 0.114 : color.matrix == Matrix::kBt709 ? 0.0722 : 0.0593;
  const double kg = 1.0 - kr - kb;
  // Spans and offsets of code values, as fractions of 2^bits.
  const double top = static_cast<double>((1 << color.bits) - 1) / static_cast<double>(1 << color.bits);
  const double y_span = (color.full_range ? top : 219.0 / 256.0) * kWindowOne;
  const double c_span = (color.full_range ? top : 224.0 / 256.0) * kWindowOne;
  const double y_zero = (color.full_range ? 0.0 : 16.0 / 256.0) * kWindowOne, c_zero = 0.5 * kWindowOne;
  if (color.matrix == Matrix::kGbr) return gbr_transform(y_span, y_zero);
  const double ru[3] = {0.0, -2.0 * kb * (1.0 - kb) / kg, 2.0 * (1.0 - kb)};
  const double rv[3] = {2.0 * (1.0 - kr), -2.0 * kr * (1.0 - kr) / kg, 0.0};
  const double k[3] = {kr, kg, kb};
  YuvTransform t{};
  for (int i = 0; i < 3; ++i) {
    const double gain[3] = {1.0 / y_span, ru[i] / c_span, rv[i] / c_span};
    for (int j = 0; j < 3; ++j) t.to_rgb[i][j] = static_cast<float>(gain[j]);
    t.to_rgb_offset[i] = static_cast<float>(-gain[0] * y_zero - (gain[1] + gain[2]) * c_zero);
    t.from_rgb[0][i] = static_cast<float>(k[i] * y_span);
    t.from_rgb[1][i] = static_cast<float>(((i == 2 ? 1.0 : 0.0) - k[i]) / (2.0 * (1.0 - kb)) * c_span);
    t.from_rgb[2][i] = static_cast<float>(((i == 0 ? 1.0 : 0.0) - k[i]) / (2.0 * (1.0 - kr)) * c_span);
  }
  t.from_rgb_offset[0] = static_cast<float>(y_zero);
  t.from_rgb_offset[1] = t.from_rgb_offset[2] = static_cast<float>(c_zero);
  return t;
}

// Black as window values: luma and chroma.
inline std::uint16_t black_luma(const ColorSpec& color) { return color.full_range ? 0 : 16 << 8; }
inline std::uint16_t black_chroma(const ColorSpec& color) {
  return color.matrix == Matrix::kGbr ? black_luma(color) : 128 << 8;
}

template <class F>
FS_HD F row3(const float (&m)[3], float offset, F a, F b, F c) {
  using L = Lanes<F>;
  return fmadd(L::set(m[0]), a, fmadd(L::set(m[1]), b, fmadd(L::set(m[2]), c, L::set(offset))));
}

// Powers without a root or a division: the bits of a float, read as a whole number, are 2^23 (127 + log2 x)
// to within a tenth of an octave, so a polynomial in them is a guess at a power of x. Of a guess r at
// x^(-1/n), e = x r^n - 1 is small, and x^(-1/n) is r (1 + e)^(-1/n), of which a short polynomial in e is
// enough.

// Cube root of x in 216/24389..1, as x r^2 (1 + e)^(-2/3). The relative error is below 2e-6; 0 gives 0.
template <class F>
FS_HD F cube_root(F x) {
  using L = Lanes<F>;
  const F bits = number_of_bits(x);
  const F r = fmadd(fmadd(L::set(8.0435138e-16f), bits, L::set(-1.7315818e-6f)), bits, L::set(932.85004f));
  const F y = x * (r * r);
  const F e = fmadd(y, r, L::set(-1.0f));
  F p = fmadd(L::set(-0.49321443f), e, L::set(0.55800122f));
  p = fmadd(p, e, L::set(-0.66667253f));
  p = fmadd(p, e, L::set(0.99999833f));
  return y * p;
}

// IEC 61966-2-1 (sRGB), R'G'B' in 0..1 to linear light. The power segment is a polynomial of degree 7, fitted
// so that L* is off by less than 0.0005.
template <class F>
FS_HD F linear_from_srgb(F x) {
  using L = Lanes<F>;
  F p = L::set(0.10540676f);
  p = fmadd(p, x, L::set(-0.42469934f));
  p = fmadd(p, x, L::set(0.74124455f));
  p = fmadd(p, x, L::set(-0.79491663f));
  p = fmadd(p, x, L::set(0.85071279f));
  p = fmadd(p, x, L::set(0.48610628f));
  p = fmadd(p, x, L::set(0.035303037f));
  p = fmadd(p, x, L::set(0.00085365679f));
  return choose_less(x, L::set(0.04045f), x * L::set(1.0f / 12.92f), p);
}

// Linear light in 0..1 to R'G'B', off by less than 5e-6: x^(1/2.4) as x r^7 (1 + e)^(-7/12), r a guess at
// x^(-1/12).
template <class F>
FS_HD F srgb_from_linear(F x) {
  using L = Lanes<F>;
  const F bits = number_of_bits(x);
  const F r = fmadd(fmadd(L::set(3.0166711e-17f), bits, L::set(-7.0956602e-8f)), bits, L::set(42.353958f));
  const F r3 = r * (r * r), r6 = r3 * r3;
  const F y = x * r6;
  const F e = fmadd(y, r6, L::set(-1.0f));
  const F p = fmadd(fmadd(L::set(0.48696819f), e, L::set(-0.61579615f)), e, L::set(1.0550002f));
  return choose_less(x, L::set(0.0031308f), x * L::set(12.92f), fmadd(y * r, p, L::set(-0.055f)));
}

template <class F>
struct Triple {
  F a, b, c;
};

// CIE 15: f(t) of L*a*b*, and its inverse.
template <class F>
FS_HD F lab_curve(F t) {
  using L = Lanes<F>;
  return choose_less(t, L::set(216.0f / 24389.0f), fmadd(t, L::set(841.0f / 108.0f), L::set(4.0f / 29.0f)),
                     cube_root(t));
}
template <class F>
FS_HD F lab_curve_inverse(F f) {
  using L = Lanes<F>;
  return choose_less(f, L::set(6.0f / 29.0f), fmadd(f, L::set(108.0f / 841.0f), L::set(-432.0f / 24389.0f)),
                     f * f * f);
}

// R'G'B' in 0..1 (sRGB primaries, D65) to CIE L*a*b*, off by less than 0.001 in L* and 0.003 in a* and b*.
// The rows of the matrix are divided by the white point.
template <class F>
FS_HD Triple<F> lab_from_rgb(const Triple<F>& rgb) {
  using L = Lanes<F>;
  using Three = Abreast<F, 3>;
  constexpr float kX[3] = {0.4123908f / 0.9504559f, 0.3575843f / 0.9504559f, 0.1804808f / 0.9504559f};
  constexpr float kY[3] = {0.2126390f, 0.7151687f, 0.0721923f};
  constexpr float kZ[3] = {0.0193308f / 1.0890578f, 0.1191948f / 1.0890578f, 0.9505322f / 1.0890578f};
  const auto [r, g, b] = linear_from_srgb(Three{{rgb.a, rgb.b, rgb.c}}).v;
  const Three xyz = {{row3(kX, 0.0f, r, g, b), row3(kY, 0.0f, r, g, b), row3(kZ, 0.0f, r, g, b)}};
  const auto [x, y, z] = lab_curve(xyz).v;
  return {fmadd(L::set(116.0f), y, L::set(-16.0f)), L::set(500.0f) * (x - y), L::set(200.0f) * (y - z)};
}

// CIE L*a*b* to R'G'B', cut to 0..1.
template <class F>
FS_HD Triple<F> rgb_from_lab(F l, F a, F b) {
  using L = Lanes<F>;
  using Three = Abreast<F, 3>;
  constexpr float kR[3] = {3.2409699f * 0.9504559f, -1.5373832f, -0.4986108f * 1.0890578f};
  constexpr float kG[3] = {-0.9692436f * 0.9504559f, 1.8759675f, 0.0415551f * 1.0890578f};
  constexpr float kB[3] = {0.0556301f * 0.9504559f, -0.2039770f, 1.0569715f * 1.0890578f};
  const F fy = fmadd(l, L::set(1.0f / 116.0f), L::set(16.0f / 116.0f));
  const Three f = {{fmadd(a, L::set(1.0f / 500.0f), fy), fy, fmadd(b, L::set(-1.0f / 200.0f), fy)}};
  const auto [x, y, z] = lab_curve_inverse(f).v;
  const Three linear = {{row3(kR, 0.0f, x, y, z), row3(kG, 0.0f, x, y, z), row3(kB, 0.0f, x, y, z)}};
  const auto [red, green, blue] = srgb_from_linear(clamp_unit(linear)).v;
  return {red, green, blue};
}

}  // namespace fs
