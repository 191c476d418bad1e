#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/result.h"
#include "live/live_board.h"

namespace ocelli {

// A camera of the settings.
struct ServedCamera {
  LiveVideoSettings video;
  std::string archive_to;  // Empty: it is not archived.
  std::vector<std::string> archive_options;
};

// What `ocelli serve` is told by settings (cli/settings.h says what each is).
struct ServeSettings {
  std::string address = "127.0.0.1";
  int port = 8080;
  int grpc_port = 50051;  // -1: none.
  std::filesystem::path certificate;
  std::filesystem::path private_key;
  bool insecure = false;
  std::vector<std::string> hosts;
  bool open_metrics = false;
  int in_flight = 256;
  int in_flight_of_client = 32;
  std::uint64_t max_image_bytes = 32 << 20;
  std::uint64_t max_image_pixels = 100'000'000;
  int images_at_a_time = 0;
  double drain_seconds = 15;
  bool remember_unknown = true;
  bool allow_private = false;
  std::vector<ServedCamera> cameras;  // By name.
};

// From all layers of `config`; cameras are those of its file.
// kInvalidArgument says which setting, with its place.
Result<ServeSettings> ReadServeSettings(const Config& config);

// What can't be meant, though each value can be read: cameras without source,
// effects that there are not, files that are missing.
std::vector<std::string> ServeMistakes(const ServeSettings& settings);

// Whether only this machine can reach the address.
bool IsLoopback(const std::string& address);

}  // namespace ocelli
