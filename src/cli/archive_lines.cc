#include "cli/archive_lines.h"

#include <cstdio>
#include <utility>

#include "cli/json_output.h"
#include "core/utc_time.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

Result<std::string> UrlOf(const ManifestLine& line, const ObjectStore& store,
                          std::chrono::seconds presign,
                          std::chrono::system_clock::time_point now) {
  if (presign.count() == 0) return store.UrlOf(line.key);
  return store.PresignedUrl(line.key, presign, now);
}

double Seconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

}  // namespace

Result<Json> ArchiveLineJson(const ManifestLine& line, const ObjectStore& store,
                             std::chrono::seconds presign,
                             std::chrono::system_clock::time_point now) {
  const FrameRecord& frame = line.frame;
  Json json = {{"seq", frame.seq}};
  if (line.dropped) json["dropped"] = true;
  json["run"] = frame.run;
  json["pts"] = Seconds(frame.pts);
  json["time"] = UtcText(frame.time, UtcPrecision::kMicroseconds);
  json["digest"] = frame.digest.ToHex();
  if (!line.dropped) {
    auto url = UrlOf(line, store, presign, now);
    if (!url) return url.Failure();
    json["url"] = std::move(*url);
    json["key"] = line.key;
  }
  json["bytes"] = frame.bytes;
  json["width"] = frame.width;
  json["height"] = frame.height;
  if (!line.dropped) json["attempts"] = line.attempts;
  return json;
}

Result<> ArchiveLines::Add(const ManifestLine& line,
                           std::chrono::system_clock::time_point now) {
  if (line.end) return {};
  const FrameRecord& frame = line.frame;
  if (!format_.json) {
    std::string where = "dropped";
    if (!line.dropped) {
      auto url = UrlOf(line, store_, format_.presign, now);
      if (!url) return url.Failure();
      where = std::move(*url);
    }
    char text[128];
    std::snprintf(text, sizeof(text), "%8llu  %s  %10.3f s  ",
                  static_cast<unsigned long long>(frame.seq),
                  UtcText(frame.time).c_str(), Seconds(frame.pts));
    print_(text + where);
    ++printed_;
    return {};
  }
  auto json = ArchiveLineJson(line, store_, format_.presign, now);
  if (!json) return json.Failure();
  if (format_.group == 0) {
    print_(JsonText(*json));
    ++printed_;
    return {};
  }
  const std::uint64_t group = frame.seq / format_.group;
  if (group != group_) Flush();
  group_ = group;
  frames_.push_back(std::move(*json));
  if (frame.seq % format_.group == format_.group - 1) Flush();
  return {};
}

void ArchiveLines::Flush() {
  if (frames_.empty()) return;
  printed_ += frames_.size();
  print_(JsonText({{"group", group_}, {"frames", std::move(frames_)}}));
  frames_ = Json::array();
}

}  // namespace ocelli
