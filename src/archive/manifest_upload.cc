#include "archive/manifest_upload.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "archive/archiver.h"
#include "archive/manifest.h"

namespace ocelli {

ManifestUpload::ManifestUpload(ManifestLog& log,
                               std::chrono::milliseconds every,
                               const UploadWindowOptions& retries)
    : log_(log), every_(every), retries_(retries), random_(retries.seed) {}

void ManifestUpload::Grew(Time now) {
  if (!grown_ && !under_way_) due_ = now + every_;
  grown_ = true;
}

void ManifestUpload::Hurry(Time now) {
  if (attempts_ == 0) due_ = std::min(due_, now);
}

void ManifestUpload::WakeUp() {
  if (attempts_ > 0) due_ = std::min(due_, not_until_);
}

std::optional<ManifestUpload::Time> ManifestUpload::NextDue() const {
  if (!grown_ || under_way_) return std::nullopt;
  return due_;
}

Result<std::optional<PutRequest>> ManifestUpload::Begin(Time now) {
  if (!grown_ || under_way_ || now < due_) return std::nullopt;
  auto segment = log_.Unstored();
  if (!segment) return segment.Failure();
  if (!*segment) {
    grown_ = false;
    return std::nullopt;
  }
  first_seq_ = (*segment)->first_seq;
  lines_ = (*segment)->lines;
  under_way_ = true;
  began_ = now;
  ++attempts_;
  const std::string& text = (*segment)->text;
  const auto bytes = std::as_bytes(std::span(text));
  return PutRequest{ManifestKey(first_seq_),
                    BytesOf(std::vector(bytes.begin(), bytes.end())),
                    Sha256(bytes), "application/x-ndjson"};
}

Result<> ManifestUpload::Stored(Time now) {
  under_way_ = false;
  attempts_ = 0;
  // After a full one there is another soon.
  due_ = lines_ >= ManifestLog::kSegmentLines ? now : began_ + every_;
  return log_.SetStored(first_seq_, lines_);
}

bool ManifestUpload::Failed(Time now, std::chrono::milliseconds retry_after) {
  under_way_ = false;
  const auto wait =
      BackoffBefore(attempts_, retries_.first_wait, retries_.last_wait,
                    std::generate_canonical<double, 53>(random_));
  not_until_ = now + retry_after;
  due_ = std::max(now + wait, not_until_);
  return attempts_ < retries_.tries;
}

}  // namespace ocelli
