#include "collect/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "core/csv.h"
#include "core/file.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kMaxBytes = 256 << 20;

}  // namespace

Journal Journal::Open(const std::filesystem::path& path) {
  Journal journal(path);
  const auto bytes = ReadFileLimited(path, kMaxBytes);
  if (!bytes) return journal;
  auto reader = CsvReader::Open(
      {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!reader || reader->header().size() != 4) return journal;
  while (const auto record = reader->Next()) {
    if (!*record) continue;
    const auto& fields = (*record)->fields;
    const auto digest = Digest::FromHex(fields[3].raw);
    if (!digest) continue;
    journal.entries_.insert_or_assign(
        fields[0].ToString(),
        Entry{fields[1].ToString(), fields[2].ToString(), *digest});
  }
  return journal;
}

const Journal::Entry* Journal::Find(const std::string& stem) const {
  const auto found = entries_.find(stem);
  return found == entries_.end() ? nullptr : &found->second;
}

Result<> Journal::Add(const std::string& stem, const Entry& entry) {
  std::string line;
  if (entries_.empty()) {
    AppendCsvRecord(std::vector<std::string>{"id", "url", "file", "sha256"},
                    line);
  } else {
    line = "\n";  // After what a killed run left of its last line.
  }
  AppendCsvRecord(
      std::vector{stem, entry.url, entry.file, entry.digest.ToHex()}, line);
  const std::string doing = "writing " + path_.string();
  // Nothing readable in it: begun anew.
  const int flags = entries_.empty() ? O_TRUNC : O_APPEND;
  const int file =
      open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
  if (file < 0) return FailWithErrno(doing, errno);
  const ssize_t written = write(file, line.data(), line.size());
  const int error = written < 0 ? errno : ENOSPC;
  close(file);
  if (written != static_cast<ssize_t>(line.size())) {
    return FailWithErrno(doing, error);
  }
  entries_.insert_or_assign(stem, entry);
  return {};
}

}  // namespace ocelli
