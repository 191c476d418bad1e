#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/manifest.h"
#include "core/check.h"
#include "core/digest.h"
#include "store/object_store.h"

namespace ocelli {

// For tests: replaces an object.
inline void PutText(ObjectStore& store, const std::string& key,
                    std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  OCELLI_CHECK(store.Put(
      {key, BytesOf({bytes.begin(), bytes.end()}), Sha256(text), "a/b"}));
}

inline std::string TextOf(ObjectStore& store, const std::string& key) {
  const auto bytes = store.Get(key, 1 << 30);
  if (!bytes) return {};
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

// For tests: an archive as an archiver would leave it, a frame every second
// from 2024-11-25T13:59:58Z on.
class TestArchive {
 public:
  explicit TestArchive(ObjectStore& store, std::size_t lines_a_segment = 4)
      : store_(store), lines_a_segment_(lines_a_segment) {}

  static std::chrono::system_clock::time_point TimeOf(std::uint64_t seq) {
    return std::chrono::system_clock::time_point(
        std::chrono::seconds(1'732'543'198 + seq));
  }
  static std::string PictureOf(std::uint64_t seq) {
    return "picture " + std::to_string(seq + 100);
  }

  void AddFrame() {
    ManifestLine line = NewLine(PictureOf(next_seq_));
    line.key = FrameKey(line.frame);
    line.attempts = 1;
    PutText(store_, line.key, PictureOf(next_seq_));
    ++next_seq_;
    Append(line);
  }
  void AddFrames(int count) {
    for (int i = 0; i < count; ++i) AddFrame();
  }
  // A frame that is equal to the one of `seq`.
  void AddEqual(std::uint64_t seq) {
    ManifestLine line = NewLine(PictureOf(seq));
    for (const ManifestLine& other : lines_) {
      if (!other.end && other.frame.seq == seq) line.key = other.key;
    }
    ++next_seq_;
    Append(line);
  }
  void AddDropped() {
    ManifestLine line = NewLine(PictureOf(next_seq_));
    line.dropped = true;
    ++next_seq_;
    Append(line);
  }
  void End() {
    ManifestLine line;
    line.end = true;
    line.frame.seq = next_seq_;
    line.frame.run = run_++;
    line.frame.time = TimeOf(next_seq_);
    Append(line);
  }

  // Segments as they are stored: of lines with '\n'.
  void StoreManifest() {
    for (std::size_t i = 0; i < texts_.size(); i += lines_a_segment_) {
      std::string segment;
      for (std::size_t j = i; j < std::min(i + lines_a_segment_, texts_.size());
           ++j) {
        segment += texts_[j] + "\n";
      }
      PutText(store_, ManifestKey(lines_[i].frame.seq), segment);
    }
  }

  const std::vector<ManifestLine>& lines() const { return lines_; }
  const Digest& head() const { return lines_.back().chain; }
  std::string KeyOf(std::uint64_t seq) const {
    for (const ManifestLine& line : lines_) {
      if (!line.end && line.frame.seq == seq) return line.key;
    }
    return {};
  }

 private:
  ManifestLine NewLine(const std::string& picture) const {
    ManifestLine line;
    line.frame.seq = next_seq_;
    line.frame.run = run_;
    line.frame.pts = std::chrono::seconds(next_seq_);
    line.frame.time = TimeOf(next_seq_);
    line.frame.width = 64;
    line.frame.height = 48;
    line.frame.digest = Sha256(picture);
    line.frame.bytes = picture.size();
    return line;
  }

  void Append(ManifestLine line) {
    texts_.push_back(
        FormatLine(line, lines_.empty() ? ChainStart() : lines_.back().chain));
    lines_.push_back(line);
  }

  ObjectStore& store_;
  const std::size_t lines_a_segment_;
  std::uint64_t next_seq_ = 0;
  std::uint32_t run_ = 0;
  std::vector<ManifestLine> lines_;
  std::vector<std::string> texts_;
};

}  // namespace ocelli
