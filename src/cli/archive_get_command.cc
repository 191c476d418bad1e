// ocelli archive get: frames of an archive, as a video or as files.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "archive/archive_reader.h"
#include "archive/archiver.h"
#include "cli/archive_range.h"
#include "cli/archive_setup.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "core/ascii.h"
#include "core/file.h"
#include "core/ordered_parallel.h"
#include "core/sleep.h"
#include "media/still_image.h"
#include "media/video_sink.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;

struct GetFlags {
  std::string archive;
  std::string from;
  std::string to;
  std::string out;
  int parallel = 16;
  StoreFlags store;
};

struct WantedFrame {
  FrameRecord record;
  std::string key;
  microseconds time;  // In the video.
};

struct Wanted {
  std::vector<WantedFrame> frames;
  std::uint64_t dropped = 0;
};

Result<Wanted> FindFrames(ObjectStore& store, const ArchiveRange& range,
                          const std::stop_token& stop) {
  Wanted wanted;
  const auto read = ReadManifest(
      store,
      [&](const ManifestLine& line) -> Result<> {
        if (line.end || !range.Contains(line.frame)) return {};
        if (line.dropped) {
          ++wanted.dropped;
        } else {
          wanted.frames.push_back({line.frame, line.key, {}});
        }
        return {};
      },
      stop);
  if (!read) return read.Failure();
  return wanted;
}

// Media time within each run, one after the other. Returns frames a second.
double SetTimes(std::vector<WantedFrame>& frames) {
  std::vector<microseconds> steps;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    const auto step = frames[i].record.pts - frames[i - 1].record.pts;
    if (frames[i].record.run == frames[i - 1].record.run && step.count() > 0) {
      steps.push_back(step);
    }
  }
  microseconds usual = std::chrono::milliseconds(40);
  if (!steps.empty()) {
    const auto middle =
        steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
    std::nth_element(steps.begin(), middle, steps.end());
    usual = *middle;
  }
  for (std::size_t i = 1; i < frames.size(); ++i) {
    const auto step = frames[i].record.pts - frames[i - 1].record.pts;
    const bool goes_on =
        frames[i].record.run == frames[i - 1].record.run && step.count() > 0;
    frames[i].time = frames[i - 1].time + (goes_on ? step : usual);
  }
  return std::clamp(1e6 / static_cast<double>(usual.count()), 1., 240.);
}

// Its bytes, checked. What the network does is tried again a few times.
Result<std::vector<std::byte>> Fetch(ObjectStore& store,
                                     const WantedFrame& frame,
                                     const std::stop_token& stop) {
  constexpr int kTries = 6;
  constexpr std::chrono::milliseconds kFirstWait{400}, kLastWait{5000};
  for (int attempt = 1;; ++attempt) {
    auto bytes = store.Get(frame.key, frame.record.bytes, stop);
    if (bytes && Sha256(*bytes) != frame.record.digest) {
      return Fail(ErrorCode::kDataLoss,
                  frame.key + ": not the bytes that were archived");
    }
    if (bytes || !MayTryAgain(bytes.error()) || attempt == kTries ||
        stop.stop_requested()) {
      return bytes;
    }
    SleepFor(BackoffBefore(attempt, kFirstWait, kLastWait, .99), stop);
  }
}

// Where frames go.
class FrameTarget {
 public:
  virtual ~FrameTarget() = default;
  // What is to be done with the bytes on any thread,
  virtual Result<YuvImage> Prepare(std::span<const std::byte> bytes) const = 0;
  // and in the frames' order.
  virtual Result<> Write(const WantedFrame& frame,
                         std::span<const std::byte> bytes,
                         const YuvImage& pixels) = 0;
  virtual Result<> Finish() = 0;
};

class FolderTarget final : public FrameTarget {
 public:
  explicit FolderTarget(fs::path folder) : folder_(std::move(folder)) {}

  Result<YuvImage> Prepare(std::span<const std::byte>) const override {
    return YuvImage();
  }
  Result<> Write(const WantedFrame& frame, std::span<const std::byte> bytes,
                 const YuvImage&) override {
    // Equal frames are one object, so one file.
    if (!written_.insert(frame.key).second) return {};
    const std::string name = frame.key.substr(frame.key.rfind('/') + 1);
    return WriteFileAtomically(folder_ / name, bytes);
  }
  Result<> Finish() override { return {}; }

 private:
  const fs::path folder_;
  std::set<std::string> written_;
};

class VideoTarget final : public FrameTarget {
 public:
  explicit VideoTarget(std::unique_ptr<VideoSink> sink)
      : sink_(std::move(sink)) {}

  Result<YuvImage> Prepare(std::span<const std::byte> bytes) const override {
    const auto image = DecodeImage(bytes);
    if (!image) return image.Failure();
    YuvColor color;
    if (image->height() < 720) color.matrix = YuvColor::Matrix::kBt601;
    return ToYuv(*image, color);
  }
  Result<> Write(const WantedFrame& frame, std::span<const std::byte>,
                 const YuvImage& pixels) override {
    SourceFrame shot;
    shot.frame.pixels = pixels;
    shot.frame.sequence = frame.record.seq;
    shot.frame.time = frame.time;
    shot.frame.wall_time = frame.record.time;
    return sink_->Write(shot);
  }
  Result<> Finish() override { return sink_->Finish(); }

 private:
  const std::unique_ptr<VideoSink> sink_;
};

bool IsVideo(const std::string& out) {
  const std::string ending = LowerCase(fs::path(out).extension().string());
  return ending == ".mp4" || ending == ".mov" || ending == ".mkv" ||
         ending == ".webm";
}

Result<std::unique_ptr<FrameTarget>> OpenTarget(const std::string& out,
                                                const FrameRecord& first,
                                                double frame_rate,
                                                const std::stop_token& stop) {
  if (!IsVideo(out)) {
    std::error_code error;
    fs::create_directories(out, error);
    if (error) return FailWithErrno("making " + out, error.value());
    return std::make_unique<FolderTarget>(out);
  }
  VideoSinkOptions options;
  options.low_latency = false;
  auto sink = VideoSink::Open(out, {first.width, first.height, frame_rate},
                              options, stop);
  if (!sink) return sink.Failure();
  return std::make_unique<VideoTarget>(std::move(*sink));
}

struct Fetched {
  Result<std::vector<std::byte>> bytes;
  YuvImage pixels;
};

struct GetOutcome {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t missing = 0;  // Pruned, or worse.
  std::uint64_t damaged = 0;
};

// The first error is one that ends it: of the target, or of the network.
Result<GetOutcome> GetFrames(ObjectStore& store,
                             const std::vector<WantedFrame>& frames,
                             FrameTarget& target, int parallel,
                             const std::stop_token& stop) {
  GetOutcome outcome;
  std::optional<Error> error;
  std::stop_source ending;
  const std::stop_callback forward(stop, [&] { ending.request_stop(); });
  Progress progress("frames", frames.size(), "frames");
  const int threads = JobCount(parallel, frames.size());
  const auto emit = [&](std::size_t i, Fetched fetched) -> Result<> {
    if (!fetched.bytes) {
      const Error& problem = fetched.bytes.error();
      if (stop.stop_requested()) return {};
      if (problem.code == ErrorCode::kNotFound) {
        ++outcome.missing;
      } else if (problem.code == ErrorCode::kDataLoss ||
                 problem.code == ErrorCode::kInvalidArgument) {
        ++outcome.damaged;
      } else {
        return fetched.bytes.Failure();
      }
      progress.Say("ocelli: seq " + std::to_string(frames[i].record.seq) +
                   ": " + problem.message);
      return {};
    }
    ++outcome.frames;
    outcome.bytes += fetched.bytes->size();
    progress.Advance();
    return target.Write(frames[i], *fetched.bytes, fetched.pixels);
  };
  OrderedParallel(
      frames.size(), threads, 2 * static_cast<std::size_t>(threads),
      ending.get_token(),
      [&](std::size_t i) {
        Fetched fetched{Fetch(store, frames[i], ending.get_token()), {}};
        if (!fetched.bytes) return fetched;
        auto pixels = target.Prepare(*fetched.bytes);
        if (pixels) {
          fetched.pixels = *std::move(pixels);
        } else {
          fetched.bytes = pixels.Failure(frames[i].key);
        }
        return fetched;
      },
      [&](std::size_t i, Fetched fetched) {
        if (error) return;
        if (const auto done = emit(i, std::move(fetched)); !done) {
          error = done.error();
          ending.request_stop();
        }
      });
  if (error) return tl::unexpected<Error>(*error);
  return outcome;
}

Result<ArchiveRange> RangeFrom(const GetFlags& flags) {
  const auto now = std::chrono::system_clock::now();
  ArchiveRange range;
  for (const auto& [text, place] :
       {std::pair(&flags.from, &range.from), std::pair(&flags.to, &range.to)}) {
    if (text->empty()) continue;
    auto parsed = ParseArchivePlace(*text, now);
    if (!parsed) return parsed.Failure();
    *place = *parsed;
  }
  return range;
}

void Get(const GetFlags& flags, CommandContext& context) {
  const auto range = RangeFrom(flags);
  if (!range) return context.Fail(range.error());
  const auto archive = OpenArchive(flags.archive, flags.store, context);
  if (!archive) return context.Fail(archive.error());
  ObjectStore& store = *archive->store;
  std::fprintf(
      stderr, "%s from %s to %s (UTC)\n", store.root().c_str(),
      range->from ? ArchivePlaceText(*range->from).c_str() : "its beginning",
      range->to ? ArchivePlaceText(*range->to).c_str() : "its end");
  auto wanted = FindFrames(store, *range, context.stop);
  if (!wanted) {
    if (!context.stop.stop_requested()) context.Fail(wanted.error());
    return;
  }
  if (wanted->frames.empty()) {
    return context.Fail(
        {ErrorCode::kNotFound, "no frames in that part of " + store.root()});
  }
  const double frame_rate = SetTimes(wanted->frames);
  const auto target = OpenTarget(flags.out, wanted->frames.front().record,
                                 frame_rate, context.stop);
  if (!target) return context.Fail(target.error());
  const auto outcome =
      GetFrames(store, wanted->frames, **target, flags.parallel, context.stop);
  // What was written plays, also after an error.
  const auto finished = (*target)->Finish();
  if (!outcome) return context.Fail(outcome.error());
  if (!finished) return context.Fail(finished.error());
  if (outcome->missing + outcome->damaged > 0) {
    context.exit_code = kExitSomeFailed;
  }
  std::string text = flags.out + ": " + std::to_string(outcome->frames) +
                     " frames, " + Megabytes(outcome->bytes);
  const auto also = [&](std::uint64_t count, const char* what) {
    if (count > 0) text += ", " + std::to_string(count) + " " + what;
  };
  also(wanted->dropped, "were dropped when they were taken");
  also(outcome->missing, "are not there any more");
  also(outcome->damaged, "damaged");
  Report(context,
         {{"out", flags.out},
          {"frames", outcome->frames},
          {"bytes", outcome->bytes},
          {"dropped", wanted->dropped},
          {"missing", outcome->missing},
          {"damaged", outcome->damaged}},
         text);
}

}  // namespace

void AddArchiveGetCommand(CLI::App& archive, CommandContext& context) {
  auto flags = std::make_shared<GetFlags>();
  CLI::App* command = archive.add_subcommand(
      "get", "Frames of an archive as a video or as files");
  command->footer(R"(Examples:
  ocelli archive get s3://bucket/cam1 --from 10:00 --to 10:05 -o out.mp4
  ocelli archive get cam1 --from seq:100 --to seq:199 -o frames/

Times are UTC: 10:00 of today, 2026-11-25, or 2026-11-25T10:00:30. The end is
not part of it unless it is a seq.)");
  command
      ->add_option("ARCHIVE", flags->archive,
                   "URL or folder of an archive, or a task")
      ->required();
  command->add_option("--from", flags->from, "The first frame: time or seq:N");
  command->add_option("--to", flags->to, "The end: time or seq:N");
  command
      ->add_option("-o,--out", flags->out,
                   "A video (.mp4, .mov, .mkv, .webm) or a folder")
      ->required();
  command
      ->add_option("--parallel", flags->parallel, "Objects fetched at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  AddStoreFlags(*command, flags->store);
  command->callback([flags, &context] { Get(*flags, context); });
}

}  // namespace ocelli
