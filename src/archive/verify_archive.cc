#include <algorithm>
#include <cstring>
#include <utility>

#include "archive/archive_reader.h"
#include "archive/store_access.h"
#include "core/ordered_parallel.h"

namespace ocelli {
namespace {

using Kind = Finding::Kind;

// 64 bits of a SHA-256: who can choose names can't make two that are equal.
std::uint64_t ShortOf(const Digest& digest) {
  std::uint64_t value = 0;
  std::memcpy(&value, digest.bytes.data(), sizeof(value));
  return value;
}

// What lines say of an object. Many of them are kept: 24 bytes.
struct KnownObject {
  std::uint64_t key = 0;      // ShortOf() its SHA-256.
  std::uint64_t content = 0;  // ShortOf() the frame's digest.
  std::uint64_t bytes : 62 = 0;
  std::uint64_t seen : 1 = 0;  // In the store, with that size.
  std::uint64_t told : 1 = 0;  // A finding is made, or its content checked.
};

class Verification {
 public:
  // All outlive it.
  Verification(ObjectStore& store, const VerifyOptions& options,
               std::stop_token stop)
      : store_(store), options_(options), stop_(std::move(stop)) {}

  Result<VerifyReport> Run() {
    const auto pruned = ReadPrunedPart(store_, stop_);
    if (!pruned) return pruned.Failure();
    pruned_ = *pruned;
    if (auto done = FindSegments(); !done) return done.Failure();
    if (auto done = CheckLines(); !done) return done.Failure();
    if (auto done = CheckListing(); !done) return done.Failure();
    if (auto done = CheckObjects(); !done) return done.Failure();
    if (!report_.findings.empty()) {
      const auto now = ReadPrunedPart(store_, stop_);
      if (!now) return now.Failure();
      if (*now != pruned_) {
        return Fail(ErrorCode::kUnavailable,
                    store_.root() + " was pruned meanwhile: verify it again");
      }
    }
    return std::move(report_);
  }

 private:
  void Find(Kind kind, std::string where, std::string message) {
    constexpr std::size_t kMostKept = 1000;
    if (report_.findings.size() < kMostKept) {
      report_.findings.push_back({kind, std::move(where), std::move(message)});
    } else {
      ++report_.more_findings;
    }
  }

  bool IsPruned(std::uint64_t seq) const {
    return pruned_ && seq <= pruned_->through;
  }

  Result<> FindSegments() {
    auto found = ListSegments(store_, stop_);
    if (!found) return found.Failure();
    if (found->empty()) {
      return Fail(ErrorCode::kNotFound,
                  "no archive at " + store_.root() + ": it has no manifest");
    }
    if (pruned_) {
      expected_ = pruned_->first_seq;
      before_ = pruned_->chain;
      report_.pruned = pruned_->through + 1;
    }
    // Before it: what a prune has yet to delete.
    first_seqs_.assign(
        std::lower_bound(found->begin(), found->end(), expected_),
        found->end());
    return {};
  }

  // Every line: its text, chain and seq.
  Result<> CheckLines() {
    auto read = ReadSegments(
        store_, first_seqs_,
        [&](std::uint64_t first_seq, const Result<std::string>& text) {
          return CheckSegment(first_seq, text);
        },
        stop_);
    if (!read) return read;
    if (first_seqs_.empty()) {
      Find(Kind::kOutOfOrder, ManifestKey(expected_),
           "the manifest has no segment from here on");
    }
    report_.head = before_;
    if (options_.head && !head_found_) {
      Find(Kind::kWrongHead, "manifest/",
           "no line has the chain " + options_.head->ToHex() +
               "; the last one has " + before_.ToHex());
    }
    SortObjects();
    return {};
  }

  Result<> CheckSegment(std::uint64_t first_seq,
                        const Result<std::string>& text) {
    if (!text && text.error().code == ErrorCode::kDataLoss) {
      Find(Kind::kBrokenLine, ManifestKey(first_seq), text.error().message);
      unknown_lines_ = true;
      return {};
    }
    if (!text) return text.Failure();
    if (text->empty()) {
      Find(Kind::kBrokenLine, ManifestKey(first_seq), "the segment is empty");
    }
    return ForEachLine(
        *text,
        [&](std::size_t number, std::string_view stored,
            bool whole) -> Result<> {
          const std::string where = LineName(first_seq, number);
          const auto line = ParseLine(stored);
          if (!line || !whole) {
            Find(Kind::kBrokenLine, where,
                 line ? "the segment is cut off here" : line.error().message);
            unknown_lines_ = true;
            if (!line) return {};
          }
          if (number == 1 && line->frame.seq != first_seq) {
            Find(Kind::kOutOfOrder, where,
                 "the segment begins with frame " +
                     std::to_string(line->frame.seq) + ", not with " +
                     std::to_string(first_seq));
          }
          CheckChain(where, stored, *line);
          CheckOrder(where, *line);
          Count(*line);
          return {};
        });
  }

  void CheckChain(const std::string& where, std::string_view stored,
                  const ManifestLine& line) {
    // What follows a line that can't be read can't be checked itself; its own
    // chain is where checking goes on.
    if (!unknown_lines_ && ChainOf(stored, before_) != line.chain) {
      Find(Kind::kBrokenChain, where,
           "the chain is broken: this line or the one before it was changed, "
           "removed, added or moved");
    }
    before_ = line.chain;
    if (options_.head && line.chain == *options_.head) {
      head_found_ = true;
      report_.after_head = 0;
    } else if (head_found_) {
      ++report_.after_head;
    }
  }

  void CheckOrder(const std::string& where, const ManifestLine& line) {
    const std::uint64_t seq = line.frame.seq;
    if (seq != expected_ && !(unknown_lines_ && seq > expected_)) {
      Find(Kind::kOutOfOrder, where,
           "frame " + std::to_string(seq) + " stands where " +
               std::to_string(expected_) + " was expected");
    }
    unknown_lines_ = false;
    expected_ = line.end ? seq : seq + 1;
  }

  void Count(const ManifestLine& line) {
    if (!report_.first) report_.first = line;
    report_.last = line;
    report_.ended = line.end;
    if (line.end) return;
    ++report_.frames;
    if (line.dropped) {
      ++report_.dropped;
      return;
    }
    if (line.key != FrameKey(line.frame)) ++report_.duplicates;
    if (!IsPruned(line.frame.seq)) objects_.push_back(KnownFrom(line));
  }

  static KnownObject KnownFrom(const ManifestLine& line) {
    constexpr std::uint64_t kMost = (std::uint64_t{1} << 62) - 1;
    KnownObject known;
    known.key = ShortOf(Sha256(line.key));
    known.content = ShortOf(line.frame.digest);
    known.bytes = line.frame.bytes & kMost;
    return known;
  }

  // One for each key is kept.
  void SortObjects() {
    std::sort(objects_.begin(), objects_.end(),
              [](const KnownObject& a, const KnownObject& b) {
                return std::pair(a.key, a.content) <
                       std::pair(b.key, b.content);
              });
    const auto end =
        std::unique(objects_.begin(), objects_.end(),
                    [&](const KnownObject& a, const KnownObject& b) {
                      if (a.key != b.key) return false;
                      if (a.content != b.content || a.bytes != b.bytes)
                        disagree_ = true;
                      return true;
                    });
    objects_.erase(end, objects_.end());
  }

  KnownObject* Known(const std::string& key) {
    const std::uint64_t wanted = ShortOf(Sha256(key));
    const auto found = std::lower_bound(
        objects_.begin(), objects_.end(), wanted,
        [](const KnownObject& a, std::uint64_t b) { return a.key < b; });
    return found != objects_.end() && found->key == wanted ? &*found : nullptr;
  }

  // Every object that is there: known, and of the right size?
  Result<> CheckListing() {
    return ListAll(
        store_, "",
        [&](const ObjectInfo& info) -> Result<> {
          CheckListed(info);
          return {};
        },
        stop_);
  }

  void CheckListed(const ObjectInfo& info) {
    if (FirstSeqOf(info.key) || info.key == kPrunedKey) return;
    KnownObject* known = Known(info.key);
    if (!known) {
      const auto seq = SeqOfFrameKey(info.key);
      if (seq && IsPruned(*seq)) return;
      if (seq && *seq >= expected_ && !report_.ended) {
        ++report_.in_flight;
      } else {
        Find(Kind::kAdded, info.key, "no line of the manifest knows it");
      }
      return;
    }
    known->seen = 1;
    ++report_.objects;
    report_.bytes += info.bytes;
    if (known->bytes != info.bytes) {
      known->told = 1;
      Find(Kind::kChanged, info.key,
           "it has " + std::to_string(info.bytes) + " bytes; its line says " +
               std::to_string(known->bytes));
    }
    if (!options_.contents) ShowProgress();
  }

  void ShowProgress() {
    if (options_.progress) options_.progress(++done_, objects_.size());
  }

  // Names what is missing, and hashes the rest.
  Result<> CheckObjects() {
    const bool all_seen =
        std::all_of(objects_.begin(), objects_.end(),
                    [](const KnownObject& object) { return object.seen; });
    if (!options_.contents && all_seen && !disagree_) return {};
    return ReadSegments(
        store_, first_seqs_,
        [&](std::uint64_t first_seq, const Result<std::string>& text) {
          // Told already.
          if (!text && text.error().code == ErrorCode::kDataLoss)
            return Result<>();
          if (!text) return Result<>(text.Failure());
          return CheckObjectsOf(first_seq, *text);
        },
        stop_);
  }

  Result<> CheckObjectsOf(std::uint64_t first_seq, const std::string& text) {
    std::vector<ManifestLine> to_hash;
    auto read = ForEachLine(
        text,
        [&](std::size_t number, std::string_view stored,
            bool /*whole*/) -> Result<> {
          auto line = ParseLine(stored);
          if (!line || line->end || line->dropped ||
              IsPruned(line->frame.seq)) {
            return {};
          }
          KnownObject* known = Known(line->key);
          if (!known) return {};  // A line that came meanwhile.
          const KnownObject said = KnownFrom(*line);
          if (said.content != known->content || said.bytes != known->bytes) {
            Find(Kind::kChanged, line->key,
                 "lines disagree on its content: " +
                     LineName(first_seq, number));
          }
          if (known->told) return {};
          known->told = 1;
          if (!known->seen) {
            Find(Kind::kMissing, line->key,
                 "the object of frame " + std::to_string(line->frame.seq) +
                     " is not there");
          } else if (options_.contents) {
            to_hash.push_back(std::move(*line));
          }
          return {};
        });
    if (!read) return read;
    return HashAll(to_hash);
  }

  Result<> HashAll(const std::vector<ManifestLine>& lines) {
    if (lines.empty()) return {};
    const auto threads = std::clamp<std::size_t>(
        lines.size(), 1,
        static_cast<std::size_t>(std::max(options_.parallel, 1)));
    std::stop_source ended;
    const std::stop_callback stopped(stop_, [&] { ended.request_stop(); });
    Result<> result;
    OrderedParallel(
        lines.size(), static_cast<int>(threads), 2 * threads, ended.get_token(),
        [&](std::size_t i) -> Result<Digest> {
          const auto bytes = TryAgain(ended.get_token(), [&] {
            return store_.Get(lines[i].key, lines[i].frame.bytes,
                              ended.get_token());
          });
          if (!bytes) return bytes.Failure();
          return Sha256(*bytes);
        },
        [&](std::size_t i, const Result<Digest>& digest) {
          if (!result || ended.stop_requested()) return;
          result = CheckContent(lines[i], digest);
          if (!result) ended.request_stop();
          ShowProgress();
        });
    if (result && stop_.stop_requested()) {
      return Fail(ErrorCode::kCancelled, "verifying: stopped");
    }
    return result;
  }

  Result<> CheckContent(const ManifestLine& line,
                        const Result<Digest>& digest) {
    if (digest) {
      if (*digest != line.frame.digest) {
        Find(Kind::kChanged, line.key,
             "its content has the SHA-256 " + digest->ToHex() +
                 "; the line of frame " + std::to_string(line.frame.seq) +
                 " says " + line.frame.digest.ToHex());
      }
      return {};
    }
    const Error& error = digest.error();
    if (error.code == ErrorCode::kNotFound) {
      Find(Kind::kMissing, line.key, "it was deleted meanwhile");
    } else if (error.code == ErrorCode::kDataLoss ||
               error.code == ErrorCode::kResourceExhausted) {
      Find(Kind::kChanged, line.key, error.message);
    } else {
      return digest.Failure("verifying");
    }
    return {};
  }

  ObjectStore& store_;
  const VerifyOptions& options_;
  const std::stop_token stop_;
  VerifyReport report_;
  std::optional<PrunedPart> pruned_;
  std::vector<std::uint64_t> first_seqs_;
  std::uint64_t expected_ = 0;    // The seq that the next line must have,
  Digest before_ = ChainStart();  // and the chain that it follows.
  bool unknown_lines_ = false;    // The line before could not be read.
  bool head_found_ = false;
  std::vector<KnownObject> objects_;  // Sorted once all lines are read.
  bool disagree_ = false;             // Lines of one object.
  std::uint64_t done_ = 0;
};

}  // namespace

Result<VerifyReport> VerifyArchive(ObjectStore& store,
                                   const VerifyOptions& options,
                                   std::stop_token stop) {
  return Verification(store, options, std::move(stop)).Run();
}

}  // namespace ocelli
