#include "store/aws_profile.h"

#include "core/ascii.h"
#include "core/file.h"

namespace ocelli {
namespace {

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

// A comment within a line needs a blank before it: keys may hold '#'.
std::string_view WithoutComment(std::string_view line) {
  return line.substr(0, std::min(line.find(" #"), line.find(" ;")));
}

// "[profile  robot]" is "profile robot".
std::string SectionName(std::string_view text) {
  std::string name;
  for (const char c : Trim(text)) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && name.ends_with(' ')) continue;
    name += blank ? ' ' : c;
  }
  return name;
}

}  // namespace

AwsProfileFile ParseAwsProfileFile(std::string_view text) {
  AwsProfileFile file;
  std::map<std::string, std::string>* section = nullptr;
  std::string parent;  // The last setting, where it has no value.
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view content = Trim(WithoutComment(line));
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    const bool indented = line[0] == ' ' || line[0] == '\t';
    const std::size_t equals = content.find('=');
    if (content.front() == '[' && !indented) {
      const std::size_t close = content.find(']');
      section = close == content.npos
                    ? nullptr
                    : &file[SectionName(content.substr(1, close - 1))];
      parent.clear();
    } else if (section && equals != content.npos) {
      const std::string name = LowerCase(Trim(content.substr(0, equals)));
      const std::string value(Trim(content.substr(equals + 1)));
      if (indented && !parent.empty()) {
        (*section)[parent + '.' + name] = value;
      } else {
        (*section)[name] = value;
        parent = value.empty() ? name : "";
      }
    }
  }
  return file;
}

Result<std::optional<AwsProfileFile>> ReadAwsProfileFile(
    const std::filesystem::path& file) {
  constexpr std::uint64_t kMost = 4 << 20;
  const auto bytes = ReadFileLimited(file, kMost);
  if (!bytes) {
    if (bytes.error().code == ErrorCode::kNotFound) return std::nullopt;
    return bytes.Failure("AWS profiles");
  }
  return ParseAwsProfileFile(
      {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

std::string AwsSetting(const AwsProfileFile& file, const std::string& section,
                       const std::string& name) {
  const auto found = file.find(section);
  if (found == file.end()) return {};
  const auto setting = found->second.find(name);
  return setting == found->second.end() ? std::string() : setting->second;
}

}  // namespace ocelli
