#include "archive/manifest_lines.h"

#include <utility>

namespace ocelli {

std::uint64_t SeqAfter(const ManifestLine& line) {
  return line.end ? line.frame.seq : line.frame.seq + 1;
}

Result<ManifestLine> ManifestFollower::Check(std::string_view text) const {
  auto line = ParseLine(text);
  if (!line) return line;
  // What stood before the first line that is here is not.
  if (!before_) return line;
  const std::uint64_t seq = line->frame.seq;
  if (seq != SeqAfter(*before_)) {
    return Fail(ErrorCode::kDataLoss, "seq " + std::to_string(seq) +
                                          " instead of " +
                                          std::to_string(SeqAfter(*before_)));
  }
  const Digest chain = ChainOf(text, before_->chain);
  if (line->chain != chain) {
    return Fail(ErrorCode::kDataLoss, "its chain is " + line->chain.ToHex() +
                                          " instead of " + chain.ToHex());
  }
  return line;
}

Result<ManifestFollower::File> ManifestFollower::Follow(std::string_view text,
                                                        bool is_last_file,
                                                        const std::string& path,
                                                        const Each& each) {
  File file;
  while (file.bytes < text.size()) {
    const auto rest = text.substr(static_cast<std::size_t>(file.bytes));
    const auto size = rest.find('\n');
    const auto here = rest.substr(0, size);
    auto line = size == rest.npos
                    ? Fail(ErrorCode::kDataLoss, "it does not end")
                    : Check(here);
    if (!line) {
      // Lost sectors of a file that grew are zeros.
      const bool torn = size == rest.npos || here.find('\0') != here.npos;
      if (is_last_file && torn && rest.size() <= kManifestBatchBytes) break;
      return line.Failure("manifest " + path + ": line " +
                          std::to_string(file.lines + 1));
    }
    if (auto done = each(*line); !done) return done.Failure();
    before_ = *std::move(line);
    file.bytes += size + 1;
    ++file.lines;
  }
  if (file.lines == 0 && !is_last_file) {
    return Fail(ErrorCode::kDataLoss, "manifest " + path + ": it has no line");
  }
  return file;
}

}  // namespace ocelli
