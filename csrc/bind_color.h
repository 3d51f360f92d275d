// Bindings of colour statistics.
#pragma once

#include <algorithm>
#include <vector>

#include "bind_names.h"
#include "bind_statistics.h"

namespace fs {

// Pairs of equally long statistics as an array [N, 2, K].
inline Doubles pairs_of(const std::vector<std::vector<double>>& statistics) {
  const std::size_t numbers = statistics.empty() ? 0 : statistics.front().size();
  Doubles out(
      {static_cast<py::ssize_t>(statistics.size() / 2), py::ssize_t{2}, static_cast<py::ssize_t>(numbers)});
  double* to = out.mutable_data();
  for (const auto& each : statistics) to = std::copy(each.begin(), each.end(), to);
  return out;
}

// The list of a picture of statistics [2, K].
inline CellList checked_list(const Doubles& pair, py::ssize_t which) {
  const CellList list{pair.data(which, 0), static_cast<int>((pair.shape(1) - 1) / kCellNumbers)};
  for (int i = 0; i < list.cells; ++i) {
    const double cell = list.cell(i)[0];
    if (!(cell >= 0.0 && cell < kCloudCells)) throw bad_argument("clouds: there is no such cell");
  }
  return list;
}

// clouds: statistics [2, K] of any length of the mode sliced.
inline Doubles bind_join_clouds(const py::sequence& clouds, const std::vector<double>& shares, int like) {
  std::vector<Doubles> arrays;
  std::vector<CellList> lists[2];
  for (const auto& item : clouds) {
    arrays.push_back(py::cast<Doubles>(item));
    require_shape(arrays.back(), "clouds", {2, -1});
    if (!fits_mode(ColorMode::kSliced, arrays.back().shape(1)))
      throw bad_argument("clouds: one is no list of cells");
    for (int which : {0, 1}) lists[which].push_back(checked_list(arrays.back(), which));
  }
  if (arrays.size() != shares.size()) throw bad_argument("clouds and shares differ in number");
  if (like < -1 || like >= static_cast<int>(arrays.size())) throw bad_argument("like: no such cloud");
  std::vector<std::vector<double>> joined = {joined_clouds(lists[0], shares, like),
                                             joined_clouds(lists[1], shares, like)};
  make_equally_long(joined);
  return Doubles(pairs_of(joined)[py::int_(0)]);
}

// pair: [2, K]; own: [K'].
inline std::array<double, 3> bind_mapped_mean(const Doubles& pair, const Doubles& own,
                                              const std::string& mode) {
  const ColorMode how = mode_from(mode);
  require_shape(pair, "pair", {2, -1});
  require_shape(own, "own", {-1});
  if (!uses_tables(how)) throw bad_argument("mode: only histogram and sliced have tables");
  if (!fits_mode(how, pair.shape(1)) || !fits_mode(how, own.shape(0)))
    throw bad_argument("pair or own do not fit the mode");
  const ColorTransfer transfer = color_transfer(pair.data(0, 0), pair.data(1, 0), pair.shape(1), how, 1.0);
  return mapped_mean(transfer.tables, own.data(), own.shape(0), how);
}

// dense: [N, 2, K] as the GPU gathers them.
inline Doubles bind_cell_lists(const Doubles& dense) {
  require_shape(dense, "dense", {-1, 2, statistics_size(ColorMode::kSliced)});
  if (dense.shape(0) == 0) return Doubles({py::ssize_t{0}, py::ssize_t{2}, py::ssize_t{1}});
  std::vector<std::vector<double>> lists;
  for (py::ssize_t n = 0; n < dense.shape(0); ++n) {
    for (py::ssize_t which = 0; which < 2; ++which) lists.push_back(list_of(dense.data(n, which, 0)));
  }
  make_equally_long(lists);
  return pairs_of(lists);
}

inline void bind_clouds(py::module_& m) {
  using namespace pybind11::literals;
  m.def("join_clouds", &bind_join_clouds, "clouds"_a, "shares"_a, "like"_a);
  m.def("mapped_mean", &bind_mapped_mean, "pair"_a.noconvert(), "own"_a.noconvert(), "mode"_a);
  m.def("cell_lists", &bind_cell_lists, "dense"_a.noconvert());
}

}  // namespace fs
