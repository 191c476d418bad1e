#include "index/live_index.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "index/index_builder.h"

namespace ocelli {
namespace {

// The file is written anew once this share of it is missing or removed: while
// searching, so that all of that costs little more than writing once ...
constexpr std::uint64_t kSaveShare = 4;
// ... and by Update(), which is there to do it.
constexpr std::uint64_t kUpdateShare = 8;

}  // namespace

LiveIndex::LiveIndex(const CollectionSpec& spec, std::filesystem::path file,
                     const CollectionOptions& options)
    : spec_(spec),
      file_(std::move(file)),
      options_(options),
      snapshot_(spec.metric, spec.dimension) {}

Result<Snapshot> LiveIndex::Get(Store& store) {
  // What the store sees is settled while this is held: it cannot be older than
  // what another thread made of the snapshot.
  const std::lock_guard lock(mutex_);
  if (auto done = Refresh(store); !done) return done.Failure();
  return snapshot_;
}

Result<> LiveIndex::Refresh(Store& store) {
  auto now = store.Now();
  if (!now) return now.Failure();
  if (*now == snapshot_.moment()) return {};
  auto known = store.Remembers(snapshot_.moment());
  if (!known) return known.Failure();
  if (!*known) {
    snapshot_ = Snapshot(spec_.metric, spec_.dimension);
    Load(store);
  }
  auto should_save = ShouldSave(store, *now);
  if (!should_save) return should_save.Failure();
  if (*should_save) {
    auto file = WriteIndexFile(store, file_);
    auto saved = file ? Snapshot::Of(*file) : file.Failure();
    if (saved) {
      snapshot_ = std::move(*saved);
    } else {
      // Memory will do.
      cannot_save_ = true;
      Log(LogLevel::kWarning, "the index of a collection cannot be saved",
          {{"collection", spec_.name}, {"error", saved.error().message}});
    }
  }
  auto done = snapshot_.CatchUp(store);
  // Half of the way is no moment.
  if (!done) snapshot_ = Snapshot(spec_.metric, spec_.dimension);
  return done;
}

// Starts from the index file, where there is one of this history.
void LiveIndex::Load(Store& store) {
  auto file = IndexFile::Open(file_, spec_.metric, spec_.dimension);
  if (!file) {
    if (file.error().code == ErrorCode::kNotFound) return;
    Log(LogLevel::kWarning, "the index of a collection is built anew",
        {{"collection", spec_.name}, {"error", file.error().message}});
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
    return;
  }
  auto known = store.Remembers((*file)->moment());
  if (!known || !*known) return;
  if (auto loaded = Snapshot::Of(*file)) snapshot_ = std::move(*loaded);
}

Result<bool> LiveIndex::ShouldSave(Store& store, const Moment& now) {
  const auto idle = snapshot_.tail_rows() + snapshot_.removed();
  const auto newer = now.last_slot - snapshot_.moment().last_slot;
  if (cannot_save_ || Bytes(idle + static_cast<std::uint64_t>(newer)) <
                          options_.save_from_bytes) {
    return false;
  }
  auto count = store.CountAfter(snapshot_.moment().last_slot);
  if (!count) return count.Failure();
  // To make a file with lists, more effort was spent.
  const auto share = snapshot_.inverted_file() ? 1 : kSaveShare;
  const auto missing = idle + *count;
  return Bytes(missing) >= options_.save_from_bytes &&
         missing >= snapshot_.file_rows() / share;
}

bool LiveIndex::IsOutdated(const Snapshot& snapshot) const {
  const auto bytes = Bytes(snapshot.rows() - snapshot.removed());
  if (bytes < options_.save_from_bytes) return false;
  const IndexFile* file = snapshot.file();
  return !file ||
         snapshot.tail_rows() + snapshot.removed() >
             file->rows() / kUpdateShare ||
         (bytes >= options_.approximate_from_bytes &&
          file->list_ends().empty());
}

Result<> LiveIndex::Adopt(std::shared_ptr<const IndexFile> file) {
  auto saved = Snapshot::Of(std::move(file));
  if (!saved) return saved.Failure();
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(*saved);
  cannot_save_ = false;
  return {};
}

Result<> LiveIndex::Update(Store& store) {
  const std::lock_guard lock(update_mutex_);
  std::shared_ptr<const IndexFile> file;
  {
    auto reading = store.BeginReading();
    if (!reading) return reading.Failure();
    auto snapshot = Get(store);
    if (!snapshot) return snapshot.Failure();
    if (!IsOutdated(*snapshot)) return {};
    auto written = WriteIndexFile(store, file_);
    if (!written) return written.Failure("updating the index");
    file = std::move(*written);
  }
  if (auto done = Adopt(file); !done) return done;
  if (Bytes(file->rows()) < options_.approximate_from_bytes) return {};
  auto divided = DivideIndexFile(file, file_);
  if (!divided) return divided.Failure("updating the index");
  return Adopt(std::move(*divided));
}

}  // namespace ocelli
