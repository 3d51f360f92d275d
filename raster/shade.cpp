// How a surface looks: a few cheap terms chosen for skin, eyes, cloth and hair rather than for physics.
#include <algorithm>
#include <array>
#include <cmath>

#include "raster.h"

namespace raster {

namespace {

constexpr float kRelief = 1.0F / 64.0F;

struct Curves {
  std::array<float, 256> linear;    // sRGB code to light (IEC 61966-2-1)
  std::array<float, 4097> display;  // square root of light (0..2) to sRGB code, with a soft shoulder
  Curves() {
    for (std::size_t i = 0; i < linear.size(); ++i) {
      const float c = static_cast<float>(i) / 255.0F;
      linear[i] = c <= 0.04045F ? c / 12.92F : std::pow((c + 0.055F) / 1.055F, 2.4F);
    }
    for (std::size_t i = 0; i < display.size(); ++i) {
      const float root = static_cast<float>(i) / 4096.0F * 2.0F;
      float light = root * root;
      constexpr float kKnee = 0.6F;  // above it highlights roll off instead of clipping
      if (light > kKnee)
        light = kKnee + (1.0F - kKnee) * (1.0F - std::exp(-(light - kKnee) / (1.0F - kKnee)));
      const float code =
          light <= 0.0031308F ? 12.92F * light : 1.055F * std::pow(light, 1.0F / 2.4F) - 0.055F;
      display[i] = 255.0F * code;
    }
  }
};

const Curves kCurves;

struct Texel {
  Vec3 albedo;
  float gloss, slope_u, slope_v;
};

Texel sample(const Level& level, float u, float v, bool relief) {
  const float x = std::clamp(u, 0.0F, 1.0F) * static_cast<float>(level.width) - 0.5F;
  const float y = std::clamp(v, 0.0F, 1.0F) * static_cast<float>(level.height) - 0.5F;
  const float fx = std::floor(x), fy = std::floor(y);
  const float ax = x - fx, ay = y - fy;
  const auto clamp_to = [](float p, std::int32_t n) {
    return std::clamp(static_cast<std::int32_t>(p), 0, n - 1);
  };
  const std::int32_t xs[2] = {clamp_to(fx, level.width), clamp_to(fx + 1, level.width)};
  const std::int32_t ys[2] = {clamp_to(fy, level.height), clamp_to(fy + 1, level.height)};
  const float w[4] = {(1 - ax) * (1 - ay), ax * (1 - ay), (1 - ax) * ay, ax * ay};
  Texel out{};
  for (int k = 0; k < 4; ++k) {
    const std::size_t at = static_cast<std::size_t>(ys[k / 2]) * static_cast<std::size_t>(level.width) +
                           static_cast<std::size_t>(xs[k % 2]);
    const std::uint8_t* t = level.rgba + 4 * at;
    out.albedo = out.albedo + Vec3{kCurves.linear[t[0]], kCurves.linear[t[1]], kCurves.linear[t[2]]} * w[k];
    out.gloss += w[k] * static_cast<float>(t[3]) * (1.0F / 255.0F);
    if (relief) {
      out.slope_u += w[k] * static_cast<float>(level.relief[2 * at]) * kRelief;
      out.slope_v += w[k] * static_cast<float>(level.relief[2 * at + 1]) * kRelief;
    }
  }
  return out;
}

float clamp01(float v) { return std::clamp(v, 0.0F, 1.0F); }

float repeated_square(float v, int times) {
  for (int i = 0; i < times; ++i) v *= v;
  return v;
}

// Diffuse light that reaches past the terminator, farther in red: a cheap stand-in for subsurface scattering.
Vec3 wrapped(float cosine, Vec3 wrap) {
  return {clamp01((cosine + wrap.x) / (1 + wrap.x)), clamp01((cosine + wrap.y) / (1 + wrap.y)),
          clamp01((cosine + wrap.z) / (1 + wrap.z))};
}

// Shadows on translucent matter have a warm edge: red is let through first.
Vec3 tinted(float amount, Vec3 wrap) {
  const float lift = amount * (1 - amount);
  return {amount + wrap.x * lift, amount + wrap.y * lift, amount + wrap.z * lift};
}

// Openness seen through interreflection: bright matter lights its own creases (after Jimenez et al. 2016).
float bounced(float open, float albedo) { return open / (1.0F - 0.8F * albedo * (1.0F - open)); }

float highlight(const Surface& s, Vec3 normal, Vec3 toward, const Material& material, float fresnel) {
  const float facing = clamp01(4.0F * dot(normal, toward));
  if (facing <= 0) return 0;
  const Vec3 half = normalized(toward + s.toward_eye);
  const float cosine = std::max(0.0F, dot(normal, half));
  if (cosine < 0.5F) return 0;
  const float sharp = repeated_square(cosine, material.gloss);
  const float broad = repeated_square(cosine, std::max(2, material.gloss - 2));
  const float power = static_cast<float>(1 << material.gloss);
  return material.strength * fresnel * facing * (0.1F * power * sharp + 0.05F * power * 0.25F * broad);
}

Vec3 shade_surface(const Surface& s, const Texel& texel, const Material& m, const Lighting& light) {
  const bool relief = s.tangent.x != 0 || s.tangent.y != 0 || s.tangent.z != 0;
  // The full relief shapes the highlights; diffuse light is scattered below the surface and sees half of it.
  const Vec3 bump = relief ? s.tangent * texel.slope_u + s.bitangent * texel.slope_v : Vec3{};
  const Vec3 fine = relief ? normalized(s.normal - bump) : s.normal;
  const Vec3 soft = relief ? normalized(s.normal - bump * 0.6F) : s.normal;
  const float open = s.exposure.x, lit = s.exposure.y;
  const Vec3 occlusion{bounced(open, texel.albedo.x), bounced(open, texel.albedo.y),
                       bounced(open, texel.albedo.z)};
  Vec3 diffuse = light.key * tinted(lit, m.wrap) * wrapped(dot(soft, light.key_direction), m.wrap);
  diffuse = diffuse + light.fill * wrapped(dot(soft, light.fill_direction), m.wrap) * occlusion;
  diffuse = diffuse + light.rim * wrapped(dot(soft, light.rim_direction), m.wrap) * occlusion;
  const float up = 0.5F - 0.5F * soft.y;
  diffuse = diffuse + (light.sky * up + light.ground * (1 - up)) * occlusion;
  const float grazing = 1.0F - clamp01(dot(fine, s.toward_eye));
  const float power5 = grazing * grazing * grazing * grazing * grazing;
  const float fresnel = m.specular + (1 - m.specular) * power5 * 0.5F;
  Vec3 mirror = light.key * (lit * highlight(s, fine, light.key_direction, m, fresnel));
  mirror = mirror + light.fill * (open * highlight(s, fine, light.fill_direction, m, fresnel));
  mirror = mirror + light.rim * (open * highlight(s, fine, light.rim_direction, m, fresnel));
  mirror = mirror + light.sky * (m.sheen * open * open * (fresnel + 0.15F * grazing * grazing));
  return texel.albedo * diffuse + mirror * texel.gloss;
}

float encode(float value) {
  const float at = std::sqrt(std::clamp(value, 0.0F, 3.99F)) * 2048.0F;
  const auto low = static_cast<std::size_t>(at);
  const float part = at - static_cast<float>(low);
  return kCurves.display[low] * (1 - part) + kCurves.display[low + 1] * part;
}

const Level& level_of(const Material& material, float level) {
  const int last = static_cast<int>(material.levels.size()) - 1;
  return material.levels[static_cast<std::size_t>(std::clamp(static_cast<int>(level), 0, last))];
}

Vec3 expose(Vec3 light, float exposure) {
  return {encode(light.x * exposure), encode(light.y * exposure), encode(light.z * exposure)};
}

}  // namespace

Vec3 shade(const Surface& surface, const Material& material, const Lighting& light) {
  const bool relief = surface.tangent.x != 0 || surface.tangent.y != 0 || surface.tangent.z != 0;
  const Texel texel = sample(level_of(material, surface.level), surface.u, surface.v, relief);
  return expose(shade_surface(surface, texel, material, light), light.exposure);
}

// Kajiya and Kay 1989: a fibre is lit by the angle between its tangent and the light; two shifted highlights,
// the second in the fibre's own colour (Marschner et al. 2003).
FibreLight light_fibre(Vec3 tangent, Vec3 toward_eye, Vec3 exposure, const Material& m,
                       const Lighting& light) {
  const auto lobe = [&](Vec3 toward, float shift, int gloss) {
    const Vec3 half = normalized(toward + toward_eye);
    const float along = clamp01(std::fabs(dot(tangent, half) + shift));
    return repeated_square(std::sqrt(std::max(0.0F, 1 - along * along)), gloss);
  };
  const auto across = [&](Vec3 toward) {
    const float along = dot(tangent, toward);
    return std::sqrt(std::max(0.0F, 1 - along * along));
  };
  const float open = exposure.x, lit = exposure.y;
  FibreLight out;
  out.tinted = light.key * (0.75F * lit * across(light.key_direction));
  out.tinted = out.tinted + light.fill * (0.75F * open * across(light.fill_direction));
  out.tinted = out.tinted + light.sky * (0.65F * open) + light.ground * (0.2F * open);
  const float first = lobe(light.key_direction, 0.06F, m.gloss);
  const float second = lobe(light.key_direction, -0.12F, std::max(2, m.gloss - 2));
  const float edge = lobe(light.rim_direction, 0.0F, 3);
  out.tinted = out.tinted + light.key * (0.7F * second * m.strength * lit) +
               light.rim * (1.2F * m.strength * open * edge);
  out.white = light.key * (m.specular * first * m.strength * lit) +
              light.rim * (m.specular * m.strength * open * edge);
  return out;
}

Vec3 shade_fibre(const FibreLight& incoming, float u, float v, float level, const Material& material,
                 const Lighting& light) {
  // Strands lie side by side along u: blend there, take the nearest texel along them.
  const Level& texture = level_of(material, level);
  const float x = std::clamp(u * static_cast<float>(texture.width) - 0.5F, 0.0F,
                             static_cast<float>(texture.width) - 1.001F);
  const auto column = static_cast<std::int32_t>(x);
  const float part = x - static_cast<float>(column);
  const auto row =
      std::clamp(static_cast<std::int32_t>(v * static_cast<float>(texture.height)), 0, texture.height - 1);
  const std::uint8_t* t =
      texture.rgba + 4 * (static_cast<std::size_t>(row) * static_cast<std::size_t>(texture.width) +
                          static_cast<std::size_t>(column));
  const auto mixed = [part](float p, float q) { return p + (q - p) * part; };
  const auto& linear = kCurves.linear;
  const Vec3 albedo{mixed(linear[t[0]], linear[t[4]]), mixed(linear[t[1]], linear[t[5]]),
                    mixed(linear[t[2]], linear[t[6]])};
  const float gloss = mixed(static_cast<float>(t[3]), static_cast<float>(t[7])) * (2.0F / 255.0F);
  return expose(incoming.tinted * albedo + incoming.white * gloss, light.exposure);
}

}  // namespace raster
