#include "live/picture_capture.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/log.h"
#include "core/ordered_parallel.h"
#include "live/encoded_frame.h"
#include "media/image_files.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;

// Files begun and not yet archived: more than processors, so that one that
// takes long does not hold up the others.
constexpr std::size_t kReadAhead = 16;

// A file that may go into the archive. The time of each is its place among all
// of them, whether it can be read or not.
struct PictureFile {
  Result<fs::path> path;
  std::size_t place = 0;
};

struct Picture {
  EncodedFrame encoded;
  Frame frame;  // With pixels where choosing needs them.
};

class PictureCapture final : public Capture {
 public:
  PictureCapture(std::vector<Result<fs::path>> files, CaptureOptions options,
                 std::unique_ptr<FaceTracker> tracker)
      : options_(std::move(options)),
        tracker_(std::move(tracker)),
        all_files_(files.size()) {
    ChooseByTime(std::move(files));
    info_.frame_rate = options_.source_options.frame_rate;
    info_.duration = TimeOf(all_files_);
    info_.codec = "pictures";
    info_.decoder = "cpu";
  }

  // The size, and an error where nothing can be read, come from the first
  // picture that can be.
  Result<> Begin(const std::stop_token& stop) {
    std::optional<Error> first_error;
    for (const PictureFile& file : files_) {
      if (stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, "opening pictures: stopped");
      }
      const auto picture = Read(file);
      if (picture) {
        info_.width = picture->encoded.record.width;
        info_.height = picture->encoded.record.height;
        return {};
      }
      if (!first_error) first_error = picture.error();
    }
    // All that is left was archived already.
    if (!first_error) return {};
    return tl::unexpected<Error>(*first_error);
  }

  const VideoInfo& input() const override { return info_; }

  Result<> Run(Archiver& archiver, std::stop_token stop) override {
    std::stop_source ending;
    const std::stop_callback forward(stop, [&] { ending.request_stop(); });
    FrameSelector selector(PixelSelection());
    std::optional<Error> error;
    const auto processors =
        static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
    OrderedParallel(
        files_.size(),
        options_.encoders > 0 ? options_.encoders : std::min(processors, 8),
        kReadAhead, ending.get_token(),
        [&](std::size_t i) { return Read(files_[i]); },
        [&](std::size_t i, Result<Picture> picture) {
          if (ending.stop_requested()) return;
          const auto added =
              Emit(files_[i], std::move(picture), selector, archiver, stop);
          if (!added && !stop.stop_requested()) error = added.error();
          const bool enough =
              options_.max_frames > 0 && status().added >= options_.max_frames;
          if (!added || enough) ending.request_stop();
        });
    if (error) return tl::unexpected<Error>(*error);
    return {};
  }

  CaptureStatus status() const override {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  microseconds TimeOf(std::size_t place) const {
    return microseconds(std::llround(static_cast<double>(place) * 1e6 /
                                     options_.source_options.frame_rate));
  }

  // With `every`, what is read needs no pixels to be chosen by.
  void ChooseByTime(std::vector<Result<fs::path>> files) {
    FrameSelector selector({options_.selection.every, 0});
    const bool by_time = !NeedsPixels();
    for (std::size_t i = 0; i < files.size(); ++i) {
      Frame frame;
      frame.time = TimeOf(i);
      if (options_.max_duration.count() > 0 &&
          frame.time >= options_.max_duration) {
        break;
      }
      if (by_time && !selector.Wants(frame)) continue;
      if (options_.skip_through && frame.time <= *options_.skip_through &&
          !ComparesFrames()) {
        continue;
      }
      files_.push_back({std::move(files[i]), i});
    }
  }

  bool ComparesFrames() const { return options_.selection.changed > 0; }
  bool NeedsPixels() const { return ComparesFrames() || tracker_; }

  FrameSelection PixelSelection() const {
    return NeedsPixels() ? options_.selection : FrameSelection{};
  }

  Result<Picture> Read(const PictureFile& file) const {
    const Clock& clock = *options_.source_options.clock;
    const auto wall_time = clock.WallTime();
    const auto taken = clock.MonotonicTime();
    auto picture = ReadPixels(file);
    if (!picture) return picture;
    picture->frame.sequence = file.place;
    picture->frame.time = TimeOf(file.place);
    picture->frame.wall_time = wall_time;
    picture->frame.decoded_at = taken;
    picture->encoded.record.pts = picture->frame.time;
    picture->encoded.record.time = wall_time;
    picture->encoded.taken = taken;
    return picture;
  }

  Result<Picture> ReadPixels(const PictureFile& file) const {
    if (!file.path) return file.path.Failure();
    ImageLimits limits;
    limits.max_pixels =
        static_cast<std::uint64_t>(options_.source_options.limits.max_pixels);
    auto bytes = ReadFileLimited(*file.path, limits.max_bytes);
    if (!bytes) return bytes.Failure();
    Picture picture;
    bool as_it_is = !options_.quality && ImageFileEnding(*bytes) == ".jpg";
    ImageSize size;
    if (as_it_is) {
      const auto read = ReadJpegSize(*bytes, limits);
      if (!read) return read.Failure(file.path->string());
      size = *read;
      as_it_is = options_.max_side == 0 ||
                 std::max(size.width, size.height) <= options_.max_side;
    }
    Image image;
    if (!as_it_is || NeedsPixels()) {
      auto decoded = DecodeImage(*bytes, limits);
      if (!decoded) return decoded.Failure(file.path->string());
      image = *std::move(decoded);
      if (NeedsPixels()) picture.frame.pixels = ToYuv(image, {});
    }
    if (as_it_is) {
      picture.encoded =
          MakeEncodedFrame(*std::move(bytes), size.width, size.height);
      return picture;
    }
    auto encoded = EncodePicture(
        image, options_.quality.value_or(kDefaultQuality), options_.max_side);
    if (!encoded) return encoded.Failure(file.path->string());
    picture.encoded = *std::move(encoded);
    return picture;
  }

  Result<> Emit(const PictureFile& file, Result<Picture> picture,
                FrameSelector& selector, Archiver& archiver,
                const std::stop_token& stop) {
    Count(&CaptureStatus::frames_in);
    if (!picture) {
      Count(&CaptureStatus::damaged);
      Log(LogLevel::kWarning, "a picture is left out",
          {{"reason", picture.error().message}});
      return {};
    }
    const auto wanted = Wants(picture->frame, selector);
    if (!wanted) return wanted.Failure(file.path->string());
    if (!*wanted) return {};
    Count(&CaptureStatus::chosen);
    if (auto added = archiver.Add(picture->encoded.ToAdd(), stop); !added) {
      return added;
    }
    const std::lock_guard lock(mutex_);
    ++status_.added;
    if (!status_.first_taken) status_.first_taken = picture->encoded.taken;
    return {};
  }

  Result<bool> Wants(const Frame& frame, FrameSelector& selector) {
    if (!NeedsPixels()) return true;
    if (!selector.IsDue(frame.time)) return false;
    const bool skipped =
        options_.skip_through && frame.time <= *options_.skip_through;
    if (tracker_ && !skipped) {
      const auto faces = tracker_->Track(frame);
      if (!faces) return faces.Failure("looking for faces");
      if (std::none_of(faces->begin(), faces->end(),
                       [](const TrackedFace& face) { return face.seen(); })) {
        return false;
      }
    }
    return selector.Wants(frame) && !skipped;
  }

  void Count(std::uint64_t CaptureStatus::*counter) {
    const std::lock_guard lock(mutex_);
    ++(status_.*counter);
  }

  const CaptureOptions options_;
  const std::unique_ptr<FaceTracker> tracker_;
  const std::size_t all_files_;
  std::vector<PictureFile> files_;
  VideoInfo info_;
  mutable std::mutex mutex_;
  CaptureStatus status_;  // Guarded by mutex_.
};

}  // namespace

Result<std::unique_ptr<Capture>> OpenPictureCapture(
    const std::string& path, CaptureOptions options,
    std::unique_ptr<FaceTracker> tracker, const std::stop_token& stop) {
  auto files = FindImages(std::span(&path, 1));
  if (files.size() == 1 && !files.front()) return files.front().Failure();
  auto capture = std::make_unique<PictureCapture>(
      std::move(files), std::move(options), std::move(tracker));
  if (const auto begun = capture->Begin(stop); !begun) return begun.Failure();
  return capture;
}

}  // namespace ocelli
