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
        files_(std::move(files)) {
    info_.frame_rate = options_.source_options.frame_rate;
    info_.duration = TimeOf(files_.size());
    info_.codec = "pictures";
    info_.decoder = "cpu";
  }

  // The size, and an error where nothing can be read, come from the first
  // picture that can be.
  Result<> Begin(const std::stop_token& stop) {
    std::optional<Error> first_error;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, "opening pictures: stopped");
      }
      const auto picture = Read(i);
      if (picture) {
        info_.width = picture->encoded.record.width;
        info_.height = picture->encoded.record.height;
        return {};
      }
      if (!first_error) first_error = picture.error();
    }
    return tl::unexpected<Error>(*first_error);
  }

  const VideoInfo& input() const override { return info_; }

  Result<> Run(Archiver& archiver, std::stop_token stop,
               const CaptureBefore& before) override {
    if (options_.max_frames > 0 && before.frames >= options_.max_frames) {
      return {};
    }
    const std::vector<std::size_t> places = ChosenByTime(before);
    std::stop_source ending;
    const std::stop_callback forward(stop, [&] { ending.request_stop(); });
    FrameSelector selector(PixelSelection());
    std::optional<Error> error;
    const auto processors =
        static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
    OrderedParallel(
        places.size(),
        options_.encoders > 0 ? options_.encoders : std::min(processors, 8),
        kReadAhead, ending.get_token(),
        [&](std::size_t i) { return Read(places[i]); },
        [&](std::size_t, Result<Picture> picture) {
          if (ending.stop_requested()) return;
          const auto added =
              Emit(std::move(picture), before, selector, archiver, stop);
          if (!added && !stop.stop_requested()) error = added.error();
          const bool enough =
              options_.max_frames > 0 &&
              before.frames + status().added >= options_.max_frames;
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

  // The files to read: where no pixels are needed, only those that are wanted.
  std::vector<std::size_t> ChosenByTime(const CaptureBefore& before) const {
    FrameSelector selector({options_.selection.every, 0});
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      Frame frame;
      frame.time = TimeOf(i);
      if (options_.max_duration.count() > 0 &&
          frame.time >= options_.max_duration) {
        break;
      }
      if (!NeedsPixels() && !selector.Wants(frame)) continue;
      const bool archived = before.through && frame.time <= *before.through;
      // Those that follow are compared with it.
      if (archived && !ComparesFrames()) continue;
      places.push_back(i);
    }
    return places;
  }

  bool ComparesFrames() const { return options_.selection.changed > 0; }
  bool NeedsPixels() const { return ComparesFrames() || tracker_; }

  FrameSelection PixelSelection() const {
    return NeedsPixels() ? options_.selection : FrameSelection{};
  }

  Result<Picture> Read(std::size_t place) const {
    const Clock& clock = *options_.source_options.clock;
    const auto wall_time = clock.WallTime();
    const auto taken = clock.MonotonicTime();
    auto picture = ReadPixels(files_[place]);
    if (!picture) return picture;
    picture->frame.sequence = place;
    picture->frame.time = TimeOf(place);
    picture->frame.wall_time = wall_time;
    picture->frame.decoded_at = taken;
    picture->encoded.record.pts = picture->frame.time;
    picture->encoded.record.time = wall_time;
    picture->encoded.taken = taken;
    return picture;
  }

  Result<Picture> ReadPixels(const Result<fs::path>& file) const {
    if (!file) return file.Failure();
    ImageLimits limits;
    limits.max_pixels =
        static_cast<std::uint64_t>(options_.source_options.limits.max_pixels);
    auto bytes = ReadFileLimited(*file, limits.max_bytes);
    if (!bytes) return bytes.Failure();
    Picture picture;
    bool as_it_is = !options_.quality && ImageFileEnding(*bytes) == ".jpg";
    ImageSize size;
    if (as_it_is) {
      const auto read = ReadJpegSize(*bytes, limits);
      if (!read) return read.Failure(file->string());
      size = *read;
      as_it_is = options_.max_side == 0 ||
                 std::max(size.width, size.height) <= options_.max_side;
    }
    Image image;
    if (!as_it_is || NeedsPixels()) {
      auto decoded = DecodeImage(*bytes, limits);
      if (!decoded) return decoded.Failure(file->string());
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
    if (!encoded) return encoded.Failure(file->string());
    picture.encoded = *std::move(encoded);
    return picture;
  }

  Result<> Emit(Result<Picture> picture, const CaptureBefore& before,
                FrameSelector& selector, Archiver& archiver,
                const std::stop_token& stop) {
    Count(&CaptureStatus::frames_in);
    if (!picture) {
      Count(&CaptureStatus::damaged);
      Log(LogLevel::kWarning, "a picture is left out",
          {{"reason", picture.error().message}});
      return {};
    }
    const auto wanted = Wants(picture->frame, before, selector);
    if (!wanted) return wanted.Failure();
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

  Result<bool> Wants(const Frame& frame, const CaptureBefore& before,
                     FrameSelector& selector) {
    if (!NeedsPixels()) return true;
    if (!selector.IsDue(frame.time)) return false;
    const bool skipped = before.through && frame.time <= *before.through;
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
  // The time of each is its place, whether it can be read or not.
  const std::vector<Result<fs::path>> files_;
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
