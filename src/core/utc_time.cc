#include "core/utc_time.h"

#include <cstdio>
#include <ctime>

namespace ocelli {

std::string UtcText(std::chrono::system_clock::time_point time,
                    UtcPrecision precision) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto microseconds = static_cast<int>(
      std::chrono::floor<std::chrono::microseconds>(time - whole).count());
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char day[40], text[64];
  std::strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
  const bool fine = precision == UtcPrecision::kMicroseconds;
  std::snprintf(text, sizeof(text), "%s.%0*dZ", day, fine ? 6 : 3,
                fine ? microseconds : microseconds / 1000);
  return text;
}

Result<std::chrono::system_clock::time_point> ParseUtc(std::string_view text) {
  const auto bad = [&] {
    return Fail(ErrorCode::kInvalidArgument,
                "not a time as 2026-11-25T14:24:15.123Z: " +
                    std::string(text.substr(0, 64)));
  };
  // Checked by shape first: sscanf would take blanks, signs and short numbers.
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() < kShape.size() + 1 || text.back() != 'Z') return bad();
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == '0' ? !is_digit(text[i]) : text[i] != kShape[i]) {
      return bad();
    }
  }
  std::string_view fraction = text.substr(kShape.size());
  fraction.remove_suffix(1);
  std::chrono::microseconds part{0};
  if (!fraction.empty()) {
    if (fraction.size() < 2 || fraction.size() > 7 || fraction[0] != '.') {
      return bad();
    }
    std::int64_t scale = 100'000;
    for (const char c : fraction.substr(1)) {
      if (!is_digit(c)) return bad();
      part += std::chrono::microseconds((c - '0') * scale);
      scale /= 10;
    }
  }
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::sscanf(std::string(text).c_str(), "%4d-%2d-%2dT%2d:%2d:%2d", &year,
              &month, &day, &hour, &minute, &second);
  const std::chrono::year_month_day date{
      std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
      std::chrono::day(static_cast<unsigned>(day))};
  // What system_clock holds in nanoseconds.
  if (!date.ok() || year < 1970 || year > 2261 || hour > 23 || minute > 59 ||
      second > 59) {
    return bad();
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) + part;
}

}  // namespace ocelli
