#include "net/http_date.h"

#include <charconv>
#include <cstddef>

namespace ocelli {

std::optional<std::chrono::system_clock::time_point> ParseHttpDate(
    std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  constexpr std::string_view kShape = "aaa, 00 aaa 0000 00:00:00 GMT";
  if (text.size() != kShape.size() || !text.ends_with(" GMT")) return {};
  const std::size_t month = kMonths.find(text.substr(8, 3));
  if (month == kMonths.npos || month % 3 != 0) return {};
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = -1;
    const char* const end = text.data() + at + digits;
    return std::from_chars(text.data() + at, end, value).ptr == end ? value
                                                                    : -1;
  };
  const int day = number(5, 2), year = number(12, 4), hour = number(17, 2),
            minute = number(20, 2), second = number(23, 2);
  const std::chrono::year_month_day date{
      std::chrono::year(year),
      std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
      std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1970 || year > 2261 || hour < 0 || hour > 23 ||
      minute < 0 || minute > 59 || second < 0 || second > 60) {
    return {};
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

}  // namespace ocelli
