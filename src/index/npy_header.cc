#include "index/npy_header.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "core/check.h"

namespace ocelli {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// A Python dictionary of text, truth values and tuples of numbers.
class Parser {
 public:
  Parser(std::string_view text, std::size_t offset)
      : text_(text), offset_(offset) {}

  Result<NpyHeader> Parse() {
    if (!Take('{')) return Broken();
    while (!Take('}')) {
      const auto key = Text();
      if (!key || !Take(':')) return Broken();
      const bool known = *key == "descr"           ? TakeType()
                         : *key == "fortran_order" ? TakeOrder()
                         : *key == "shape"         ? TakeShape()
                                                   : false;
      if (!known) return Broken();
      if (!Take(',') && Peek() != '}') return Broken();
    }
    if (type_.empty() || !order_known_ || !shape_known_) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a .npy header without descr, fortran_order or shape");
    }
    return Interpret();
  }

 private:
  Result<NpyHeader> Interpret() const {
    NpyHeader header;
    header.value_bytes = type_ == "<f4"   ? 4
                         : type_ == "<f8" ? 8
                         : type_ == "<f2" ? 2
                                          : 0;
    if (header.value_bytes == 0) {
      return Fail(ErrorCode::kInvalidArgument,
                  "numbers of the type \"" + type_.substr(0, 20) +
                      "\"; float32, float64 and float16 (<f4, <f8, <f2) can be"
                      " read");
    }
    if (shape_.empty() || shape_.size() > 2) {
      return Fail(ErrorCode::kInvalidArgument,
                  "an array of " + std::to_string(shape_.size()) +
                      " dimensions; it takes two");
    }
    header.rows = shape_.size() == 2 ? shape_[0] : 1;
    header.columns = shape_.back();
    if (fortran_order_ && header.rows > 1 && header.columns > 1) {
      return Fail(ErrorCode::kInvalidArgument,
                  "an array column by column (fortran_order); save"
                  " numpy.ascontiguousarray() of it");
    }
    return header;
  }

  tl::unexpected<Error> Broken() const {
    return Fail(ErrorCode::kInvalidArgument, "a broken .npy header at byte " +
                                                 std::to_string(offset_ + at_));
  }

  char Peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) {
      ++at_;
    }
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  std::optional<std::string> Text() {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') return std::nullopt;
    const auto end = text_.find(quote, at_ + 1);
    if (end == text_.npos) return std::nullopt;
    std::string text(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return text;
  }
  bool TakeWord(std::string_view word) {
    Peek();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool TakeType() {
    auto type = Text();
    // Of a record, there is a list.
    if (!type) return false;
    type_ = std::move(*type);
    return !type_.empty();
  }
  bool TakeOrder() {
    order_known_ = true;
    fortran_order_ = TakeWord("True");
    return fortran_order_ || TakeWord("False");
  }
  bool TakeShape() {
    shape_known_ = true;
    shape_.clear();
    if (!Take('(')) return false;
    while (!Take(')')) {
      Peek();
      std::uint64_t size = 0;
      const auto [end, error] = std::from_chars(
          text_.data() + at_, text_.data() + text_.size(), size);
      if (error != std::errc() || shape_.size() == 8) return false;
      at_ = static_cast<std::size_t>(end - text_.data());
      TakeWord("L");  // Python 2.
      shape_.push_back(size);
      if (!Take(',') && Peek() != ')') return false;
    }
    return true;
  }

  const std::string_view text_;
  const std::size_t offset_;  // Of the text in the file.
  std::size_t at_ = 0;
  std::string type_;
  bool order_known_ = false;
  bool fortran_order_ = false;
  bool shape_known_ = false;
  std::vector<std::uint64_t> shape_;
};

}  // namespace

Result<NpyHeader> NpyHeader::Parse(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              bytes.size());
  if (!text.starts_with(kMagic) || text.size() < 12) {
    return Fail(ErrorCode::kInvalidArgument, "not a .npy file (byte 0)");
  }
  const auto byte = [&](std::size_t at) {
    return static_cast<std::size_t>(bytes[at]);
  };
  const std::size_t version = byte(6);
  if (version < 1 || version > 3) {
    return Fail(ErrorCode::kInvalidArgument, ".npy format " +
                                                 std::to_string(version) +
                                                 " (byte 6); 1 to 3"
                                                 " can be read");
  }
  const std::size_t begin = version == 1 ? 10 : 12;
  std::size_t size = byte(8) | byte(9) << 8;
  if (version > 1) size |= byte(10) << 16 | byte(11) << 24;
  if (size > text.size() - begin) {
    return Fail(ErrorCode::kInvalidArgument,
                "a .npy header of " + std::to_string(size) +
                    " bytes (byte 8), more than there are or can be");
  }
  auto header = Parser(text.substr(begin, size), begin).Parse();
  if (header) header->data_offset = begin + size;
  return header;
}

std::string FormatNpyHeader(std::uint64_t rows, std::uint64_t columns) {
  std::string header(kMagic);
  header += '\1';
  header += '\0';
  header += static_cast<char>(kNpyHeaderBytes - 10);
  header += '\0';
  header += "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
            std::to_string(rows) + ", " + std::to_string(columns) + "), }";
  OCELLI_CHECK(header.size() < kNpyHeaderBytes);
  header.resize(kNpyHeaderBytes - 1, ' ');
  return header + '\n';
}

}  // namespace ocelli
