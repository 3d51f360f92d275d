// Bindings of sharpness, motion blur and noise.
#include "../csrc/affine.h"
#include "detail.h"
#include "picture.h"

namespace fs::cuda {
namespace {

void bind_detail_statistics(const py::object& pictures, const py::object& masks, const py::object& out,
                            Stream& stream) {
  const py::ssize_t size = side_of(masks, "masks", 3), count = layout_of(masks, "masks").shape[0];
  const auto* alpha = device_array<float>(masks, "masks", {count, size, size});
  const auto* pixels = device_array<float>(pictures, "pictures", {count, 3, size, size});
  auto* to = device_output<double>(out, "out", {count, kDetailNumbers});
  if (count == 0) return;
  require_count(count);
  const int side = checked_size(size);
  const py::gil_scoped_release release;
  Call call(stream);
  detail_statistics(call, pixels, alpha, static_cast<int>(count), side, to);
}

void bind_sharpen(const py::object& pictures, const Floats& gains, const py::object& out, Stream& stream) {
  const py::ssize_t size = side_of(pictures, "pictures", 4), count = layout_of(pictures, "pictures").shape[0];
  const auto* pixels = device_array<float>(pictures, "pictures", {count, 3, size, size});
  require_shape(gains, "gains", {count, kBands});
  auto* to = device_output<float>(out, "out", {count, 3, size, size});
  if (count == 0) return;
  require_count(count);
  const int side = checked_size(size);
  const float* factors = gains.data();
  const py::gil_scoped_release release;
  Call call(stream);
  sharpen(call, pixels, factors, static_cast<int>(count), side, to);
}

void bind_motion_blur(const py::object& faces, const py::object& masks, const Doubles& motions,
                      const py::object& out, Stream& stream) {
  const py::ssize_t size = side_of(masks, "masks", 3), count = layout_of(masks, "masks").shape[0];
  const auto* alpha = device_array<float>(masks, "masks", {count, size, size});
  const auto* pixels = device_array<float>(faces, "faces", {count, 3, size, size});
  require_shape(motions, "motions", {count, 2, 3});
  auto* to = device_output<float>(out, "out", {count, 3, size, size});
  if (to == pixels && count > 0) throw bad_argument("motion blur: out must not be faces");
  if (count == 0) return;
  require_count(count);
  const int side = checked_size(size);
  std::vector<MotionParams> params;
  for (py::ssize_t n = 0; n < count; ++n) params.push_back(motion_params(affine_from(motions, n), side));
  const py::gil_scoped_release release;
  Call call(stream);
  motion_blur(call, pixels, alpha, params, side, to);
}

template <class T>
void noise_statistics_as(const std::vector<DevicePicture>& list, const Doubles& to_coded, const float* masks,
                         int size, double* out, Stream& stream) {
  std::vector<NoiseJob<T>> jobs;
  for (std::size_t n = 0; n < list.size(); ++n) {
    const auto i = static_cast<std::ptrdiff_t>(n);
    const Affine map = affine_from(to_coded, i);
    require_sane(map);
    jobs.push_back({picture_from<const T>(list[n]), map, masks + i * size * size, out + i * kNoiseNumbers});
  }
  const py::gil_scoped_release release;
  Call call(stream);
  noise_statistics(call, jobs.data(), static_cast<int>(jobs.size()), size);
}

void bind_noise_statistics(const py::sequence& pictures, const Doubles& to_coded, const py::object& masks,
                           const py::object& out, Stream& stream) {
  const auto list = device_pictures(pictures);
  const auto count = static_cast<py::ssize_t>(list.size());
  require_shape(to_coded, "to_coded", {count, 2, 3});
  const py::ssize_t size = side_of(masks, "masks", 3);
  const auto* alpha = device_array<float>(masks, "masks", {count, size, size});
  auto* to = device_output<double>(out, "out", {count, kNoiseNumbers});
  if (count == 0) return;
  const int side = checked_size(size);
  is_wide(list.front()) ? noise_statistics_as<std::uint16_t>(list, to_coded, alpha, side, to, stream)
                        : noise_statistics_as<std::uint8_t>(list, to_coded, alpha, side, to, stream);
}

}  // namespace

void bind_look(py::module_& m) {
  using namespace pybind11::literals;
  m.def("detail_statistics", &bind_detail_statistics, "pictures"_a, "masks"_a, "out"_a, "stream"_a);
  m.def("sharpen", &bind_sharpen, "pictures"_a, "gains"_a.noconvert(), "out"_a, "stream"_a);
  m.def("motion_blur", &bind_motion_blur, "faces"_a, "masks"_a, "motions"_a.noconvert(), "out"_a, "stream"_a);
  m.def("noise_statistics", &bind_noise_statistics, "pictures"_a, "to_coded"_a.noconvert(), "masks"_a,
        "out"_a, "stream"_a);
}

}  // namespace fs::cuda
