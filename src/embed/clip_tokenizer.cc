#include "embed/clip_tokenizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>

namespace ocelli {
namespace {

constexpr std::size_t kMerges = 49408 - 512 - 2;
constexpr std::size_t kMaxWord = 1024;  // Characters.
// What no text that fits needs; bounds the work on one that doesn't.
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 20;
// A single byte that ends a word is this much after one that doesn't.
constexpr std::int32_t kLast = 256;

using CodePoints = std::vector<utf8proc_int32_t>;

// CLIP writes every byte as a character that can be seen: those of Latin-1 that
// can, then from U+0100 on for the others. In that order they are the first 256
// tokens.
struct ByteAlphabet {
  std::array<std::int32_t, 256> token_of_byte;
  std::array<utf8proc_int32_t, 256> character_of_token;

  ByteAlphabet() {
    std::int32_t next = 0;
    const auto add = [&](int byte, int character) {
      character_of_token[static_cast<std::size_t>(next)] = character;
      token_of_byte[static_cast<std::size_t>(byte)] = next++;
    };
    const auto is_seen = [](int byte) {
      return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
             byte >= 0xAE;
    };
    for (int byte = 0; byte < 256; ++byte) {
      if (is_seen(byte)) add(byte, byte);
    }
    for (int byte = 0, character = 256; byte < 256; ++byte) {
      if (!is_seen(byte)) add(byte, character++);
    }
  }
};

const ByteAlphabet& Alphabet() {
  static const ByteAlphabet alphabet;
  return alphabet;
}

void AppendUtf8(utf8proc_int32_t point, std::string& text) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t size = utf8proc_encode_char(point, bytes);
  text.append(reinterpret_cast<const char*>(bytes),
              static_cast<std::size_t>(size));
}

CodePoints Decode(std::string_view text) {
  CodePoints points;
  const auto* next = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto* end = next + text.size();
  while (next < end) {
    utf8proc_int32_t point = -1;
    const utf8proc_ssize_t size = utf8proc_iterate(next, end - next, &point);
    points.push_back(size < 1 ? 0xFFFD : point);
    next += std::max<utf8proc_ssize_t>(size, 1);
  }
  return points;
}

CodePoints Compose(const CodePoints& points) {
  std::string text;
  for (const utf8proc_int32_t point : points) AppendUtf8(point, text);
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &composed,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(
      composed, &std::free);
  if (size < 0) return points;
  return Decode({reinterpret_cast<const char*>(composed),
                 static_cast<std::size_t>(size)});
}

bool IsSpace(utf8proc_int32_t point) {
  return (point >= '\t' && point <= '\r') || point == ' ' || point == 0x85 ||
         point == 0xA0 || point == 0x1680 ||
         (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
         point == 0x2029 || point == 0x202F || point == 0x205F ||
         point == 0x3000;
}

bool IsLetter(utf8proc_int32_t point) {
  const utf8proc_category_t category = utf8proc_category(point);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsNumber(utf8proc_int32_t point) {
  const utf8proc_category_t category = utf8proc_category(point);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

// Unicode's full lower case: besides one for one there is a dotted capital I,
// and the sigma that ends a word.
CodePoints LowerCase(const CodePoints& points) {
  constexpr utf8proc_int32_t kCapitalSigma = 0x3A3;
  constexpr utf8proc_int32_t kFinalSigma = 0x3C2;
  CodePoints lower;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i] == 0x130) {
      lower.insert(lower.end(), {'i', 0x307});
    } else if (points[i] == kCapitalSigma && i > 0 && IsLetter(points[i - 1]) &&
               (i + 1 == points.size() || !IsLetter(points[i + 1]))) {
      lower.push_back(kFinalSigma);
    } else {
      lower.push_back(utf8proc_tolower(points[i]));
    }
  }
  return lower;
}

std::size_t LengthOfStart(std::span<const utf8proc_int32_t> text,
                          std::string_view start) {
  return text.size() >= start.size() &&
                 std::equal(start.begin(), start.end(), text.begin())
             ? start.size()
             : 0;
}

// How long the word is that `text` begins with, which is no space. As the
// regular expression does: an English ending, letters, one digit, or what is
// none of these.
std::size_t WordLength(std::span<const utf8proc_int32_t> text) {
  for (const char* ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (const std::size_t size = LengthOfStart(text, ending)) return size;
  }
  if (IsNumber(text[0])) return 1;
  const bool letters = IsLetter(text[0]);
  std::size_t size = 1;
  while (size < text.size() && !IsSpace(text[size]) && !IsNumber(text[size]) &&
         IsLetter(text[size]) == letters) {
    ++size;
  }
  return size;
}

std::uint64_t Pair(std::int32_t first, std::int32_t second) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(first)) << 32 |
         static_cast<std::uint32_t>(second);
}

}  // namespace

Result<ClipTokenizer> ClipTokenizer::Parse(std::string_view merges) {
  std::unordered_map<std::string, std::int32_t> tokens;
  for (std::int32_t i = 0; i < kLast; ++i) {
    std::string character;
    AppendUtf8(Alphabet().character_of_token[static_cast<std::size_t>(i)],
               character);
    tokens[character + "</w>"] = i + kLast;
    tokens[std::move(character)] = i;
  }
  ClipTokenizer tokenizer;
  std::size_t line_number = 1;
  std::size_t end = merges.find('\n');
  while (tokenizer.merges_.size() < kMerges) {
    const auto damaged = [&] {
      return Fail(ErrorCode::kDataLoss,
                  "CLIP's vocabulary is damaged at line " +
                      std::to_string(line_number));
    };
    if (end == merges.npos) return damaged();
    merges.remove_prefix(end + 1);
    ++line_number;
    end = merges.find('\n');
    const std::string_view line = merges.substr(0, end);
    const std::size_t space = line.find(' ');
    if (space == line.npos) return damaged();
    const auto first = tokens.find(std::string(line.substr(0, space)));
    const auto second = tokens.find(std::string(line.substr(space + 1)));
    if (first == tokens.end() || second == tokens.end()) return damaged();
    const auto rank = static_cast<std::int32_t>(tokenizer.merges_.size());
    const Merge merge{rank, 2 * kLast + rank};
    const bool is_new =
        tokenizer.merges_.emplace(Pair(first->second, second->second), merge)
            .second &&
        tokens.emplace(first->first + second->first, merge.token).second;
    if (!is_new) return damaged();
  }
  return tokenizer;
}

void ClipTokenizer::EncodeWord(std::string_view word,
                               std::vector<std::int64_t>& ids) const {
  std::vector<std::int32_t> tokens;
  for (const char c : word) {
    tokens.push_back(Alphabet().token_of_byte[static_cast<unsigned char>(c)]);
  }
  tokens.back() += kLast;
  while (tokens.size() > 1) {
    std::optional<Merge> best;
    std::uint64_t best_pair = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      const std::uint64_t pair = Pair(tokens[i], tokens[i + 1]);
      const auto found = merges_.find(pair);
      if (found != merges_.end() &&
          (!best || found->second.rank < best->rank)) {
        best = found->second;
        best_pair = pair;
      }
    }
    if (!best) break;
    std::vector<std::int32_t> merged;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i + 1 < tokens.size() &&
          Pair(tokens[i], tokens[i + 1]) == best_pair) {
        merged.push_back(best->token);
        ++i;
      } else {
        merged.push_back(tokens[i]);
      }
    }
    tokens = std::move(merged);
  }
  ids.insert(ids.end(), tokens.begin(), tokens.end());
}

std::vector<std::int64_t> ClipTokenizer::Encode(std::string_view text) const {
  const CodePoints points =
      LowerCase(Compose(Decode(text.substr(0, kMaxTextBytes))));
  std::span<const utf8proc_int32_t> rest = points;
  std::vector<std::int64_t> ids = {kStart};
  while (!rest.empty() && ids.size() < kLength) {
    if (IsSpace(rest[0])) {
      rest = rest.subspan(1);
      continue;
    }
    // They stand for themselves, as in the reference.
    if (const std::size_t size = LengthOfStart(rest, "<|startoftext|>")) {
      ids.push_back(kStart);
      rest = rest.subspan(size);
      continue;
    }
    if (const std::size_t size = LengthOfStart(rest, "<|endoftext|>")) {
      ids.push_back(kEnd);
      rest = rest.subspan(size);
      continue;
    }
    const std::size_t size = std::min(WordLength(rest), kMaxWord);
    std::string word;
    for (const utf8proc_int32_t point : rest.first(size)) {
      AppendUtf8(point, word);
    }
    EncodeWord(word, ids);
    rest = rest.subspan(size);
  }
  ids.resize(std::min(ids.size(), kLength - 1));
  ids.resize(kLength, kEnd);
  return ids;
}

}  // namespace ocelli
