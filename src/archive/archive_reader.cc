#include "archive/archive_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "archive/store_access.h"
#include "core/utc_time.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kMaxPrunedBytes = 64 << 10;
constexpr std::uint64_t kMaxSegmentBytes = 64 << 20;

Result<> ForEachParsedLine(
    std::uint64_t first_seq, std::string_view text,
    const std::function<Result<>(const ManifestLine&)>& each) {
  return ForEachLine(
      text, [&](std::size_t number, std::string_view stored, bool whole) {
        const auto line = ParseLine(stored);
        if (!line) return Result<>(line.Failure(LineName(first_seq, number)));
        if (!whole) {
          return Result<>(
              Fail(ErrorCode::kDataLoss,
                   LineName(first_seq, number) + ": the segment is cut off"));
        }
        return each(*line);
      });
}

}  // namespace

std::string FormatPrunedPart(const PrunedPart& pruned) {
  return nlohmann::ordered_json(
             {{"through", pruned.through},
              {"first_seq", pruned.first_seq},
              {"chain", pruned.chain.ToHex()},
              {"time", UtcText(pruned.time, UtcPrecision::kMicroseconds)},
              {"done", pruned.done}})
             .dump() +
         "\n";
}

Result<PrunedPart> ParsePrunedPart(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto bad = [](const std::string& what) {
    return Fail(ErrorCode::kDataLoss, std::string(kPrunedKey) + ": " + what);
  };
  if (!json.is_object()) return bad("not an object of JSON");
  PrunedPart pruned;
  for (const auto& [name, number] :
       {std::pair<const char*, std::uint64_t*>{"through", &pruned.through},
        {"first_seq", &pruned.first_seq}}) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_unsigned()) {
      return bad(std::string(name) + " must be a whole number");
    }
    *number = found->get<std::uint64_t>();
  }
  const auto string = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string();
  };
  const auto chain = Digest::FromHex(string("chain"));
  if (!chain) return bad("chain must be 64 hexadecimal digits");
  pruned.chain = *chain;
  const auto time = ParseUtc(string("time"));
  if (!time) return bad(time.error().message);
  pruned.time = *time;
  const auto done = json.find("done");
  if (done == json.end() || !done->is_boolean()) {
    return bad("done must be true or false");
  }
  pruned.done = done->get<bool>();
  return pruned;
}

Result<std::optional<PrunedPart>> ReadPrunedPart(ObjectStore& store,
                                                 const std::stop_token& stop) {
  const auto text =
      GetText(store, std::string(kPrunedKey), kMaxPrunedBytes, stop);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!text) return text.Failure();
  const auto pruned = ParsePrunedPart(*text);
  if (!pruned) return pruned.Failure();
  return *pruned;
}

Result<std::vector<std::uint64_t>> ListSegments(ObjectStore& store,
                                                const std::stop_token& stop) {
  std::vector<std::uint64_t> first_seqs;
  const auto listed = ListAll(
      store, std::string(kManifestFolder),
      [&](const ObjectInfo& info) -> Result<> {
        if (const auto seq = FirstSeqOf(info.key)) first_seqs.push_back(*seq);
        return {};
      },
      stop);
  if (!listed) return listed.Failure();
  return first_seqs;
}

Result<std::vector<std::uint64_t>> ListMeantSegments(
    ObjectStore& store, const std::stop_token& stop) {
  const auto pruned = ReadPrunedPart(store, stop);
  if (!pruned) return pruned.Failure();
  auto first_seqs = ListSegments(store, stop);
  if (!first_seqs || !*pruned) return first_seqs;
  // Before it: leftovers of a prune that is not through yet.
  first_seqs->erase(first_seqs->begin(),
                    std::lower_bound(first_seqs->begin(), first_seqs->end(),
                                     (*pruned)->first_seq));
  return first_seqs;
}

Result<std::vector<ManifestLine>> ReadSegment(ObjectStore& store,
                                              std::uint64_t first_seq,
                                              const std::stop_token& stop) {
  const auto text =
      GetText(store, ManifestKey(first_seq), kMaxSegmentBytes, stop);
  if (!text) return text.Failure();
  std::vector<ManifestLine> lines;
  const auto read = ForEachParsedLine(
      first_seq, *text, [&](const ManifestLine& line) -> Result<> {
        lines.push_back(line);
        return {};
      });
  if (!read) return read.Failure();
  return lines;
}

Result<> ReadManifest(ObjectStore& store,
                      const std::function<Result<>(const ManifestLine&)>& each,
                      const std::stop_token& stop, std::uint64_t from_seq) {
  const auto first_seqs = ListMeantSegments(store, stop);
  if (!first_seqs) return first_seqs.Failure();
  auto begin = first_seqs->begin();
  const auto after = std::upper_bound(begin, first_seqs->end(), from_seq);
  if (after != begin) begin = after - 1;
  return ReadSegments(
      store, std::span(begin, first_seqs->end()),
      [&](std::uint64_t first_seq, const Result<std::string>& text) {
        if (!text) return Result<>(text.Failure());
        return ForEachParsedLine(first_seq, *text, each);
      },
      stop);
}

Result<std::optional<ManifestLine>> ReadLastLine(ObjectStore& store,
                                                 const std::stop_token& stop) {
  const auto first_seqs = ListSegments(store, stop);
  if (!first_seqs) return first_seqs.Failure();
  if (first_seqs->empty()) return std::nullopt;
  const std::string key = ManifestKey(first_seqs->back());
  const auto text = GetText(store, key, kMaxSegmentBytes, stop);
  if (!text) return text.Failure();
  if (!text->ends_with('\n')) {
    return Fail(ErrorCode::kDataLoss, key + ": its last line is cut off");
  }
  std::string_view last = *text;
  last.remove_suffix(1);
  last.remove_prefix(last.rfind('\n') + 1);  // npos + 1 is 0.
  const auto line = ParseLine(last);
  if (!line) return line.Failure(key + ", last line");
  return *line;
}

}  // namespace ocelli
