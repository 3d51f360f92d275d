// Python's view of the rasteriser: checks shapes, lends NumPy's memory, releases the GIL.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <stdexcept>
#include <string>

#include "raster.h"

namespace py = pybind11;
using raster::Vec3;

namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;
using Triple = std::array<float, 3>;

Vec3 vec(const Triple& v) { return {v[0], v[1], v[2]}; }

template <typename T>
void check(const Array<T>& array, const char* name, py::ssize_t rows, py::ssize_t columns) {
  const bool flat = columns == 0;
  if (array.ndim() != (flat ? 1 : 2) || (rows >= 0 && array.shape(0) != rows) ||
      (!flat && array.shape(1) != columns)) {
    throw std::invalid_argument(std::string(name) + " has the wrong shape");
  }
}

const Vec3* vectors(const Array<float>& a) { return reinterpret_cast<const Vec3*>(a.data()); }

const raster::Triangle* triangles_of(const Array<std::int32_t>& a) {
  return reinterpret_cast<const raster::Triangle*>(a.data());
}

void check_indices(const Array<std::int32_t>& triangles, py::ssize_t vertices) {
  const std::int32_t* index = triangles.data();
  for (py::ssize_t i = 0; i < triangles.size(); ++i) {
    if (index[i] < 0 || index[i] >= vertices)
      throw std::invalid_argument("triangles name a vertex that is not there");
  }
}

std::int32_t count32(py::ssize_t n) { return static_cast<std::int32_t>(n); }

// A material with the arrays it borrows from.
struct BoundMaterial {
  raster::Material material;
  std::vector<Array<std::uint8_t>> textures;
  std::vector<Array<std::int8_t>> reliefs;

  BoundMaterial(std::vector<Array<std::uint8_t>> levels, std::vector<Array<std::int8_t>> slopes,
                const Triple& wrap, float specular, float strength, int gloss, float sheen, bool fibre,
                bool two_sided, bool cutout, float density, float shift)
      : textures(std::move(levels)), reliefs(std::move(slopes)) {
    if (textures.empty()) throw std::invalid_argument("a material needs one texture level or more");
    if (!reliefs.empty() && reliefs.size() != textures.size()) {
      throw std::invalid_argument("relief needs as many levels as the texture");
    }
    for (std::size_t i = 0; i < textures.size(); ++i) add(i);
    material.wrap = vec(wrap);
    material.specular = specular;
    material.strength = strength;
    material.gloss = gloss;
    material.sheen = sheen;
    material.fibre = fibre;
    material.two_sided = two_sided;
    material.cutout = cutout;
    material.density = density;
    material.shift = shift;
  }

 private:
  void add(std::size_t i) {
    const Array<std::uint8_t>& texture = textures[i];
    if (texture.ndim() != 3 || texture.shape(2) != 4) throw std::invalid_argument("textures are [H, W, 4]");
    raster::Level level;
    level.rgba = texture.data();
    level.height = count32(texture.shape(0));
    level.width = count32(texture.shape(1));
    if (!reliefs.empty()) {
      const Array<std::int8_t>& relief = reliefs[i];
      if (relief.ndim() != 3 || relief.shape(0) != texture.shape(0) || relief.shape(1) != texture.shape(1) ||
          relief.shape(2) != 2) {
        throw std::invalid_argument("relief is [H, W, 2], as large as its texture");
      }
      level.relief = relief.data();
    }
    material.levels.push_back(level);
  }
};

raster::Lighting make_lighting(const Triple& key_direction, const Triple& key, const Triple& fill_direction,
                               const Triple& fill, const Triple& rim_direction, const Triple& rim,
                               const Triple& sky, const Triple& ground, float exposure) {
  raster::Lighting light;
  light.key_direction = raster::normalized(vec(key_direction));
  light.fill_direction = raster::normalized(vec(fill_direction));
  light.rim_direction = raster::normalized(vec(rim_direction));
  light.key = vec(key);
  light.fill = vec(fill);
  light.rim = vec(rim);
  light.sky = vec(sky);
  light.ground = vec(ground);
  light.exposure = exposure;
  return light;
}

void draw(Array<std::uint8_t>& rgb, Array<std::uint8_t>& cover, Array<std::uint8_t>& face,
          const Array<float>& positions, const Array<float>& normals, const Array<float>& uv,
          const Array<float>& exposure, const Array<std::int32_t>& triangles,
          const Array<std::uint8_t>& material_of, const std::vector<const BoundMaterial*>& bound,
          const raster::Lighting& light, float focal, float cx, float cy) {
  if (rgb.ndim() != 3 || rgb.shape(2) != 3) throw std::invalid_argument("rgb is [H, W, 3]");
  check(cover, "cover", rgb.shape(0), rgb.shape(1));
  check(face, "face", rgb.shape(0), rgb.shape(1));
  const py::ssize_t vertices = positions.shape(0);
  check(positions, "positions", vertices, 3);
  check(normals, "normals", vertices, 3);
  check(uv, "uv", vertices, 2);
  check(exposure, "exposure", vertices, 3);
  check(triangles, "triangles", -1, 3);
  check(material_of, "material_of", triangles.shape(0), 0);
  check_indices(triangles, vertices);
  std::vector<raster::Material> materials;
  for (const BoundMaterial* b : bound) materials.push_back(b->material);
  for (py::ssize_t i = 0; i < material_of.size(); ++i) {
    if (material_of.data()[i] >= materials.size())
      throw std::invalid_argument("material_of names no material");
  }
  raster::Mesh mesh;
  mesh.positions = vectors(positions);
  mesh.normals = vectors(normals);
  mesh.uv = uv.data();
  mesh.exposure = vectors(exposure);
  mesh.vertices = count32(vertices);
  mesh.triangles = triangles_of(triangles);
  mesh.material = material_of.data();
  mesh.count = count32(triangles.shape(0));
  std::uint8_t* pixels = rgb.mutable_data();
  std::uint8_t* covered = cover.mutable_data();
  std::uint8_t* faces = face.mutable_data();
  const std::int32_t height = count32(rgb.shape(0)), width = count32(rgb.shape(1));
  const py::gil_scoped_release release;
  raster::draw(mesh, {focal, cx, cy}, materials, light, pixels, covered, faces, width, height);
}

Array<float> vertex_normals(const Array<float>& positions, const Array<std::int32_t>& triangles,
                            const Array<std::int32_t>& weld) {
  const py::ssize_t vertices = positions.shape(0);
  check(positions, "positions", vertices, 3);
  check(triangles, "triangles", -1, 3);
  check(weld, "weld", vertices, 0);
  check_indices(triangles, vertices);
  for (py::ssize_t i = 0; i < vertices; ++i) {
    if (weld.data()[i] < 0 || weld.data()[i] >= vertices) throw std::invalid_argument("weld names no vertex");
  }
  Array<float> out({vertices, py::ssize_t{3}});
  auto* normals = reinterpret_cast<Vec3*>(out.mutable_data());
  {
    const py::gil_scoped_release release;
    raster::vertex_normals(vectors(positions), count32(vertices), triangles_of(triangles),
                           count32(triangles.shape(0)), weld.data(), normals);
  }
  return out;
}

Array<float> visibility(const Array<float>& positions, const Array<std::int32_t>& triangles,
                        const Array<float>& receivers, const Array<float>& normals, const Triple& toward,
                        float radius, float bias, int resolution) {
  check(positions, "positions", -1, 3);
  check(triangles, "triangles", -1, 3);
  check(receivers, "receivers", -1, 3);
  check(normals, "normals", receivers.shape(0), 3);
  check_indices(triangles, positions.shape(0));
  if (resolution < 1 || resolution > 4096) throw std::invalid_argument("resolution must lie in 1..4096");
  Array<float> out(receivers.shape(0));
  float* values = out.mutable_data();
  {
    const py::gil_scoped_release release;
    raster::visibility(vectors(positions), count32(positions.shape(0)), triangles_of(triangles),
                       count32(triangles.shape(0)), vectors(receivers), vectors(normals),
                       count32(receivers.shape(0)), vec(toward), radius, bias, resolution, values);
  }
  return out;
}

Array<float> smoothed(const Array<float>& values, const Array<std::int32_t>& triangles, int rounds) {
  check(values, "values", -1, 0);
  check(triangles, "triangles", -1, 3);
  check_indices(triangles, values.shape(0));
  Array<float> out(values.shape(0));
  std::copy(values.data(), values.data() + values.size(), out.mutable_data());
  float* target = out.mutable_data();
  {
    const py::gil_scoped_release release;
    raster::smooth(target, count32(values.shape(0)), triangles_of(triangles), count32(triangles.shape(0)),
                   rounds);
  }
  return out;
}

}  // namespace

PYBIND11_MODULE(_raster, m) {
  m.doc() = "Triangle rasteriser of the synthetic actors.";
  py::class_<BoundMaterial>(m, "Material")
      .def(py::init<std::vector<Array<std::uint8_t>>, std::vector<Array<std::int8_t>>, const Triple&, float,
                    float, int, float, bool, bool, bool, float, float>(),
           py::arg("levels"), py::arg("relief") = std::vector<Array<std::int8_t>>{},
           py::arg("wrap") = Triple{0, 0, 0}, py::arg("specular") = 0.04F, py::arg("strength") = 1.0F,
           py::arg("gloss") = 4, py::arg("sheen") = 0.0F, py::arg("fibre") = false,
           py::arg("two_sided") = false, py::arg("cutout") = false, py::arg("density") = 0.0F,
           py::arg("shift") = 0.0F);
  py::class_<raster::Lighting>(m, "Lighting")
      .def(py::init(&make_lighting), py::arg("key_direction"), py::arg("key"), py::arg("fill_direction"),
           py::arg("fill"), py::arg("rim_direction"), py::arg("rim"), py::arg("sky"), py::arg("ground"),
           py::arg("exposure") = 1.0F);
  m.def("draw", &draw, py::arg("rgb").noconvert(), py::arg("cover").noconvert(), py::arg("face").noconvert(),
        py::arg("positions").noconvert(), py::arg("normals").noconvert(), py::arg("uv").noconvert(),
        py::arg("exposure").noconvert(), py::arg("triangles").noconvert(), py::arg("material_of").noconvert(),
        py::arg("materials"), py::arg("light"), py::arg("focal"), py::arg("cx"), py::arg("cy"));
  m.def("vertex_normals", &vertex_normals, py::arg("positions").noconvert(), py::arg("triangles").noconvert(),
        py::arg("weld").noconvert());
  m.def("visibility", &visibility, py::arg("positions").noconvert(), py::arg("triangles").noconvert(),
        py::arg("receivers").noconvert(), py::arg("normals").noconvert(), py::arg("toward"),
        py::arg("radius"), py::arg("bias"), py::arg("resolution") = 384);
  m.def("smoothed", &smoothed, py::arg("values").noconvert(), py::arg("triangles").noconvert(),
        py::arg("rounds"));
}
