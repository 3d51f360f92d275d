// Bindings of the operations on batches of faces.
#include <pybind11/stl.h>

#include "../csrc/bind_names.h"
#include "../csrc/bind_seam.h"
#include "composite.h"
#include "picture.h"

namespace fs::cuda {
namespace {

using Optional = std::optional<py::object>;

// Statistics in either memory; null when there are none.
class StatisticsArgument {
 public:
  StatisticsArgument(const Optional& given, py::ssize_t count, ColorMode mode) {
    if (!given) return;
    const py::ssize_t numbers = statistics_size(mode);
    if (py::isinstance<Doubles>(*given)) {
      array_ = py::cast<Doubles>(*given);
      require_shape(array_, "statistics", {count, 2, numbers});
      view_.on_host = array_.data();
    } else {
      view_.on_device = device_array<double>(*given, "statistics", {count, 2, numbers});
    }
  }
  const StatisticsView& view() const { return view_; }

 private:
  Doubles array_;
  StatisticsView view_;
};

MaskSources mask_sources(const std::optional<Floats>& outlines, const Optional& generated,
                         const Optional& mattes, py::ssize_t count, py::ssize_t size) {
  MaskSources s{};
  s.count = static_cast<int>(count);
  if (outlines) {
    require_shape(*outlines, "outlines", {count, -1, -1, 2});
    s.outlines = outlines->data();
    s.shapes = static_cast<int>(outlines->shape(1));
    s.points = static_cast<int>(outlines->shape(2));
  }
  if (generated) s.generated = device_array<float>(*generated, "generated", {count, size, size});
  if (mattes) s.mattes = device_array<float>(*mattes, "mattes", {count, size, size});
  return s;
}

void bind_mask(const std::optional<Floats>& outlines, const Optional& generated, const Optional& mattes,
               const std::string& join, double erode, double feather, const py::object& out, Stream& stream) {
  const py::ssize_t size = side_of(out, "out", 3), count = layout_of(out, "out").shape[0];
  float* to = device_output<float>(out, "out", {count, size, size});
  const MaskSources sources = mask_sources(outlines, generated, mattes, count, size);
  if (count == 0) return;
  require_count(count);
  const MaskParams params = mask_params(checked_size(size), erode, feather, join_from(join));
  require_sane(sources);
  const py::gil_scoped_release release;
  Call call(stream);
  mask(call, sources, params, to);
}

void bind_color_statistics(const py::object& faces, const py::object& targets, const py::object& masks,
                           const std::string& mode, const py::object& out, Stream& stream) {
  const py::ssize_t size = side_of(faces, "faces", 4), count = layout_of(faces, "faces").shape[0];
  const ColorMode how = mode_from(mode);
  const FaceBatch batch{device_array<float>(faces, "faces", {count, 3, size, size}),
                        device_array<float>(targets, "targets", {count, 3, size, size}),
                        device_array<float>(masks, "masks", {count, size, size}), static_cast<int>(count),
                        static_cast<int>(size)};
  auto* to = device_output<double>(out, "out", {count, 2, statistics_size(how)});
  if (count == 0) return;
  require_count(count);
  checked_size(size);
  const py::gil_scoped_release release;
  Call call(stream);
  color_statistics(call, batch, how, to);
}

void bind_match_color(const py::object& faces, const py::object& statistics, const std::string& mode,
                      double strength, const py::object& out, Stream& stream) {
  const py::ssize_t size = side_of(faces, "faces", 4), count = layout_of(faces, "faces").shape[0];
  const ColorMode how = mode_from(mode);
  const auto* from = device_array<float>(faces, "faces", {count, 3, size, size});
  auto* to = device_output<float>(out, "out", {count, 3, size, size});
  const StatisticsArgument numbers(statistics, count, how);
  unit_from(strength, "strength");
  if (count == 0) return;
  require_count(count);
  const int side = checked_size(size);
  const py::gil_scoped_release release;
  Call call(stream);
  match_color(call, from, static_cast<int>(count), side, numbers.view(), how, strength, to);
}

template <class T>
std::vector<DrawJob<T>> draw_jobs(const std::vector<DevicePicture>& list, const Doubles& to_coded,
                                  const GrainParts& grain, int size) {
  std::vector<DrawJob<T>> jobs;
  for (std::size_t n = 0; n < list.size(); ++n) {
    const Affine map = affine_from(to_coded, static_cast<py::ssize_t>(n));
    require_sane(map);
    jobs.push_back(
        {picture_from<T>(list[n]), map, grain.grain(static_cast<py::ssize_t>(n)), {0, 0, size, size}});
  }
  return jobs;
}

void bind_blend(const py::sequence& pictures, const Doubles& to_coded, const py::object& faces,
                const py::object& masks, double opacity, const std::string& enlarge,
                const std::optional<Floats>& grain, const std::vector<std::uint32_t>& seeds, Stream& stream) {
  const auto list = device_pictures(pictures);
  const auto count = static_cast<py::ssize_t>(list.size());
  require_shape(to_coded, "to_coded", {count, 2, 3});
  const py::ssize_t size = side_of(faces, "faces", 4);
  const auto* pixels = device_array<float>(faces, "faces", {count, 3, size, size});
  const auto* alpha = device_array<float>(masks, "masks", {count, size, size});
  unit_from(opacity, "opacity");
  const Enlarge filter = enlarge_from(enlarge);
  const GrainParts grains{grain, seeds};
  grains.require(count);
  if (count == 0) return;
  const int side = checked_size(size);
  const auto run = [&](const auto& jobs) {
    const py::gil_scoped_release release;
    Call call(stream);
    blend(call, jobs.data(), static_cast<int>(count), side, pixels, alpha, static_cast<float>(opacity),
          filter);
  };
  is_wide(list.front()) ? run(draw_jobs<std::uint16_t>(list, to_coded, grains, side))
                        : run(draw_jobs<std::uint8_t>(list, to_coded, grains, side));
}

void bind_match_seam(const py::object& faces, const py::object& targets, const py::object& masks,
                     const Doubles& to_coded, const Ints& frames, const std::string& mode,
                     const py::object& out, Stream& stream) {
  const py::ssize_t size = side_of(faces, "faces", 4), count = layout_of(faces, "faces").shape[0];
  const FaceBatch batch{device_array<float>(faces, "faces", {count, 3, size, size}),
                        device_array<float>(targets, "targets", {count, 3, size, size}),
                        device_array<float>(masks, "masks", {count, size, size}), static_cast<int>(count),
                        static_cast<int>(size)};
  auto* to = device_output<float>(out, "out", {count, 3, size, size});
  require_shape(to_coded, "to_coded", {count, 2, 3});
  require_shape(frames, "frames", {count, 2});
  const BlendMode how = blend_mode_from(mode);
  if (count == 0) return;
  require_count(count);
  checked_size(size);
  std::vector<FrameMap> maps;
  for (py::ssize_t n = 0; n < count; ++n) {
    const Affine map = affine_from(to_coded, n);
    require_sane(map);
    maps.push_back(frame_map(map, frames.at(n, 0), frames.at(n, 1)));
  }
  const py::gil_scoped_release release;
  Call call(stream);
  match_seam(call, batch, maps, how, to);
}

void bind_composite(const py::sequence& pictures, const Doubles& to_coded, const py::object& targets,
                    const py::object& faces, const Optional& generated, const std::optional<Floats>& outlines,
                    const Optional& mattes, const Optional& masks, const Optional& statistics,
                    const std::string& join, double erode, double feather, const std::string& mode,
                    double strength, const std::string& blend_mode, double opacity,
                    const std::string& enlarge, const std::optional<Floats>& grain,
                    const std::vector<std::uint32_t>& seeds, Stream& stream) {
  const auto list = device_pictures(pictures);
  const auto count = static_cast<py::ssize_t>(list.size());
  require_shape(to_coded, "to_coded", {count, 2, 3});
  const py::ssize_t size = side_of(faces, "faces", 4);
  const ColorMode how = mode_from(mode);
  const StatisticsArgument numbers(statistics, count, how);
  CompositeBatch batch{};
  batch.pixels = {device_array<float>(faces, "faces", {count, 3, size, size}),
                  device_array<float>(targets, "targets", {count, 3, size, size}),
                  masks ? device_array<float>(*masks, "masks", {count, size, size}) : nullptr,
                  static_cast<int>(count), static_cast<int>(size)};
  batch.sources = mask_sources(outlines, generated, mattes, count, size);
  batch.statistics = numbers.view();
  unit_from(strength, "strength");
  unit_from(opacity, "opacity");
  const GrainParts grains{grain, seeds};
  grains.require(count);
  if (count == 0) return;
  const CompositeParams params{mask_params(checked_size(size), erode, feather, join_from(join)),
                               how,
                               strength,
                               blend_mode_from(blend_mode),
                               static_cast<float>(opacity),
                               enlarge_from(enlarge)};
  const auto run = [&](auto jobs) {
    const py::gil_scoped_release release;
    composite(jobs.data(), batch, params, stream);
  };
  is_wide(list.front()) ? run(draw_jobs<std::uint16_t>(list, to_coded, grains, static_cast<int>(size)))
                        : run(draw_jobs<std::uint8_t>(list, to_coded, grains, static_cast<int>(size)));
}

}  // namespace

py::ssize_t side_of(const py::object& array, const char* name, std::size_t dimensions) {
  const Layout layout = layout_of(array, name);
  if (layout.shape.size() != dimensions)
    throw bad_argument(std::string(name) + ": its shape does not fit the other arguments");
  return layout.shape.back();
}

void bind_ops(py::module_& m) {
  using namespace pybind11::literals;
  m.def("mask", &bind_mask, "outlines"_a.noconvert().none(true), "generated"_a.none(true),
        "mattes"_a.none(true), "join"_a, "erode"_a, "feather"_a, "out"_a, "stream"_a);
  m.def("color_statistics", &bind_color_statistics, "faces"_a, "targets"_a, "masks"_a, "mode"_a, "out"_a,
        "stream"_a);
  m.def("match_color", &bind_match_color, "faces"_a, "statistics"_a, "mode"_a, "strength"_a, "out"_a,
        "stream"_a);
  m.def("blend", &bind_blend, "pictures"_a, "to_coded"_a.noconvert(), "faces"_a, "masks"_a, "opacity"_a,
        "enlarge"_a, "grain"_a.noconvert().none(true), "seeds"_a, "stream"_a);
  m.def("match_seam", &bind_match_seam, "faces"_a, "targets"_a, "masks"_a, "to_coded"_a.noconvert(),
        "frames"_a.noconvert(), "mode"_a, "out"_a, "stream"_a);
  m.def("composite", &bind_composite, "pictures"_a, "to_coded"_a.noconvert(), "targets"_a, "faces"_a,
        "generated"_a.none(true), "outlines"_a.noconvert().none(true), "mattes"_a.none(true),
        "masks"_a.none(true), "statistics"_a.none(true), "join"_a, "erode"_a, "feather"_a, "mode"_a,
        "strength"_a, "blend"_a, "opacity"_a, "enlarge"_a, "grain"_a.noconvert().none(true), "seeds"_a,
        "stream"_a);
}

}  // namespace fs::cuda
