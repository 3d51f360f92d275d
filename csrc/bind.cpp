// Python bindings of the CPU operations. Checks shapes and types, releases the GIL and calls the core.
#include <pybind11/stl.h>

#include <cstdint>
#include <vector>

#include "av_log.h"
#include "bind_color.h"
#include "bind_crop.h"
#include "bind_look.h"
#include "bind_names.h"
#include "bind_seam.h"
#include "bind_steady.h"
#include "blend.h"
#include "composite.h"
#include "kernels.h"
#include "mask.h"
#include "parallel.h"
#include "transfer.h"

namespace fs {
namespace {

// What the masks of `count` faces are made of, each part optional; checks the shapes.
struct MaskParts {
  const std::optional<Floats>& outlines;
  const std::optional<Floats>& generated;
  const std::optional<Floats>& mattes;

  void require(py::ssize_t count, py::ssize_t size) const {
    if (outlines) require_shape(*outlines, "outlines", {count, -1, -1, 2});
    if (generated) require_shape(*generated, "generated", {count, size, size});
    if (mattes) require_shape(*mattes, "mattes", {count, size, size});
  }

  MaskSource source(py::ssize_t n) const {
    MaskSource s{};
    if (outlines) {
      s.outlines = outlines->data() + n * outlines->shape(1) * outlines->shape(2) * 2;
      s.shapes = static_cast<int>(outlines->shape(1));
      s.points = static_cast<int>(outlines->shape(2));
    }
    if (generated) s.generated = generated->data(n, 0, 0);
    if (mattes) s.matte = mattes->data(n, 0, 0);
    return s;
  }
};

void bind_crop(const py::sequence& pictures, const Doubles& to_coded, Floats out, const std::string& border) {
  crop_pictures(pictures, to_coded, out, border,
                [](const auto* jobs, int count, int side, Border how) { crop(jobs, count, side, how); });
}

void bind_color_statistics(const Floats& faces, const Floats& targets, const Floats& masks,
                           const std::string& mode, Doubles out) {
  require_shape(faces, "faces", {-1, 3, -1, -1});
  const py::ssize_t count = faces.shape(0), size = faces.shape(3);
  for (const auto* array : {&faces, &targets}) {
    require_shape(*array, "faces and targets", {count, 3, size, size});
  }
  require_shape(masks, "masks", {count, size, size});
  const ColorMode how = mode_from(mode);
  require_shape(out, "out", {count, 2, statistics_size(how)});
  if (count == 0) return;
  const int side = checked_size(size);
  double* to = out.mutable_data();
  const py::gil_scoped_release release;
  color_statistics(faces.data(), targets.data(), masks.data(), static_cast<int>(count), side, how, to);
}

void bind_match_color(const Floats& faces, const Doubles& statistics, const std::string& mode,
                      double strength, Floats out) {
  require_shape(faces, "faces", {-1, 3, -1, -1});
  const py::ssize_t count = faces.shape(0), size = faces.shape(3);
  require_shape(faces, "faces", {count, 3, size, size});
  require_shape(out, "out", {count, 3, size, size});
  const ColorMode how = mode_from(mode);
  require_shape(statistics, "statistics", {count, 2, statistics_size(how)});
  unit_from(strength, "strength");
  if (count == 0) return;
  const int side = checked_size(size);
  float* to = out.mutable_data();
  const py::gil_scoped_release release;
  match_color(faces.data(), statistics.data(), static_cast<int>(count), side, how, strength, to);
}

void bind_mask(const std::optional<Floats>& outlines, const std::optional<Floats>& generated,
               const std::optional<Floats>& mattes, const std::string& join, double erode, double feather,
               Floats out) {
  require_shape(out, "out", {-1, -1, -1});
  const py::ssize_t count = out.shape(0), size = out.shape(2);
  require_shape(out, "out", {count, size, size});
  const MaskParts parts{outlines, generated, mattes};
  parts.require(count, size);
  if (count == 0) return;
  const MaskParams params = mask_params(checked_size(size), erode, feather, join_from(join));
  std::vector<MaskSource> sources;
  for (py::ssize_t n = 0; n < count; ++n) sources.push_back(parts.source(n));
  float* to = out.mutable_data();
  const py::gil_scoped_release release;
  mask(sources.data(), static_cast<int>(count), params, to);
}

template <class T>
void blend_as(const std::vector<PictureTuple>& list, const Doubles& to_coded, const Floats& faces,
              const Floats& masks, float opacity, Enlarge enlarge, const GrainParts& grain) {
  const int size = static_cast<int>(masks.shape(2));
  std::vector<BlendJob<T>> jobs;
  for (std::size_t n = 0; n < list.size(); ++n) {
    if (!holds_words<T>(list[n])) continue;
    const auto i = static_cast<py::ssize_t>(n);
    jobs.push_back({picture_from<T>(list[n]), affine_from(to_coded, i), faces.data(i, 0, 0, 0),
                    masks.data(i, 0, 0), grain.grain(i)});
  }
  const py::gil_scoped_release release;
  blend(jobs.data(), static_cast<int>(jobs.size()), size, opacity, enlarge);
}

void bind_blend(const py::sequence& pictures, const Doubles& to_coded, const Floats& faces,
                const Floats& masks, double opacity, const std::string& enlarge,
                const std::optional<Floats>& grain, const std::vector<std::uint32_t>& seeds) {
  const auto list = picture_list(pictures);
  const auto count = static_cast<py::ssize_t>(list.size());
  require_shape(to_coded, "to_coded", {count, 2, 3});
  require_shape(masks, "masks", {count, -1, -1});
  const py::ssize_t size = masks.shape(2);
  require_shape(masks, "masks", {count, size, size});
  require_shape(faces, "faces", {count, 3, size, size});
  const auto part = static_cast<float>(unit_from(opacity, "opacity"));
  const Enlarge filter = enlarge_from(enlarge);
  const GrainParts parts{grain, seeds};
  parts.require(count);
  if (count == 0) return;
  checked_size(size);
  for_each_depth(
      list, [&](auto word) { blend_as<decltype(word)>(list, to_coded, faces, masks, part, filter, parts); });
}

struct Pixels {
  const Floats& targets;
  const Floats& faces;
  const MaskParts mask;
  const std::optional<Floats>& masks;
  const std::optional<Doubles>& statistics;
  const GrainParts grain;
};

template <class T>
void composite_as(const std::vector<PictureTuple>& list, const Doubles& to_coded, const Pixels& pixels,
                  const CompositeParams& params) {
  std::vector<CompositeJob<T>> jobs;
  for (std::size_t n = 0; n < list.size(); ++n) {
    if (!holds_words<T>(list[n])) continue;
    const auto i = static_cast<py::ssize_t>(n);
    jobs.push_back({picture_from<T>(list[n]), affine_from(to_coded, i), pixels.targets.data(i, 0, 0, 0),
                    pixels.faces.data(i, 0, 0, 0), pixels.mask.source(i),
                    pixels.masks ? pixels.masks->data(i, 0, 0) : nullptr,
                    pixels.statistics ? pixels.statistics->data(i, 0, 0) : nullptr, pixels.grain.grain(i)});
  }
  const py::gil_scoped_release release;
  composite(jobs.data(), static_cast<int>(jobs.size()), params);
}

void bind_composite(const py::sequence& pictures, const Doubles& to_coded, const Floats& targets,
                    const Floats& faces, const std::optional<Floats>& generated,
                    const std::optional<Floats>& outlines, const std::optional<Floats>& mattes,
                    const std::optional<Floats>& masks, const std::optional<Doubles>& statistics,
                    const std::string& join, double erode, double feather, const std::string& mode,
                    double strength, const std::string& blend, double opacity, const std::string& enlarge,
                    const std::optional<Floats>& grain, const std::vector<std::uint32_t>& seeds) {
  const auto list = picture_list(pictures);
  const auto count = static_cast<py::ssize_t>(list.size());
  require_shape(to_coded, "to_coded", {count, 2, 3});
  require_shape(faces, "faces", {count, 3, -1, -1});
  const py::ssize_t size = faces.shape(3);
  require_shape(faces, "faces", {count, 3, size, size});
  require_shape(targets, "targets", {count, 3, size, size});
  const MaskParts parts{outlines, generated, mattes};
  parts.require(count, size);
  if (masks) require_shape(*masks, "masks", {count, size, size});
  const ColorMode how = mode_from(mode);
  if (statistics) require_shape(*statistics, "statistics", {count, 2, statistics_size(how)});
  unit_from(strength, "strength");
  unit_from(opacity, "opacity");
  const GrainParts grains{grain, seeds};
  grains.require(count);
  const Enlarge filter = enlarge_from(enlarge);
  if (count == 0) return;
  const CompositeParams params{mask_params(checked_size(size), erode, feather, join_from(join)),
                               how,
                               strength,
                               blend_mode_from(blend),
                               static_cast<float>(opacity),
                               filter};
  const Pixels pixels{targets, faces, parts, masks, statistics, grains};
  for_each_depth(list, [&](auto word) { composite_as<decltype(word)>(list, to_coded, pixels, params); });
}

}  // namespace
}  // namespace fs

PYBIND11_MODULE(_cpu, m) {
  using namespace pybind11::literals;
  namespace py = pybind11;
  m.doc() = "fastswap's pixel operations on the CPU.";
  m.def("crop", &fs::bind_crop, "pictures"_a, "to_coded"_a.noconvert(), "out"_a.noconvert(), "border"_a);
  m.def(
      "statistics_size", [](const std::string& mode) { return fs::statistics_size(fs::mode_from(mode)); },
      "mode"_a);
  m.def("color_statistics", &fs::bind_color_statistics, "faces"_a.noconvert(), "targets"_a.noconvert(),
        "masks"_a.noconvert(), "mode"_a, "out"_a.noconvert());
  fs::bind_color(m);
  m.def("match_color", &fs::bind_match_color, "faces"_a.noconvert(), "statistics"_a.noconvert(), "mode"_a,
        "strength"_a, "out"_a.noconvert());
  m.def("mask", &fs::bind_mask, "outlines"_a.noconvert().none(true), "generated"_a.noconvert().none(true),
        "mattes"_a.noconvert().none(true), "join"_a, "erode"_a, "feather"_a, "out"_a.noconvert());
  m.def("blend", &fs::bind_blend, "pictures"_a, "to_coded"_a.noconvert(), "faces"_a.noconvert(),
        "masks"_a.noconvert(), "opacity"_a, "enlarge"_a, "grain"_a.noconvert().none(true), "seeds"_a);
  m.def("match_seam", &fs::bind_match_seam, "faces"_a.noconvert(), "targets"_a.noconvert(),
        "masks"_a.noconvert(), "to_coded"_a.noconvert(), "frames"_a.noconvert(), "mode"_a,
        "out"_a.noconvert());
  m.def("composite", &fs::bind_composite, "pictures"_a, "to_coded"_a.noconvert(), "targets"_a.noconvert(),
        "faces"_a.noconvert(), "generated"_a.noconvert().none(true), "outlines"_a.noconvert().none(true),
        "mattes"_a.noconvert().none(true), "masks"_a.noconvert().none(true),
        "statistics"_a.noconvert().none(true), "join"_a, "erode"_a, "feather"_a, "mode"_a, "strength"_a,
        "blend"_a, "opacity"_a, "enlarge"_a, "grain"_a.noconvert().none(true), "seeds"_a);
  fs::bind_look(m);
  m.def("median_residual", &fs::bind_median_residual, "samples"_a, "fit"_a);
  m.def("steady", &fs::bind_steady, "samples"_a, "fits"_a, "now"_a, "noise"_a);
  m.def("set_threads", &fs::set_threads, "count"_a);
  m.def("get_threads", &fs::get_threads);
  m.def("simd_levels", &fs::simd_levels);
  m.def("set_simd", &fs::set_simd, "name"_a);
  m.def("get_simd", &fs::get_simd);
  m.def("listen_to_av_log", &fs::listen_to_av_log, "level"_a);
  // As bytes: FFmpeg quotes files, and those are in any encoding.
  m.def("heard_from_av_log", [] {
    const std::vector<std::string> heard = fs::heard_from_av_log();
    return std::vector<py::bytes>(heard.begin(), heard.end());
  });
  m.def("av_log_callback", [] { return reinterpret_cast<std::uintptr_t>(&fs::av_log_callback); });
}
