// Y'CbCr code values, R'G'B', linear light and CIE L*a*b*.
#pragma once

#include "lanes.h"
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

// Cube root of x >= 0 without a division: a guess at x^(-1/3) from the exponent, then two steps of third
// order (Householder's method), and x times its square. The relative error is below 3e-7.
template <class F>
FS_HD F cube_root(F x) {
  using L = Lanes<F>;
  const F safe = upper(x, L::set(1e-12f));
  F r = from_bits(truncate(fmadd(to_float(bits_of(safe)), L::set(-1.0f / 3.0f), L::set(1419900000.0f))));
  for (int i = 0; i < 2; ++i) {
    const F e = L::set(1.0f) - safe * (r * r * r);
    r = fmadd(r * e, fmadd(e, L::set(2.0f / 9.0f), L::set(1.0f / 3.0f)), r);
  }
  return safe * (r * r);
}

// IEC 61966-2-1 (sRGB), R'G'B' in 0..1 to linear light. The power segment is a polynomial of degree 8, fitted
// so that L* is off by less than 0.001.
template <class F>
FS_HD F linear_from_srgb(F x) {
  using L = Lanes<F>;
  F p = L::set(-0.091818691f);
  p = fmadd(p, x, L::set(0.437482926f));
  p = fmadd(p, x, L::set(-0.906212055f));
  p = fmadd(p, x, L::set(1.10011942f));
  p = fmadd(p, x, L::set(-0.941859224f));
  p = fmadd(p, x, L::set(0.883674333f));
  p = fmadd(p, x, L::set(0.482246515f));
  p = fmadd(p, x, L::set(0.035516483f));
  p = fmadd(p, x, L::set(0.000849375681f));
  return choose_less(x, L::set(0.04045f), x * L::set(1.0f / 12.92f), p);
}

// Linear light to R'G'B': x^(1/2.4) is c^(5/4) with c the cube root of x.
template <class F>
FS_HD F srgb_from_linear(F x) {
  using L = Lanes<F>;
  const F c = cube_root(x);
  const F power = fmadd(c * root(root(c)), L::set(1.055f), L::set(-0.055f));
  return choose_less(x, L::set(0.0031308f), x * L::set(12.92f), power);
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
  return choose_less(f, L::set(6.0f / 29.0f), (f - L::set(4.0f / 29.0f)) * L::set(108.0f / 841.0f),
                     f * f * f);
}

// R'G'B' in 0..1 (sRGB primaries, D65) to CIE L*a*b*. The rows of the matrix are divided by the white point.
template <class F>
FS_HD Triple<F> lab_from_rgb(F r, F g, F b) {
  using L = Lanes<F>;
  constexpr float kX[3] = {0.4123908f / 0.9504559f, 0.3575843f / 0.9504559f, 0.1804808f / 0.9504559f};
  constexpr float kY[3] = {0.2126390f, 0.7151687f, 0.0721923f};
  constexpr float kZ[3] = {0.0193308f / 1.0890578f, 0.1191948f / 1.0890578f, 0.9505322f / 1.0890578f};
  const F lr = linear_from_srgb(clamp_unit(r)), lg = linear_from_srgb(clamp_unit(g)),
          lb = linear_from_srgb(clamp_unit(b));
  const F fx = lab_curve(row3(kX, 0.0f, lr, lg, lb));
  const F fy = lab_curve(row3(kY, 0.0f, lr, lg, lb));
  const F fz = lab_curve(row3(kZ, 0.0f, lr, lg, lb));
  return {fmadd(L::set(116.0f), fy, L::set(-16.0f)), L::set(500.0f) * (fx - fy), L::set(200.0f) * (fy - fz)};
}

// CIE L*a*b* to R'G'B', cut to 0..1.
template <class F>
FS_HD Triple<F> rgb_from_lab(F l, F a, F b) {
  using L = Lanes<F>;
  constexpr float kR[3] = {3.2409699f * 0.9504559f, -1.5373832f, -0.4986108f * 1.0890578f};
  constexpr float kG[3] = {-0.9692436f * 0.9504559f, 1.8759675f, 0.0415551f * 1.0890578f};
  constexpr float kB[3] = {0.0556301f * 0.9504559f, -0.2039770f, 1.0569715f * 1.0890578f};
  const F fy = (l + L::set(16.0f)) * L::set(1.0f / 116.0f);
  const F x = lab_curve_inverse(fmadd(a, L::set(1.0f / 500.0f), fy));
  const F y = lab_curve_inverse(fy);
  const F z = lab_curve_inverse(fmadd(b, L::set(-1.0f / 200.0f), fy));
  return {srgb_from_linear(clamp_unit(row3(kR, 0.0f, x, y, z))),
          srgb_from_linear(clamp_unit(row3(kG, 0.0f, x, y, z))),
          srgb_from_linear(clamp_unit(row3(kB, 0.0f, x, y, z)))};
}

}  // namespace fs
