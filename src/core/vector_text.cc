#include "core/vector_text.h"

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

namespace ocelli {
namespace {

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool IsSeparator(char c) { return IsBlank(c) || c == ',' || c == ';'; }

// Without blanks around and one pair of brackets.
Result<std::string_view> Inside(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  const bool opened = text.starts_with('[');
  if (opened != text.ends_with(']') || text == "[") {
    return Fail(ErrorCode::kInvalidArgument,
                "a vector with one bracket: it was cut off");
  }
  return opened ? text.substr(1, text.size() - 2) : text;
}

auto NotANumber(std::string_view rest) {
  constexpr std::size_t kShown = 20;
  std::size_t length = 0;
  while (length < rest.size() && length < kShown &&
         !IsSeparator(rest[length])) {
    ++length;
  }
  const std::string word(rest.substr(0, length));
  // How NumPy prints what is longer than a thousand values.
  if (word == "...") {
    return Fail(ErrorCode::kInvalidArgument,
                "values are left out ('...'): the vector was printed, not "
                "written");
  }
  return Fail(ErrorCode::kInvalidArgument, "not a number: '" + word + "'");
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Appends to `number` the few digits at `at`. Returns where they end.
const char* ReadDigits(const char* at, const char* end, std::uint64_t& number) {
  for (; at < end && IsDigit(*at); ++at) {
    number = number * 10 + static_cast<std::uint64_t>(*at - '0');
  }
  return at;
}

// The same for many digits, eight at a time: pairs, then fours, then all are
// put together within one word.
const char* ReadFraction(const char* at, const char* end,
                         std::uint64_t& number) {
  if constexpr (std::endian::native == std::endian::little) {
    for (; end - at >= 8; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, sizeof(word));
      constexpr std::uint64_t kZeros = 0x3030303030303030;
      constexpr std::uint64_t kHighHalves = 0xF0F0F0F0F0F0F0F0;
      constexpr std::uint64_t kToCarry = 0x0606060606060606;
      const bool digits = (word & kHighHalves) == kZeros &&
                          ((word + kToCarry) & kHighHalves) == kZeros;
      if (!digits) break;
      word = (word & 0x0F0F0F0F0F0F0F0F) * (10 << 8 | 1) >> 8;
      word = (word & 0x00FF00FF00FF00FF) * (100 << 16 | 1) >> 16;
      word = (word & 0x0000FFFF0000FFFF) * (10000ull << 32 | 1) >> 32;
      number = number * 100'000'000 + word;
    }
  }
  return ReadDigits(at, end, number);
}

// Digits from the first that is not 0 on; one '.' may be among them.
std::ptrdiff_t SignificantDigits(const char* at, const char* end) {
  std::ptrdiff_t point = 0;
  while (at < end && (*at == '0' || *at == '.')) ++at;
  for (const char* c = at; c < end; ++c) point += *c == '.';
  return end - at - point;
}

// `mantissa` x 10^exponent, |exponent| <= 22, rounded once to the nearest
// float; false where one rounding can't be told from two. The double is off by
// 2 units in its last place at most (half of one for each of its factors, the
// power being exact), so only near the middle between two floats, where the 29
// bits that a float lacks are 1000..., is it in doubt.
bool RoundToFloat(std::uint64_t mantissa, int exponent, float& value) {
  static constexpr double kPowers[] = {
      1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  constexpr std::uint64_t kLacking = (1 << 29) - 1;
  constexpr std::uint64_t kMiddle = 1 << 28;
  constexpr std::uint64_t kMargin = 8;
  const auto wide = static_cast<double>(mantissa);
  const double scaled =
      exponent < 0 ? wide / kPowers[-exponent] : wide * kPowers[exponent];
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(scaled);
  const std::uint64_t from_middle = (bits & kLacking) - (kMiddle - kMargin);
  // Past the ends of the normal floats the middles lie elsewhere.
  const bool normal = scaled > 1e-37 && scaled < 1e38;
  if ((from_middle <= 2 * kMargin || !normal) && mantissa != 0) return false;
  value = static_cast<float>(scaled);
  return true;
}

// Reads a number of up to 19 digits, several times as fast as from_chars.
// Null where that one is needed: other notations, doubtful rounding, errors.
const char* ReadShortFloat(const char* at, const char* end, float& value) {
  const bool negative = at < end && *at == '-';
  at += negative;
  const char* const first = at;
  std::uint64_t mantissa = 0;
  int exponent = 0;
  at = ReadDigits(at, end, mantissa);
  std::ptrdiff_t digits = at - first;
  if (at < end && *at == '.') {
    const char* const fraction = ++at;
    at = ReadFraction(at, end, mantissa);
    if (at - fraction > 64) return nullptr;
    exponent = static_cast<int>(fraction - at);
    digits += at - fraction;
  }
  constexpr std::ptrdiff_t kMostDigits = 19;  // Of what 64 bits hold.
  if (digits == 0 ||
      (digits > kMostDigits && SignificantDigits(first, at) > kMostDigits)) {
    return nullptr;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    const bool minus = at < end && *at == '-';
    at += minus || (at < end && *at == '+');
    const char* const power_at = at;
    std::uint64_t power = 0;
    at = ReadDigits(at, end, power);
    if (at == power_at || at - power_at > 3) return nullptr;
    exponent += minus ? -static_cast<int>(power) : static_cast<int>(power);
  }
  if (exponent < -22 || exponent > 22 ||
      !RoundToFloat(mantissa, exponent, value)) {
    return nullptr;
  }
  if (negative) value = -value;
  return at;
}

// Any number; what overflows or underflows a float is rounded from a double.
std::from_chars_result ReadFloat(const char* at, const char* end,
                                 float& value) {
  if (end - at > 1 && *at == '+' && at[1] != '-') ++at;
  const auto read = std::from_chars(at, end, value);
  if (read.ec != std::errc::result_out_of_range) return read;
  double wide = 0;
  const auto read_wide = std::from_chars(at, end, wide);
  constexpr double kMost = std::numeric_limits<float>::max();
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  value = wide > kMost    ? kInfinite
          : wide < -kMost ? -kInfinite
                          : static_cast<float>(wide);
  return read_wide;
}

}  // namespace

Result<> AppendVector(std::string_view text, std::size_t max_values,
                      std::vector<float>& values) {
  const auto inside = Inside(text);
  if (!inside) return inside.Failure();
  const std::size_t before = values.size();
  const char* at = inside->data();
  const char* const end = at + inside->size();
  const auto refuse = [&](auto error) {
    values.resize(before);
    return error;
  };
  while (true) {
    while (at < end && IsSeparator(*at)) ++at;
    if (at == end) return {};
    float value = 0;
    const char* stop = ReadShortFloat(at, end, value);
    if (!stop || (stop < end && !IsSeparator(*stop))) {
      const auto read = ReadFloat(at, end, value);
      if (read.ec == std::errc::result_out_of_range) {
        return refuse(
            Fail(ErrorCode::kInvalidArgument, "a number out of range"));
      }
      stop = read.ptr;
      if (read.ec != std::errc() || (stop < end && !IsSeparator(*stop))) {
        return refuse(NotANumber({at, static_cast<std::size_t>(end - at)}));
      }
    }
    if (values.size() - before == max_values) {
      return refuse(
          Fail(ErrorCode::kResourceExhausted,
               "more than " + std::to_string(max_values) + " values"));
    }
    values.push_back(value);
    at = stop;
  }
}

}  // namespace ocelli
