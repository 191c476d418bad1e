#include "collect/image_columns.h"

#include <algorithm>

#include "core/ascii.h"

namespace ocelli {
namespace {

// Letters of any script, and no sentence.
bool CouldName(std::string_view text) {
  constexpr std::size_t kLongest = 120;
  if (text.empty() || text.size() > kLongest) return false;
  if (text.find("://") != text.npos || text.starts_with('[')) return false;
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c < 0;
  });
}

Result<std::size_t> ColumnCalled(const std::vector<std::string>& header,
                                 const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) {
    return static_cast<std::size_t>(found - header.begin());
  }
  std::string names;
  for (const std::string& known : header) {
    if (!known.empty()) names += (names.empty() ? "" : ", ") + known;
  }
  return Fail(ErrorCode::kNotFound, "no column '" + name + "' among " +
                                        (names.empty() ? "none" : names));
}

// Words beside the picture, in its own cell, are as good as a column's.
std::optional<std::size_t> NameColumn(
    const std::vector<ColumnSample>& samples) {
  std::size_t most = 0;
  for (const ColumnSample& sample : samples) {
    most = std::max(most, sample.names.size());
  }
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::size_t count = samples[i].names.size();
    if (count == 0 || count * 10 < most * 9) continue;
    if (samples[i].headers * 2 > count) return i;
    if (!first) first = i;
  }
  return first;
}

}  // namespace

void ColumnSample::Add(std::string_view text, bool image, bool header) {
  images += image;
  headers += header;
  if (CouldName(text)) names.emplace(text);
}

Result<ImageColumns> ChooseColumns(const std::vector<std::string>& header,
                                   const std::vector<ColumnSample>& samples,
                                   const ColumnChoice& choice) {
  ImageColumns columns;
  const auto most = std::max_element(
      samples.begin(), samples.end(),
      [](const auto& a, const auto& b) { return a.images < b.images; });
  if (!choice.image.empty()) {
    const auto column = ColumnCalled(header, choice.image);
    if (!column) return column.Failure();
    columns.image = *column;
  } else if (most == samples.end() || most->images == 0) {
    return Fail(ErrorCode::kNotFound, "no column has images");
  } else {
    columns.image = static_cast<std::size_t>(most - samples.begin());
  }
  if (choice.name.empty()) {
    columns.name = NameColumn(samples);
  } else {
    const auto column = ColumnCalled(header, choice.name);
    if (!column) return column.Failure();
    columns.name = *column;
  }
  return columns;
}

std::vector<std::string> OtherColumns(const std::vector<std::string>& header,
                                      const ImageColumns& columns) {
  std::set<std::string> taken = {"id", "name", "file", "url"};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (columns.Takes(i)) continue;
    const std::string base =
        header[i].empty() ? "column " + std::to_string(i + 1) : header[i];
    std::string name = base;
    for (int n = 2; !taken.insert(LowerCase(name)).second; ++n) {
      name = base + " " + std::to_string(n);
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace ocelli
