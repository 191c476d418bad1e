#include "archive/archive_place.h"

#include <charconv>
#include <cstdio>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/archive_reader.h"
#include "core/log.h"

namespace ocelli {
namespace {

constexpr std::string_view kLines = ".jsonl";
constexpr const char* kRunFile = "run";
// One sector, written at once: a power cut leaves the old number or the new.
constexpr std::size_t kRunDigits = 10;

Result<std::string> ReadAll(FileSystem& folder, const std::string& name) {
  const auto file = folder.Open(name);
  if (!file) return file.Failure();
  const auto size = (*file)->Size();
  if (!size) return size.Failure();
  std::string text(static_cast<std::size_t>(*size), '\0');
  const auto count =
      (*file)->Read(0, std::as_writable_bytes(std::span<char>(text)));
  if (!count) return count.Failure();
  text.resize(*count);
  return text;
}

// A line's chain covers all lines before it: where it is, they are.
Result<bool> HasLine(FileSystem& folder, const ManifestLine& line) {
  const auto names = folder.List();
  if (!names) return names.Failure();
  const std::string chain = "\"chain\":\"" + line.chain.ToHex() + '"';
  // The last ones first: there it most likely is.
  for (std::size_t i = names->size(); i-- > 0;) {
    const std::string& name = (*names)[i];
    if (!name.ends_with(kLines)) continue;
    const auto text = ReadAll(folder, name);
    if (!text) return text.Failure();
    if (text->find(chain) != text->npos) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<ManifestLog>> OpenManifestLog(
    FileSystem& folder, ObjectStore& store, const std::string& name,
    const std::stop_token& stop) {
  const auto names = folder.List();
  if (!names) return names.Failure();
  bool here = false;
  for (const std::string& file : *names) here |= file.ends_with(kLines);

  if (here) {
    // One try: a live source does not wait for a store that is down.
    const auto answers = store.List(
        std::string(kManifestFolder),
        [](const ObjectInfo&) -> Result<> {
          return Fail(ErrorCode::kCancelled, "it answers");
        },
        stop);
    if (!answers && MayTryAgain(answers.error())) {
      auto log = ManifestLog::Open(folder, std::nullopt);
      if (log && !(*log)->last()) return answers.Failure();
      Log(LogLevel::kWarning, "archive goes on without the store's manifest",
          {{"task", name}, {"error", answers.error().message}});
      return log;
    }
  }
  const auto stored = ReadLastLine(store, stop);
  if (!stored) {
    return stored.Failure("reading the manifest of " + store.root());
  }
  auto log = ManifestLog::Open(folder, *stored);
  if (!log) return log;

  const std::optional<ManifestLine> last = (*log)->last();
  if (!last) return log;
  if (!*stored) {
    const auto unstored = (*log)->Unstored();
    if (!unstored) return unstored.Failure();
    if (*unstored && (*unstored)->first_seq == 0) return log;
    return Fail(ErrorCode::kFailedPrecondition,
                "the archive " + store.root() +
                    " is gone, though parts of it were stored; archive to "
                    "another place, or forget this task with its spool");
  }
  if (last->chain == (*stored)->chain) return log;
  const auto known = HasLine(folder, **stored);
  if (!known) return known.Failure();
  if (!*known) {
    return Fail(ErrorCode::kFailedPrecondition,
                "the archive " + store.root() +
                    " was continued elsewhere: its line " +
                    std::to_string((*stored)->frame.seq) + " is not known in " +
                    folder.PathOf("") +
                    "; archive to another place, or forget this task with "
                    "its spool");
  }
  return log;
}

std::optional<std::uint32_t> ReadRun(FileSystem& folder) {
  const auto names = folder.List();
  if (!names) return std::nullopt;
  bool here = false;
  for (const std::string& file : *names) here |= file == kRunFile;
  if (!here) return std::nullopt;
  const auto text = ReadAll(folder, kRunFile);
  if (!text || text->size() < kRunDigits) return std::nullopt;
  std::uint32_t run = 0;
  const auto [end, error] =
      std::from_chars(text->data(), text->data() + kRunDigits, run);
  if (error != std::errc() || end != text->data() + kRunDigits) {
    return std::nullopt;
  }
  return run;
}

Result<> WriteRun(FileSystem& folder, std::uint32_t run) {
  std::string text = std::to_string(run);
  text.insert(0, kRunDigits - text.size(), '0');
  text += '\n';
  const auto file = folder.Open(kRunFile);
  if (!file) return file.Failure();
  if (auto done = (*file)->Write(0, std::as_bytes(std::span(text))); !done) {
    return done;
  }
  if (auto done = (*file)->Sync(); !done) return done;
  return folder.SyncFolder();
}

}  // namespace ocelli
