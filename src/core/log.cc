#include "core/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace ocelli {
namespace {

struct Logger {
  Logger() { spd.set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v"); }

  spdlog::logger spd{"ocelli",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  LogFormat format = LogFormat::kText;
};

Logger& TheLogger() {
  static Logger logger;
  return logger;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

// A JSON string, quotes included. Control characters are escaped, so one
// event stays one line whatever a file is called.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      quoted += c;
    }
  }
  return quoted += '"';
}

std::string ValueText(const LogField& field) {
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
    return std::to_string(*number);
  }
  if (const auto* real = std::get_if<double>(&field.value)) {
    return fmt::format("{:.6g}", *real);
  }
  return Quoted(std::get<std::string_view>(field.value));
}

}  // namespace

std::string FormatLogLine(LogFormat format, std::string_view message,
                          LogFields fields) {
  const bool json = format == LogFormat::kJson;
  std::string line =
      json ? "\"message\":" + Quoted(message) : std::string(message);
  for (const LogField& field : fields) {
    line += json ? "," + Quoted(field.key) + ":"
                 : " " + std::string(field.key) + "=";
    line += ValueText(field);
  }
  return line;
}

void ConfigureLog(const LogOptions& options) {
  Logger& logger = TheLogger();
  logger.format = options.format;
  logger.spd.set_level(ToSpdlog(options.level));
  if (options.format == LogFormat::kJson) {
    logger.spd.set_pattern(
        R"({"@timestamp":"%Y-%m-%dT%H:%M:%S.%eZ","log.level":"%l",)"
        R"("ecs.version":"8.11.0","service.name":"ocelli",%v})",
        spdlog::pattern_time_type::utc);
  } else {
    logger.spd.set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  }
}

void Log(LogLevel level, std::string_view message, LogFields fields) {
  Logger& logger = TheLogger();
  const auto spd_level = ToSpdlog(level);
  if (!logger.spd.should_log(spd_level)) return;
  logger.spd.log(spd_level, FormatLogLine(logger.format, message, fields));
}

}  // namespace ocelli
