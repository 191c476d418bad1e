#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "core/result.h"

namespace ocelli {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };  // kJson: Elastic Common Schema.

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

// One named value of a log line. Never a descriptor, a mesh or pixels: those
// are somebody's face. Refers to its text until the call returns.
struct LogField {
  template <std::integral T>
  LogField(std::string_view key_in, T value_in)
      : key(key_in), value(static_cast<std::int64_t>(value_in)) {}
  LogField(std::string_view key_in, double value_in)
      : key(key_in), value(value_in) {}
  LogField(std::string_view key_in, std::string_view value_in)
      : key(key_in), value(value_in) {}
  LogField(std::string_view key_in, const char* value_in)
      : key(key_in), value(std::string_view(value_in)) {}
  LogField(std::string_view key_in, const std::string& value_in)
      : key(key_in), value(std::string_view(value_in)) {}

  std::string_view key;
  std::variant<std::int64_t, double, std::string_view> value;
};

using LogFields = std::initializer_list<LogField>;

// Lines go to standard error. Until this is called, kInfo and kText hold.
void ConfigureLog(const LogOptions& options);

// Thread-safe. `message` is constant text; what varies is a field.
void Log(LogLevel level, std::string_view message, LogFields fields = {});

// The line without its time and level: text, or the members of the JSON
// object.
std::string FormatLogLine(LogFormat format, std::string_view message,
                          LogFields fields);

}  // namespace ocelli
