#include "cli/duration.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <string_view>

#include "core/ascii.h"

namespace ocelli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// The number before the unit, times the unit; none where `text` is neither.
std::optional<double> Parse(std::string_view text, std::span<const Unit> units,
                            double most) {
  // from_chars would take "inf", "nan" and signs.
  const std::size_t digits = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, digits);
  const std::string_view name = text.substr(number.size());
  double value = 0;
  const char* end = number.data() + number.size();
  const auto parsed =
      std::from_chars(number.data(), end, value, std::chars_format::fixed);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    value *= unit.factor;
    return value <= most ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(const std::string& text) {
  constexpr Unit kUnits[] = {
      {"ms", 1},     {"s", 1e3},         {"m", 60e3},        {"min", 60e3},
      {"h", 3600e3}, {"d", 24 * 3600e3}, {"w", 168 * 3600e3}};
  const auto value = Parse(text, kUnits, 100 * 365.25 * 24 * 3600e3);
  if (!value) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "not a time span: \"" + text + "\"; write 500ms, 90s, 5m, 12h or 30d");
  }
  return std::chrono::milliseconds(std::llround(*value));
}

Result<std::uint64_t> ParseSize(const std::string& text) {
  constexpr double kKi = 1024;
  constexpr Unit kUnits[] = {{"", 1},
                             {"b", 1},
                             {"k", 1e3},
                             {"kb", 1e3},
                             {"m", 1e6},
                             {"mb", 1e6},
                             {"g", 1e9},
                             {"gb", 1e9},
                             {"t", 1e12},
                             {"tb", 1e12},
                             {"kib", kKi},
                             {"mib", kKi * kKi},
                             {"gib", kKi * kKi * kKi},
                             {"tib", kKi * kKi * kKi * kKi}};
  const auto value = Parse(LowerCase(text), kUnits, 1e18);
  if (!value) {
    return Fail(ErrorCode::kInvalidArgument,
                "not a size: \"" + text + "\"; write 10GB, 512MiB or bytes");
  }
  return static_cast<std::uint64_t>(std::llround(*value));
}

std::string DurationText(std::chrono::milliseconds time) {
  const auto count = [](std::int64_t number, const char* unit) {
    return std::to_string(number) + " " + unit + (number == 1 ? "" : "s");
  };
  const std::int64_t seconds = time.count() / 1000;
  if (seconds >= 2 * 24 * 3600) return count(seconds / (24 * 3600), "day");
  if (seconds >= 2 * 3600) return count(seconds / 3600, "hour");
  if (seconds >= 120) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds) + " s";
}

}  // namespace ocelli
