#include "archive/local_lines.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include "archive/manifest_lines.h"
#include "archive/numbered_file.h"
#include "core/file.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFileBytes = 64 << 20;

// By their first seqs, growing.
Result<std::vector<std::uint64_t>> FilesIn(const fs::path& folder) {
  std::vector<std::uint64_t> files;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const auto seq =
        NumberOfName(entry->path().filename().string(), kManifestSuffix);
    if (seq) files.push_back(*seq);
  }
  if (error == std::errc::no_such_file_or_directory) return files;
  if (error) {
    return FailWithErrno("reading the manifest in " + folder.string(),
                         error.value());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::optional<std::uint64_t>> FirstLocalSeq(const fs::path& folder) {
  const auto files = FilesIn(folder);
  if (!files) return files.Failure();
  if (files->empty()) return std::nullopt;
  return files->front();
}

Result<> LocalLines::ReadNew(
    const std::function<Result<>(const ManifestLine&)>& each) {
  const auto files = FilesIn(folder_);
  if (!files) return files.Failure();
  if (files->empty()) return {};
  if (!file_) {
    const auto after =
        std::upper_bound(files->begin(), files->end(), next_seq_);
    file_ = after == files->begin() ? files->front() : *(after - 1);
  }
  while (true) {
    const auto next = std::upper_bound(files->begin(), files->end(), *file_);
    const auto all = ReadFile(next == files->end(), each);
    if (!all) return all.Failure();
    if (next == files->end() || !*all) return {};
    file_ = *next;
    offset_ = 0;
  }
}

// Whether nothing of the file is left to read.
Result<bool> LocalLines::ReadFile(
    bool is_last, const std::function<Result<>(const ManifestLine&)>& each) {
  const fs::path path = folder_ / NumberedName(*file_, kManifestSuffix);
  const auto bytes = ReadFileLimited(path, kMaxFileBytes);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kDataLoss,
                path.string() + " was deleted before it was read; begin again");
  }
  if (!bytes) return bytes.Failure();
  // Recovered after a power cut: what was delivered again was read already.
  if (offset_ > bytes->size()) offset_ = 0;
  std::string_view rest(reinterpret_cast<const char*>(bytes->data()),
                        bytes->size());
  rest.remove_prefix(static_cast<std::size_t>(offset_));
  for (std::size_t end; (end = rest.find('\n')) != rest.npos;) {
    const auto line = ParseLine(rest.substr(0, end));
    if (!line && is_last) return false;  // May be torn, and made again.
    if (!line) return line.Failure(path.string());
    rest.remove_prefix(end + 1);
    offset_ += end + 1;
    if (line->frame.seq < next_seq_) continue;
    next_seq_ = SeqAfter(*line);
    if (auto done = each(*line); !done) return done.Failure();
  }
  if (!rest.empty() && !is_last) {
    return Fail(ErrorCode::kDataLoss, path.string() + ": it is cut off");
  }
  return rest.empty();
}

}  // namespace ocelli
