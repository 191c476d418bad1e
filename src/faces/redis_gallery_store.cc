#include "faces/redis_gallery_store.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "core/parse_number.h"
#include "faces/gallery_name.h"
#include "faces/gallery_record.h"
#include "faces/redis_gallery_scripts.h"

namespace ocelli {
namespace {

constexpr const char* kFormat = "ocelli 2";
// Without pictures; the first change makes it the one above.
constexpr const char* kOldFormat = "ocelli 1";
constexpr std::int64_t kMaxFaces = 1'000'000;
constexpr std::size_t kMaxFields = 2'000'000;  // Some come twice.
constexpr std::size_t kMaxGalleryBytes = std::size_t{2} << 30;
constexpr std::size_t kMaxNameBytes = 200;
constexpr std::size_t kMaxTokenBytes = 64;
// What a reader that fell behind reads of the log; older entries go.
constexpr std::size_t kLogEntries = 1000;
constexpr std::size_t kMaxIdsOfNews = 5000;
constexpr std::size_t kMaxIdsOfEntry = 500;
// Half a megabyte of faces a page: a millisecond or two of Redis' time.
constexpr std::size_t kPageFields = 1000;
constexpr int kLoadTries = 8;
constexpr std::size_t kMaxWriteBytes = 64 << 20;
// Numbers above do not pass through Lua unharmed.
constexpr std::int64_t kMaxId = std::int64_t{1} << 53;

const GalleryScripts& Scripts() {
  static const GalleryScripts scripts;
  return scripts;
}

std::optional<std::int64_t> NumberIn(const std::string& text) {
  const auto number = ParseNumber<std::int64_t>(text);
  return number && *number >= 0 && *number <= kMaxId ? number : std::nullopt;
}

auto Damaged() {
  return Fail(ErrorCode::kDataLoss,
              "its keys are damaged, or Redis has evicted some "
              "(maxmemory-policy must be noeviction or volatile-*): import an "
              "export under another name");
}

auto OtherVersion() {
  return Fail(ErrorCode::kFailedPrecondition,
              "written by another version of ocelli: use the same on every "
              "machine");
}

// Into `news`: the face of `id`; `value` empty: too long.
void TakeFace(std::int64_t id, const std::string& value, GalleryNews& news) {
  auto row = ParseFaceRecord(value);
  if (!row) {
    news.damaged.insert(id);
    news.changes.faces[id] = std::nullopt;
    return;
  }
  news.damaged.erase(id);
  news.changes.faces[id] = *std::move(row);
}

// Faces of a person whose name is none are left out with them.
void TakePerson(std::int64_t id, const std::string& value, GalleryNews& news) {
  news.changes.people[id] =
      CheckPersonName(value) ? std::optional(value) : std::nullopt;
}

std::string Joined(const std::vector<std::string>& ids) {
  if (ids.size() > kMaxIdsOfEntry) return "*";
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "" : " ") + id;
  return text;
}

std::string TextOf(const FacePicture& picture) {
  return {reinterpret_cast<const char*>(picture.data()), picture.size()};
}

// Rows of a change as the script takes them.
struct Rows {
  std::vector<std::string> kept;  // id, value, id, value...
  std::vector<std::string> deleted;
  std::vector<std::string> touched;
  std::size_t bytes = 0;

  void Keep(std::int64_t id, std::string value) {
    bytes += value.size();
    touched.push_back(std::to_string(id));
    kept.push_back(touched.back());
    kept.push_back(std::move(value));
  }
  void Delete(std::int64_t id) {
    touched.push_back(std::to_string(id));
    deleted.push_back(touched.back());
  }
};

}  // namespace

void GallerySnapshot::Absorb(GalleryNews news) {
  for (const auto& [id, row] : news.changes.faces) damaged.erase(id);
  damaged.merge(news.damaged);
  for (const std::int64_t id : rows.Apply(std::move(news.changes))) {
    damaged.insert(id);
  }
  state = std::move(news.state);
}

RedisGalleryStore::RedisGalleryStore(std::shared_ptr<RedisClient> redis,
                                     std::string name)
    : redis_(std::move(redis)),
      prefix_("ocelli:g:{" + name + "}:"),
      label_("gallery " + name + " of " + redis_->url().ForMessage()),
      keys_{prefix_ + "head", prefix_ + "faces", prefix_ + "people",
            prefix_ + "log", prefix_ + "pictures"} {}

Result<RedisGalleryStore::Head> RedisGalleryStore::Ask(
    const std::string& version, const std::string& token) const {
  const std::string doing = "reading the " + label_;
  // Not kRead: a replica may be behind what this machine has written.
  auto reply =
      redis_->RunScript(Scripts().news, keys_,
                        {version, token, kFormat, std::to_string(kLogEntries),
                         std::to_string(kMaxIdsOfNews),
                         std::to_string(kMaxFaceRecordBytes), kOldFormat});
  if (!reply) return reply.Failure(doing);
  auto& parts = reply->elements;
  if (parts.size() != 9) return Result<>(Damaged()).Failure(doing);
  const std::string& word = parts[0].text;
  if (word == "format") return Result<>(OtherVersion()).Failure(doing);
  const auto now = NumberIn(parts[1].text);
  const auto face = NumberIn(parts[3].text);
  const auto person = NumberIn(parts[4].text);
  if (word == "damaged" || !now || !face || !person ||
      parts[2].text.size() > kMaxTokenBytes) {
    return Result<>(Damaged()).Failure(doing);
  }
  if (parts[5].integer > kMaxFaces || parts[6].integer > kMaxFaces) {
    return Result<>(Fail(ErrorCode::kResourceExhausted,
                         "more than " + std::to_string(kMaxFaces) +
                             " faces or people"))
        .Failure(doing);
  }
  Head head;
  head.news.step = word == "same"      ? GalleryNews::Step::kSame
                   : word == "changes" ? GalleryNews::Step::kChanges
                                       : GalleryNews::Step::kReload;
  head.news.state = {*now, parts[2].text};
  head.news.changes.last_face = *face;
  head.news.changes.last_person = *person;
  head.faces = std::move(parts[7].elements);
  head.people = std::move(parts[8].elements);
  return head;
}

Result<GalleryNews> RedisGalleryStore::NewsSince(
    const GalleryState& known) const {
  auto head = Ask(std::to_string(known.version), known.token);
  if (!head) return head.Failure();
  GalleryNews& news = head->news;
  const auto& faces = head->faces;
  for (std::size_t i = 0; i + 1 < faces.size(); i += 2) {
    const auto id = NumberIn(faces[i].text);
    if (!id || *id == 0) continue;
    if (faces[i + 1].nil()) {
      news.changes.faces[*id] = std::nullopt;
    } else {
      TakeFace(*id, faces[i + 1].text, news);
    }
  }
  const auto& people = head->people;
  for (std::size_t i = 0; i + 1 < people.size(); i += 2) {
    const auto id = NumberIn(people[i].text);
    if (id && *id > 0) TakePerson(*id, people[i + 1].text, news);
  }
  return std::move(news);
}

Result<> RedisGalleryStore::Scan(const std::string& key,
                                 std::size_t max_value_bytes,
                                 const UseValue& use) const {
  std::string cursor = "0";
  std::size_t bytes = 0, fields = 0;
  do {
    auto page = redis_->RunScript(
        Scripts().page, {key},
        {cursor, std::to_string(kPageFields), std::to_string(max_value_bytes)});
    if (!page) return page.Failure("reading the " + label_);
    if (page->elements.size() != 2 || !page->elements[1].is_array()) {
      return Result<>(Damaged()).Failure("reading the " + label_);
    }
    cursor = page->elements[0].text;
    const auto& found = page->elements[1].elements;
    for (std::size_t i = 0; i + 1 < found.size(); i += 2) {
      bytes += found[i + 1].text.size();
      if (++fields > kMaxFields || bytes > kMaxGalleryBytes) {
        return Fail(ErrorCode::kResourceExhausted,
                    "reading the " + label_ + ": more than memory is for");
      }
      const auto id = NumberIn(found[i].text);
      if (id && *id > 0) use(*id, found[i + 1].text);
    }
  } while (cursor != "0");
  return {};
}

Result<std::unique_ptr<GallerySnapshot>> RedisGalleryStore::Load() const {
  for (int tries = 0; tries < kLoadTries; ++tries) {
    auto head = Ask("", "");
    if (!head) return head.Failure();
    GalleryNews all = std::move(head->news);
    auto read = Scan(keys_[2], kMaxNameBytes,
                     [&](std::int64_t id, const std::string& name) {
                       TakePerson(id, name, all);
                     });
    if (!read) return read.Failure();
    read = Scan(keys_[1], kMaxFaceRecordBytes,
                [&](std::int64_t id, const std::string& record) {
                  TakeFace(id, record, all);
                });
    if (!read) return read.Failure();
    auto snapshot = std::make_unique<GallerySnapshot>();
    snapshot->Absorb(std::move(all));
    // What changed while the pages came.
    auto since = NewsSince(snapshot->state);
    if (!since) return since.Failure();
    if (since->step == GalleryNews::Step::kReload) continue;
    if (since->step == GalleryNews::Step::kChanges) {
      snapshot->Absorb(*std::move(since));
    }
    return snapshot;
  }
  return Fail(ErrorCode::kUnavailable,
              "reading the " + label_ +
                  ": it changed faster than it can be read; try again later");
}

Result<FacePicture> RedisGalleryStore::Picture(std::int64_t face) const {
  const auto reply = redis_->Run({{"HGET", keys_[4], std::to_string(face)}});
  if (!reply) return reply.Failure("reading the " + label_);
  const auto bytes = std::as_bytes(std::span(reply->text));
  return FacePicture(bytes.begin(), bytes.end());
}

Result<bool> RedisGalleryStore::Write(const GalleryState& before,
                                      const GalleryState& after,
                                      const GalleryWrites& writes) const {
  const std::string doing = "changing the " + label_;
  Rows faces, people, pictures;
  for (const auto& [id, row] : writes.faces) {
    if (row) {
      faces.Keep(id, FormatFaceRecord(*row));
      if (!row->line.picture.empty()) {
        pictures.Keep(id, TextOf(row->line.picture));
      }
    } else {
      faces.Delete(id);
    }
    if (faces.bytes + pictures.bytes > kMaxWriteBytes) {
      return Fail(ErrorCode::kResourceExhausted,
                  doing +
                      ": more than 64 MiB in one change; import the file "
                      "in parts");
    }
  }
  for (const auto& [id, name] : writes.people) {
    if (name) {
      people.Keep(id, *name);
    } else {
      people.Delete(id);
    }
  }
  std::vector<std::string> arguments{std::to_string(before.version),
                                     before.token,
                                     std::to_string(after.version),
                                     after.token,
                                     kFormat,
                                     channel(),
                                     std::to_string(kLogEntries),
                                     std::to_string(writes.last_face),
                                     std::to_string(writes.last_person),
                                     Joined(faces.touched),
                                     Joined(people.touched),
                                     std::to_string(faces.kept.size() / 2),
                                     std::to_string(faces.deleted.size()),
                                     std::to_string(people.kept.size() / 2),
                                     std::to_string(people.deleted.size()),
                                     std::to_string(pictures.kept.size() / 2),
                                     kOldFormat};
  for (auto* part : {&faces.kept, &faces.deleted, &people.kept, &people.deleted,
                     &pictures.kept}) {
    std::move(part->begin(), part->end(), std::back_inserter(arguments));
  }
  const bool only_removes = faces.kept.empty() && people.kept.empty();
  const auto reply =
      redis_->RunScript(only_removes ? Scripts().remove : Scripts().write,
                        keys_, std::move(arguments));
  if (!reply) return reply.Failure(doing);
  if (reply->text == "done") return true;
  if (reply->text == "conflict") return false;
  if (reply->text == "format") return Result<>(OtherVersion()).Failure(doing);
  return Result<>(Damaged()).Failure(doing);
}

}  // namespace ocelli
