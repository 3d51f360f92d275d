// Bindings of what averages colour statistics over frames.
#pragma once

#include <string>
#include <vector>

#include "bind_names.h"
#include "bind_picture.h"
#include "transfer.h"

namespace fs {

// clouds: statistics [2, K] of the mode sliced. Each picture's are joined.
inline Doubles bind_join_clouds(const py::sequence& clouds, const std::vector<double>& shares, int like) {
  std::vector<Doubles> arrays;
  std::vector<CellList> lists[2];
  for (const auto& item : clouds) {
    arrays.push_back(py::cast<Doubles>(item));
    require_shape(arrays.back(), "clouds", {2, kCloudNumbers});
    for (const int which : {0, 1}) {
      const CellList list{arrays.back().data(which, 0)};
      for (int i = 0; !list.ends(i); ++i) {
        if (!(list.cell(i)[0] >= 0.0 && list.cell(i)[0] < kCloudCells))
          throw bad_argument("clouds: there is no such cell");
      }
      lists[which].push_back(list);
    }
  }
  if (arrays.size() != shares.size()) throw bad_argument("clouds and shares differ in number");
  if (like < -1 || like >= static_cast<int>(arrays.size())) throw bad_argument("like: no such cloud");
  Doubles out({py::ssize_t{2}, py::ssize_t{kCloudNumbers}});
  for (const int which : {0, 1}) join_clouds(lists[which], shares, like, out.mutable_data(which, 0));
  return out;
}

// pair: [2, K]; own: [K].
inline std::array<double, 3> bind_mapped_mean(const Doubles& pair, const Doubles& own,
                                              const std::string& mode) {
  const ColorMode how = mode_from(mode);
  if (!uses_tables(how)) throw bad_argument("mode: only histogram and sliced have tables");
  require_shape(pair, "pair", {2, statistics_size(how)});
  require_shape(own, "own", {statistics_size(how)});
  return mapped_mean(color_transfer(pair.data(0, 0), pair.data(1, 0), how, 1.0).tables, own.data(), how);
}

inline void bind_color(py::module_& m) {
  using namespace pybind11::literals;
  m.def("join_clouds", &bind_join_clouds, "clouds"_a, "shares"_a, "like"_a);
  m.def("mapped_mean", &bind_mapped_mean, "pair"_a.noconvert(), "own"_a.noconvert(), "mode"_a);
}

}  // namespace fs
