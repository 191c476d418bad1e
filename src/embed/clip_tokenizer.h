#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"

namespace ocelli {

// CLIP's byte-pair encoding (github.com/openai/CLIP, simple_tokenizer.py), with
// the normalisation of the published tokenizer.json: composed (NFC), white
// space single, lower case. Broken HTML and mistaken encodings are not mended.
// Thread-safe.
class ClipTokenizer {
 public:
  static constexpr std::size_t kLength = 77;
  static constexpr std::int64_t kStart = 49406;
  static constexpr std::int64_t kEnd = 49407;

  // `merges` is bpe_simple_vocab_16e6.txt: a line about itself, then a pair of
  // tokens a line, the most frequent first. kDataLoss where it is not.
  static Result<ClipTokenizer> Parse(std::string_view merges);

  // kStart, the text, kEnd and then kEnd up to kLength. A longer text is cut
  // off before its kEnd. Bytes that are not UTF-8 count as U+FFFD, a word of
  // more than 1024 characters as several.
  std::vector<std::int64_t> Encode(std::string_view text) const;

 private:
  struct Merge {
    std::int32_t rank;
    std::int32_t token;
  };

  // By (first token << 32 | second token).
  std::unordered_map<std::uint64_t, Merge> merges_;

  void EncodeWord(std::string_view word, std::vector<std::int64_t>& ids) const;
};

}  // namespace ocelli
