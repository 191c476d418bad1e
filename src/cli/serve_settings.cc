#include "cli/serve_settings.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

#include "cli/archive_flags.h"
#include "cli/settings.h"
#include "effects/effect.h"
#include "live/live_session.h"
#include "live/session_store.h"
#include "media/video_source.h"

namespace ocelli {
namespace {

// Reads settings until one is wrong.
class Reader {
 public:
  explicit Reader(const Config& config) : config_(config) {}

  void Text(const char* key, std::string& value) {
    Take(config_.GetString(key, value), value);
  }
  void Path(const char* key, std::filesystem::path& value) {
    std::string text = value.string();
    Text(key, text);
    value = text;
  }
  void Truth(const char* key, bool& value) {
    Take(config_.GetBool(key, value), value);
  }
  void Seconds(const char* key, double& value) {
    double seconds = value;
    Take(config_.GetDouble(key, value), seconds);
    if (!error_ && !(seconds >= 0 && seconds <= 86400)) {
      Refuse(key, "is to be from 0 to 86400 seconds");
    }
    value = seconds;
  }
  template <typename Whole>
  void Number(const char* key, std::int64_t least, std::int64_t most,
              Whole& value) {
    std::int64_t number = static_cast<std::int64_t>(value);
    Take(config_.GetInt(key, number), number);
    if (!error_ && (number < least || number > most)) {
      Refuse(key, "is to be from " + std::to_string(least) + " to " +
                      std::to_string(most) + ", not " + std::to_string(number));
    }
    value = static_cast<Whole>(number);
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  template <typename T>
  void Take(Result<T> read, T& value) {
    if (read) {
      value = *std::move(read);
    } else if (!error_) {
      error_ = read.error();
    }
  }
  void Refuse(const char* key, const std::string& why) {
    error_ = {ErrorCode::kInvalidArgument, std::string(key) + " " + why};
  }

  const Config& config_;
  std::optional<Error> error_;
};

Result<ServedCamera> CameraOf(const Config& config, const std::string& name) {
  ServedCamera camera;
  camera.video.name = name;
  camera.video.configured = true;
  const std::string prefix = "camera." + name + ".";
  Reader reader(config);
  reader.Text((prefix + "source").c_str(), camera.video.source);
  reader.Text((prefix + "out").c_str(), camera.video.sink);
  reader.Truth((prefix + "repeat").c_str(), camera.video.repeat);
  reader.Truth((prefix + "names").c_str(), camera.video.names);
  reader.Text((prefix + "archive").c_str(), camera.archive_to);
  if (reader.error()) return tl::unexpected(*reader.error());
  camera.video.effects = config.GetList(prefix + "effects");
  camera.archive_options = config.GetList(prefix + "archive_options");
  return camera;
}

// "door" of "camera.door.source".
std::set<std::string> CameraNames(const Config& config) {
  constexpr std::string_view kTable = "camera.";
  std::set<std::string> names;
  for (const ConfigEntry& entry : config.FileEntries()) {
    const std::size_t end = entry.key.rfind('.');
    if (entry.key.starts_with(kTable) && end > kTable.size()) {
      names.insert(entry.key.substr(kTable.size(), end - kTable.size()));
    }
  }
  return names;
}

void AddCameraMistakes(const ServedCamera& camera,
                       const EffectRegistry& effects,
                       std::vector<std::string>& mistakes) {
  const std::string which = "camera." + camera.video.name;
  if (auto named = CheckSessionName(camera.video.name); !named) {
    mistakes.push_back(which + ": " + named.error().message);
  }
  if (camera.video.source.empty()) {
    mistakes.push_back(which + ".source is missing");
  }
  for (const std::string& effect : camera.video.effects) {
    if (auto known = effects.Parse(effect); !known) {
      mistakes.push_back(which + ".effects: " + known.error().message);
    }
  }
  if (auto flags = ParseArchiveFlags(camera.archive_options); !flags) {
    mistakes.push_back(which + ".archive_options: " + flags.error().message);
  }
  if (camera.archive_to.empty() && !camera.archive_options.empty()) {
    mistakes.push_back(which + ".archive is missing, but has options");
  }
}

}  // namespace

Result<ServeSettings> ReadServeSettings(const Config& config) {
  ServeSettings settings;
  Reader reader(config);
  constexpr int kMost = std::numeric_limits<int>::max();
  reader.Text("serve.address", settings.address);
  reader.Number("serve.port", 0, 65535, settings.port);
  reader.Number("serve.grpc_port", -1, 65535, settings.grpc_port);
  reader.Path("serve.certificate", settings.certificate);
  reader.Path("serve.private_key", settings.private_key);
  reader.Truth("serve.insecure", settings.insecure);
  reader.Truth("serve.open_metrics", settings.open_metrics);
  reader.Number("serve.in_flight", 1, 4096, settings.in_flight);
  reader.Number("serve.in_flight_of_client", 1, 4096,
                settings.in_flight_of_client);
  reader.Number("serve.max_image_bytes", 1024, kMost, settings.max_image_bytes);
  reader.Number("serve.max_image_pixels", 1024, kMost,
                settings.max_image_pixels);
  reader.Number("serve.images_at_a_time", 0, 1024, settings.images_at_a_time);
  reader.Seconds("serve.drain_seconds", settings.drain_seconds);
  reader.Truth("serve.remember_unknown", settings.remember_unknown);
  reader.Truth("serve.allow_private", settings.allow_private);
  if (reader.error()) return tl::unexpected(*reader.error());
  settings.hosts = config.GetList("serve.hosts");
  for (const std::string& name : CameraNames(config)) {
    auto camera = CameraOf(config, name);
    if (!camera) return camera.Failure();
    settings.cameras.push_back(*std::move(camera));
  }
  return settings;
}

std::vector<std::string> ServeMistakes(const ServeSettings& settings) {
  std::vector<std::string> mistakes;
  in6_addr address{};
  if (inet_pton(AF_INET, settings.address.c_str(), &address) != 1 &&
      inet_pton(AF_INET6, settings.address.c_str(), &address) != 1) {
    mistakes.push_back("serve.address is to be an IPv4 or IPv6 address, not " +
                       settings.address + "; 0.0.0.0 and :: are all of them");
  }
  if (settings.certificate.empty() != settings.private_key.empty()) {
    mistakes.push_back(
        "serve.certificate and serve.private_key are needed together");
  }
  for (const std::filesystem::path* file :
       {&settings.certificate, &settings.private_key}) {
    std::error_code error;
    if (!file->empty() && !std::filesystem::is_regular_file(*file, error)) {
      mistakes.push_back("no such file: " + file->string());
    }
  }
  EffectRegistry effects;
  AddAllEffects(effects);
  for (const ServedCamera& camera : settings.cameras) {
    AddCameraMistakes(camera, effects, mistakes);
  }
  return mistakes;
}

bool IsLoopback(const std::string& address) {
  in_addr four{};
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) {
    return ntohl(four.s_addr) >> 24 == 127;
  }
  in6_addr six{};
  return inet_pton(AF_INET6, address.c_str(), &six) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&six);
}

}  // namespace ocelli
