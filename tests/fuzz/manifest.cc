// What an object store holds of an archive, and a task's files.
#include "archive/manifest.h"

#include "archive/archive_reader.h"
#include "archive/task_files.h"
#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ocelli;
  const std::string_view text = TextOf(data, size);
  if (auto line = ParseLine(text)) {
    Require(line->key.find("..") == line->key.npos, "a key leads nowhere else");
    const std::string written = FormatLine(*line, ChainStart());
    const auto again = ParseLine(written);
    Require(again && *again == *line, "what we write can be read");
  }
  if (const auto pruned = ParsePrunedPart(text)) {
    const auto again = ParsePrunedPart(FormatPrunedPart(*pruned));
    Require(again && *again == *pruned, "what was pruned can be read");
  }
  static_cast<void>(ParseTaskSettings(text).has_value());
  if (const auto status = ParseTaskStatus(text)) {
    Require(ParseTaskStatus(FormatTaskStatus(*status)).has_value(),
            "a status can be read");
  }
  static_cast<void>(FirstSeqOf(text).has_value());
  return 0;
}
