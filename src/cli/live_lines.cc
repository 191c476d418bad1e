#include "cli/live_lines.h"

#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/json_output.h"
#include "core/file.h"
#include "core/utc_time.h"

namespace ocelli {
namespace {

double Thousandths(double value) { return std::round(value * 1000) / 1000; }

nlohmann::ordered_json ToJson(const TrackedFace& tracked, bool mesh_points) {
  const Face& face = tracked.face;
  nlohmann::ordered_json json = {
      {"track", tracked.track},
      {"name", tracked.name.empty() ? nlohmann::ordered_json(nullptr)
                                    : nlohmann::ordered_json(tracked.name)},
      {"similarity", Thousandths(tracked.similarity)},
      {"box",
       {{"x", face.box.x},
        {"y", face.box.y},
        {"width", face.box.width},
        {"height", face.box.height}}},
      {"score", Thousandths(face.score)},
      {"seen", tracked.seen()}};
  if (mesh_points) {
    auto& mesh = json["mesh"] = nlohmann::ordered_json::array();
    for (const Point3F& p : face.mesh) mesh.push_back({p.x, p.y, p.z});
  }
  return json;
}

}  // namespace

Result<std::unique_ptr<LiveLines>> LiveLines::Open(const std::string& path,
                                                   bool mesh_points) {
  std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "w");
  if (!file) return FailWithErrno("writing " + path, errno);
  return std::unique_ptr<LiveLines>(new LiveLines(path, file, mesh_points));
}

LiveLines::LiveLines(std::string path, std::FILE* file, bool mesh_points)
    : path_(std::move(path)), file_(file), mesh_points_(mesh_points) {}

LiveLines::~LiveLines() {
  if (file_ != stdout) std::fclose(file_);
}

Result<> LiveLines::Write(const std::string& source, const Frame& frame,
                          std::span<const TrackedFace> faces) {
  nlohmann::ordered_json json;
  if (!source.empty()) json["source"] = source;
  json["sequence"] = frame.sequence;
  json["time"] = static_cast<double>(frame.time.count()) / 1e6;
  json["wall_time"] = UtcText(frame.wall_time);
  auto& list = json["faces"] = nlohmann::ordered_json::array();
  for (const TrackedFace& face : faces) {
    list.push_back(ToJson(face, mesh_points_));
  }
  const std::string line = JsonText(json) + "\n";
  const std::lock_guard lock(mutex_);
  // Whole lines at once, so that a reader and a kill see no halves.
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() ||
      std::fflush(file_) != 0) {
    return FailWithErrno("writing " + path_, errno);
  }
  return {};
}

}  // namespace ocelli
