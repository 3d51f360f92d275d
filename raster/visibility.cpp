#include <algorithm>
#include <cmath>

#include "raster.h"

namespace raster {

namespace {

struct Frame {  // of a distant light: two axes across, one toward it
  Vec3 right, up, toward;
};

Frame frame_of(Vec3 toward) {
  const Vec3 unit = normalized(toward);
  const Vec3 helper = std::fabs(unit.y) < 0.9F ? Vec3{0, 1, 0} : Vec3{1, 0, 0};
  const Vec3 right = normalized(cross(helper, unit));
  return {right, cross(unit, right), unit};
}

// A golden-angle spiral in the unit disc.
constexpr int kTaps = 12;
struct Taps {
  float x[kTaps], y[kTaps];
  Taps() {
    for (int i = 0; i < kTaps; ++i) {
      const float radius = std::sqrt((static_cast<float>(i) + 0.5F) / kTaps);
      const float angle = 2.3999632F * static_cast<float>(i);
      x[i] = radius * std::cos(angle);
      y[i] = radius * std::sin(angle);
    }
  }
};

}  // namespace

void visibility(const Vec3* positions, std::int32_t vertices, const Triangle* triangles, std::int32_t count,
                const Vec3* receivers, const Vec3* normals, std::int32_t receiver_count, Vec3 toward,
                float radius, float bias, std::int32_t resolution, float* out) {
  if (vertices == 0) {
    std::fill(out, out + receiver_count, 1.0F);
    return;
  }
  static const Taps taps;
  const Frame frame = frame_of(toward);
  std::vector<Corner> corners(static_cast<std::size_t>(vertices));
  Corner least{1e9F, 1e9F, 1e9F}, most{-1e9F, -1e9F, -1e9F};
  for (std::int32_t i = 0; i < vertices; ++i) {
    const Vec3 p = positions[i];
    const Corner c{dot(p, frame.right), dot(p, frame.up), dot(p, frame.toward)};
    corners[static_cast<std::size_t>(i)] = c;
    least = {std::min(least.x, c.x), std::min(least.y, c.y), std::min(least.depth, c.depth)};
    most = {std::max(most.x, c.x), std::max(most.y, c.y), std::max(most.depth, c.depth)};
  }
  const float scale =
      static_cast<float>(resolution) / std::max(1e-6F, std::max(most.x - least.x, most.y - least.y));
  for (Corner& c : corners) {
    c.x = (c.x - least.x) * scale;
    c.y = (c.y - least.y) * scale;
    c.depth = c.depth - least.depth + 1.0F;  // positive; the empty map is 0
  }
  thread_local Window kept;
  Window& map = kept;
  map.reset(0, 0, resolution + 1, resolution + 1, false);
  for (std::int32_t t = 0; t < count; ++t) {
    const auto corner = [&](int k) { return corners[static_cast<std::size_t>(triangles[t][k])]; };
    fill(map, corner(0), corner(1), corner(2), -1);
  }
  for (std::int32_t i = 0; i < receiver_count; ++i) {
    const Vec3 p = receivers[i];
    const float x = (dot(p, frame.right) - least.x) * scale, y = (dot(p, frame.up) - least.y) * scale;
    const float cosine = std::fabs(dot(normals[i], frame.toward));
    const float slope =
        std::min(2.5F, std::sqrt(std::max(0.0F, 1 - cosine * cosine)) / std::max(cosine, 1e-3F));
    const float depth = dot(p, frame.toward) - least.depth + 1.0F + bias + radius * slope;
    int lit = 0;
    for (int k = 0; k < kTaps; ++k) {
      const auto tx = static_cast<std::int32_t>(x + taps.x[k] * radius * scale);
      const auto ty = static_cast<std::int32_t>(y + taps.y[k] * radius * scale);
      const bool outside = tx < 0 || ty < 0 || tx >= map.width || ty >= map.height;
      lit += outside || map.depth[static_cast<std::size_t>(ty) * static_cast<std::size_t>(map.width) +
                                  static_cast<std::size_t>(tx)] <= depth;
    }
    out[i] = static_cast<float>(lit) / kTaps;
  }
}

void smooth(float* values, std::int32_t vertices, const Triangle* triangles, std::int32_t count,
            std::int32_t rounds) {
  std::vector<float> sums(static_cast<std::size_t>(vertices)), weights(static_cast<std::size_t>(vertices));
  for (std::int32_t round = 0; round < rounds; ++round) {
    std::copy(values, values + vertices, sums.begin());
    std::fill(weights.begin(), weights.end(), 1.0F);
    for (std::int32_t t = 0; t < count; ++t) {
      const float mean = (values[triangles[t][0]] + values[triangles[t][1]] + values[triangles[t][2]]) / 3.0F;
      for (int k = 0; k < 3; ++k) {
        const auto at = static_cast<std::size_t>(triangles[t][k]);
        sums[at] += mean;
        weights[at] += 1.0F;
      }
    }
    for (std::int32_t i = 0; i < vertices; ++i) {
      values[i] = sums[static_cast<std::size_t>(i)] / weights[static_cast<std::size_t>(i)];
    }
  }
}

void vertex_normals(const Vec3* positions, std::int32_t vertices, const Triangle* triangles,
                    std::int32_t count, const std::int32_t* weld, Vec3* normals) {
  std::vector<Vec3> sums(static_cast<std::size_t>(vertices));
  for (std::int32_t t = 0; t < count; ++t) {
    const Vec3 a = positions[triangles[t][0]], b = positions[triangles[t][1]], c = positions[triangles[t][2]];
    const Vec3 normal = cross(b - a, c - a);  // length: twice the area, so large triangles count more
    for (int k = 0; k < 3; ++k) {
      Vec3& sum = sums[static_cast<std::size_t>(weld[triangles[t][k]])];
      sum = sum + normal;
    }
  }
  for (std::int32_t i = 0; i < vertices; ++i)
    normals[i] = normalized(sums[static_cast<std::size_t>(weld[i])]);
}

}  // namespace raster
