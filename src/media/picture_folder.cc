#include "media/picture_folder.h"

#include <atomic>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/file.h"
#include "media/image_files.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

class PictureFolder final : public VideoSource {
 public:
  PictureFolder(std::string path, std::vector<Result<fs::path>> files,
                const VideoSourceOptions& options)
      : path_(std::move(path)), files_(std::move(files)), options_(options) {}

  // Size and errors come from the first picture that can be decoded.
  Result<> Begin(std::stop_token stop) {
    auto first = Decode(stop);
    if (!first) return first.Failure();
    if (!*first) {
      return first_error_ ? Fail(first_error_->code, first_error_->message)
                          : Fail(ErrorCode::kDataLoss,
                                 path_ + ": no picture can be decoded");
    }
    info_.width = (*first)->width();
    info_.height = (*first)->height();
    info_.frame_rate = options_.frame_rate;
    info_.duration = TimeOf(files_.size());
    info_.codec = "pictures";
    info_.decoder = "cpu";
    waiting_ = std::move(*first);
    return {};
  }

  const VideoInfo& info() const override { return info_; }

  Result<std::optional<SourceFrame>> Next(std::stop_token stop) override {
    if (!waiting_) {
      auto next = Decode(stop);
      if (!next) return next.Failure();
      if (!*next) return std::nullopt;
      waiting_ = std::move(*next);
    }
    SourceFrame next;
    next.frame.pixels = *std::exchange(waiting_, std::nullopt);
    next.frame.sequence = frames_.load();
    next.frame.time = TimeOf(next.frame.sequence);
    next.frame.wall_time = options_.clock->WallTime();
    next.frame.decoded_at = options_.clock->MonotonicTime();
    ++frames_;
    return next;
  }

  std::vector<SoundPacket> TakeSound() override { return {}; }

  SourceCounters counters() const override {
    return {frames_.load(), damaged_.load(), 0};
  }

 private:
  std::chrono::microseconds TimeOf(std::uint64_t frame) const {
    return std::chrono::microseconds(std::llround(
        static_cast<double>(frame) * 1'000'000 / options_.frame_rate));
  }

  // The next picture that can be decoded; none at the end.
  Result<std::optional<YuvImage>> Decode(const std::stop_token& stop) {
    ImageLimits limits;
    limits.max_pixels = static_cast<std::uint64_t>(options_.limits.max_pixels);
    while (next_file_ < files_.size()) {
      if (stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, "reading " + path_ + ": stopped");
      }
      const Result<Image> image = Read(files_[next_file_++], limits);
      if (!image) {
        ++damaged_;
        if (!first_error_) first_error_ = image.error();
        continue;
      }
      YuvColor color;
      if (image->height() < 720) color.matrix = YuvColor::Matrix::kBt601;
      return ToYuv(*image, color);
    }
    return std::nullopt;
  }

  static Result<Image> Read(const Result<fs::path>& file,
                            const ImageLimits& limits) {
    if (!file) return file.Failure();
    const auto bytes = ReadFileLimited(*file, limits.max_bytes);
    if (!bytes) return bytes.Failure();
    auto image = DecodeImage(*bytes, limits);
    if (!image) return image.Failure(file->string());
    return image;
  }

  std::string path_;
  std::vector<Result<fs::path>> files_;
  VideoSourceOptions options_;
  VideoInfo info_;
  std::size_t next_file_ = 0;
  std::optional<Error> first_error_;
  std::optional<YuvImage> waiting_;
  std::atomic<std::uint64_t> frames_ = 0;
  std::atomic<std::uint64_t> damaged_ = 0;
};

}  // namespace

bool HoldsPictures(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return true;
  if (!fs::is_regular_file(status)) return false;
  char head[4096];
  std::ifstream file(path, std::ios::binary);
  file.read(head, sizeof(head));
  const auto bytes =
      std::as_bytes(std::span(head, static_cast<std::size_t>(file.gcount())));
  return !ImageFileEnding(bytes).empty();
}

Result<std::unique_ptr<VideoSource>> OpenPictureFolder(
    const std::string& path, const VideoSourceOptions& options,
    std::stop_token stop) {
  auto files = FindImages(std::span(&path, 1));
  if (files.size() == 1 && !files.front()) return files.front().Failure();
  auto source =
      std::make_unique<PictureFolder>(path, std::move(files), options);
  if (const auto begun = source->Begin(stop); !begun) return begun.Failure();
  return source;
}

}  // namespace ocelli
