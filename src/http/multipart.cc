#include "http/multipart.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/ascii.h"
#include "http/percent.h"

namespace ocelli {
namespace {

// RFC 2046, 5.1.1.
constexpr std::size_t kMaxBoundary = 70;
constexpr std::string_view kBoundaryMarks = "'()+_,-./:=? ";

auto Malformed(std::string what) {
  return Fail(ErrorCode::kInvalidArgument, "multipart: " + std::move(what));
}

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

bool IsTokenByte(char c) {
  return IsAlnum(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

std::string_view WithoutSpaces(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// A value and its parameters: "form-data; name=\"a\"". Names in lower case.
struct ParameterValue {
  std::string value;
  HttpFields parameters;

  std::optional<std::string> Parameter(std::string_view name) const {
    for (const auto& [key, text] : parameters) {
      if (key == name) return text;
    }
    return std::nullopt;
  }
};

// Takes a token or a quoted string from the front of `text`.
std::optional<std::string> TakeWord(std::string_view& text) {
  std::string word;
  if (!text.starts_with('"')) {
    while (!text.empty() && IsTokenByte(text.front())) {
      word.push_back(text.front());
      text.remove_prefix(1);
    }
    return word;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    // Browsers write a backslash for itself, so it only hides these two.
    if (text[i] == '\\' && i + 1 < text.size() &&
        (text[i + 1] == '"' || text[i + 1] == '\\')) {
      word.push_back(text[++i]);
    } else if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return word;
    } else {
      word.push_back(text[i]);
    }
  }
  return std::nullopt;
}

std::optional<ParameterValue> ParseParameters(std::string_view text) {
  if (HasControl(text)) return std::nullopt;
  ParameterValue parsed;
  const std::size_t end = std::min(text.find(';'), text.size());
  parsed.value = LowerCase(WithoutSpaces(text.substr(0, end)));
  text.remove_prefix(end);
  while (!(text = WithoutSpaces(text)).empty()) {
    if (text.front() != ';') return std::nullopt;
    text = WithoutSpaces(text.substr(1));
    if (text.empty()) break;
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return std::nullopt;
    std::string name = LowerCase(text.substr(0, equals));
    if (name.empty() || !std::all_of(name.begin(), name.end(), IsTokenByte)) {
      return std::nullopt;
    }
    // Readers differ in which of two they take.
    if (parsed.Parameter(name)) return std::nullopt;
    text.remove_prefix(equals + 1);
    auto value = TakeWord(text);
    if (!value) return std::nullopt;
    parsed.parameters.emplace_back(std::move(name), *std::move(value));
  }
  return parsed;
}

Result<std::string> BoundaryOf(std::string_view content_type) {
  const auto parsed = ParseParameters(content_type);
  if (!parsed || parsed->value != "multipart/form-data") {
    return Malformed("the Content-Type must be multipart/form-data");
  }
  auto boundary = parsed->Parameter("boundary");
  const bool good =
      boundary && !boundary->empty() && boundary->size() <= kMaxBoundary &&
      boundary->back() != ' ' &&
      std::all_of(boundary->begin(), boundary->end(), [](char c) {
        return IsAlnum(c) || kBoundaryMarks.find(c) != kBoundaryMarks.npos;
      });
  if (!good) {
    return Malformed(
        "the Content-Type must say one boundary, of 1 to 70 bytes");
  }
  return *std::move(boundary);
}

// Some browsers send a whole path, and nobody wants to be led by it.
std::string LastSegment(std::string name) {
  return name.substr(name.find_last_of("/\\") + 1);
}

Result<> ReadDisposition(std::string_view value, FormPart& part) {
  const auto parsed = ParseParameters(value);
  const auto name =
      parsed ? parsed->Parameter("name") : std::optional<std::string>();
  if (!name || parsed->value != "form-data" || name->empty() ||
      !IsUtf8(*name)) {
    return Malformed("a part must be form-data with one name, in UTF-8");
  }
  part.name = *name;
  std::string file_name =
      LastSegment(parsed->Parameter("filename").value_or(""));
  if (!IsUtf8(file_name)) return Malformed("a file name is not UTF-8");
  part.file_name = std::move(file_name);
  return {};
}

Result<> ReadPartField(std::string_view line, FormPart& part) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, std::min(colon, line.size()));
  if (colon == line.npos || name.empty() ||
      !std::all_of(name.begin(), name.end(), IsTokenByte)) {
    return Malformed("a malformed line in the head of a part");
  }
  const std::string_view value = WithoutSpaces(line.substr(colon + 1));
  if (HasControl(value)) {
    return Malformed("a control character in the head of a part");
  }
  const std::string key = LowerCase(name);
  if (key == "content-disposition") {
    if (!part.name.empty()) {
      return Malformed("a part with two Content-Dispositions");
    }
    return ReadDisposition(value, part);
  }
  if (key == "content-type") {
    if (!part.content_type.empty()) {
      return Malformed("a part with two Content-Types");
    }
    if (LowerCase(value).starts_with("multipart/")) {
      return Malformed("a part of parts");
    }
    part.content_type = value;
  }
  if (key == "content-transfer-encoding") {
    const std::string encoding = LowerCase(value);
    if (encoding != "binary" && encoding != "8bit" && encoding != "7bit") {
      return Malformed("an encoded part: send its bytes as they are");
    }
  }
  return {};
}

// `head` without its empty line.
Result<FormPart> ReadPartHead(std::string_view head) {
  FormPart part;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    if (auto read = ReadPartField(head.substr(0, end), part); !read) {
      return read.Failure();
    }
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  if (part.name.empty()) {
    return Malformed("a part without Content-Disposition");
  }
  return part;
}

// Goes through a body from delimiter to delimiter.
class PartReader {
 public:
  PartReader(std::string_view body, const std::string& boundary,
             const MultipartLimits& limits)
      : rest_(body), delimiter_("\r\n--" + boundary), limits_(limits) {}

  Result<std::vector<FormPart>> ReadAll() {
    // The first one begins the body, without the end of a line before it.
    if (rest_.starts_with("\r\n")) rest_.remove_prefix(2);
    if (!rest_.starts_with(std::string_view(delimiter_).substr(2))) {
      return Malformed("the body does not begin with its boundary");
    }
    rest_.remove_prefix(delimiter_.size() - 2);
    std::vector<FormPart> parts;
    while (!rest_.starts_with("--")) {
      if (parts.size() == limits_.max_parts) {
        return Fail(ErrorCode::kResourceExhausted,
                    "multipart: more than " +
                        std::to_string(limits_.max_parts) + " parts");
      }
      auto part = ReadPart();
      if (!part) return part.Failure();
      parts.push_back(*std::move(part));
    }
    if (rest_.substr(2).find_first_not_of(" \t\r\n") != rest_.npos) {
      return Malformed("something follows the last boundary");
    }
    return parts;
  }

 private:
  // Behind a delimiter.
  Result<FormPart> ReadPart() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    if (!rest_.starts_with("\r\n")) {
      return Malformed("a boundary that does not end its line");
    }
    // The end of that line may be that of an empty head.
    const std::size_t end =
        rest_.substr(0, limits_.max_head_bytes + 4).find("\r\n\r\n");
    if (end == rest_.npos) {
      if (rest_.size() > limits_.max_head_bytes + 4) {
        return Fail(ErrorCode::kResourceExhausted,
                    "multipart: the head of a part has more than " +
                        std::to_string(limits_.max_head_bytes) + " bytes");
      }
      return Malformed("the body ends in the head of a part");
    }
    auto part =
        ReadPartHead(end == 0 ? std::string_view() : rest_.substr(2, end - 2));
    if (!part) return part.Failure();
    // The end of the head may be the beginning of a delimiter.
    rest_.remove_prefix(end + 2);
    const std::size_t content_end = rest_.find(delimiter_);
    if (content_end == rest_.npos) {
      return Malformed("the body ends without its last boundary");
    }
    part->content =
        content_end < 2 ? std::string_view() : rest_.substr(2, content_end - 2);
    rest_.remove_prefix(content_end + delimiter_.size());
    return part;
  }

  std::string_view rest_;
  const std::string delimiter_;
  const MultipartLimits& limits_;
};

}  // namespace

Result<std::vector<FormPart>> ParseMultipart(std::string_view content_type,
                                             std::string_view body,
                                             const MultipartLimits& limits) {
  const auto boundary = BoundaryOf(content_type);
  if (!boundary) return boundary.Failure();
  return PartReader(body, *boundary, limits).ReadAll();
}

}  // namespace ocelli
