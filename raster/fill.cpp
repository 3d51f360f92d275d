// Fills triangles into a window of samples.
#include <algorithm>
#include <cmath>

#include "raster.h"

namespace raster {

namespace {

constexpr std::uint8_t kHole = 32;  // texels with less alpha are not there

// One corner's weight as a linear function of the sample's position.
struct Edge {
  float along, down, origin, inverse;
  Edge(float dx, float dy, const Corner& zero) : along(dx), down(dy) {
    origin = -(zero.x - 0.5F) * dx - zero.y * dy;  // a sample's centre is at x + 0.5
    inverse = dx != 0.0F ? 1.0F / dx : 0.0F;
  }
  float at(float center) const { return origin + down * center; }
  // Narrows [from, to], whole sample numbers, to where the weight is not negative.
  void clip(float value, float& from, float& to) const {
    if (along > 0) {
      from = std::max(from, -value * inverse);
    } else if (along < 0) {
      to = std::min(to, -value * inverse);
    } else if (value < 0) {
      to = from - 1.0F;
    }
  }
};

// Calls span(edges, row's centre, first x, index, length, depth, depth's step) for each row of a triangle.
template <typename Span>
void walk(const Window& window, const Corner& a, const Corner& b, const Corner& c, Span&& fill_row) {
  const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
  if (area == 0.0F) return;
  const auto low = [](float p, float q, float r) {
    return static_cast<std::int32_t>(std::floor(std::min({p, q, r})));
  };
  const auto high = [](float p, float q, float r) {
    return static_cast<std::int32_t>(std::ceil(std::max({p, q, r})));
  };
  const std::int32_t left = std::max(low(a.x, b.x, c.x), window.x0);
  const std::int32_t right = std::min(high(a.x, b.x, c.x), window.x0 + window.width);
  const std::int32_t top = std::max(low(a.y, b.y, c.y), window.y0);
  const std::int32_t bottom = std::min(high(a.y, b.y, c.y), window.y0 + window.height);
  if (left >= right || top >= bottom) return;
  // Each corner's weight grows linearly over the picture; inside, all three are 0 or more.
  const float inverse = 1.0F / area;
  const Edge edges[3] = {Edge((b.y - c.y) * inverse, (c.x - b.x) * inverse, b),
                         Edge((c.y - a.y) * inverse, (a.x - c.x) * inverse, c),
                         Edge((a.y - b.y) * inverse, (b.x - a.x) * inverse, a)};
  const float depths[3] = {a.depth, b.depth, c.depth};
  const float step = a.depth * edges[0].along + b.depth * edges[1].along + c.depth * edges[2].along;
  for (std::int32_t y = top; y < bottom; ++y) {
    const float center = static_cast<float>(y) + 0.5F;
    float from = static_cast<float>(left), to = static_cast<float>(right) - 1.0F;
    float start = 0;
    for (int k = 0; k < 3; ++k) {
      const float at = edges[k].at(center);
      start += depths[k] * at;
      edges[k].clip(at, from, to);
    }
    const auto first = static_cast<std::int32_t>(std::ceil(from));
    const std::int32_t span = static_cast<std::int32_t>(std::floor(to)) - first + 1;
    if (span <= 0) continue;
    const std::size_t at = static_cast<std::size_t>(y - window.y0) * static_cast<std::size_t>(window.width) +
                           static_cast<std::size_t>(first - window.x0);
    fill_row(edges, center, first, at, span, start + step * static_cast<float>(first), step);
  }
}

// Without a branch, so that the compiler can vectorise it.
void fill_span(float* depth, std::int32_t* id, std::int32_t span, float start, float step,
               std::int32_t triangle) {
  for (std::int32_t x = 0; x < span; ++x) {
    const float here = start + step * static_cast<float>(x);
    const bool nearer = here > depth[x];
    depth[x] = nearer ? here : depth[x];
    id[x] = nearer ? triangle : id[x];
  }
}

}  // namespace

void Window::reset(std::int32_t x, std::int32_t y, std::int32_t w, std::int32_t h, bool ids) {
  x0 = x;
  y0 = y;
  width = w;
  height = h;
  const std::size_t size = static_cast<std::size_t>(w) * static_cast<std::size_t>(h);
  depth.assign(size, 0.0F);
  if (ids) id.assign(size, -1);
}

void fill(Window& window, const Corner& a, const Corner& b, const Corner& c, std::int32_t id) {
  walk(window, a, b, c,
       [&](const Edge*, float, std::int32_t, std::size_t at, std::int32_t span, float start, float step) {
         if (id >= 0) {
           fill_span(window.depth.data() + at, window.id.data() + at, span, start, step, id);
           return;
         }
         for (std::int32_t x = 0; x < span; ++x) {
           float& old = window.depth[at + static_cast<std::size_t>(x)];
           old = std::max(old, start + step * static_cast<float>(x));
         }
       });
}

void fill_cutout(Window& window, const Corner& a, const Corner& b, const Corner& c, std::int32_t id,
                 const float* uv[3], const Level& texture) {
  const float wide = static_cast<float>(texture.width), tall = static_cast<float>(texture.height);
  const auto blend = [&](const float w[3], int axis) {
    return w[0] * uv[0][axis] + w[1] * uv[1][axis] + w[2] * uv[2][axis];
  };
  walk(window, a, b, c,
       [&](const Edge* edges, float center, std::int32_t first, std::size_t at, std::int32_t span,
           float start, float step) {
         float w[3], dw[3];
         for (int k = 0; k < 3; ++k) {
           dw[k] = edges[k].along;
           w[k] = edges[k].at(center) + dw[k] * static_cast<float>(first);
         }
         float u = blend(w, 0) * wide, v = blend(w, 1) * tall;
         const float du = blend(dw, 0) * wide, dv = blend(dw, 1) * tall;
         for (std::int32_t x = 0; x < span; ++x, u += du, v += dv) {
           const float here = start + step * static_cast<float>(x);
           const std::size_t place = at + static_cast<std::size_t>(x);
           if (here <= window.depth[place]) continue;
           const std::int32_t column = std::clamp(static_cast<std::int32_t>(u), 0, texture.width - 1);
           const std::int32_t row = std::clamp(static_cast<std::int32_t>(v), 0, texture.height - 1);
           if (texture.rgba[4 * (static_cast<std::size_t>(row) * static_cast<std::size_t>(texture.width) +
                                 static_cast<std::size_t>(column)) +
                            3] < kHole)
             continue;
           window.depth[place] = here;
           window.id[place] = id;
         }
       });
}

}  // namespace raster
