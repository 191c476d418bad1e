#include "cli/json_output.h"

#include <cstdint>
#include <cstdio>

namespace ocelli {

std::string JsonText(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace);
}

void Report(const CommandContext& context, const nlohmann::ordered_json& json,
            const std::string& text) {
  std::puts(context.json ? JsonText(json).c_str() : text.c_str());
}

std::string Megabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB",
                static_cast<double>(bytes) / 1e6);
  return text;
}

std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

}  // namespace ocelli
