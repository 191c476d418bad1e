#include "cli/archive_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "cli/duration.h"

namespace ocelli {
namespace {

// 0: not given. A file of cameras may say just true.
Result<double> PercentFrom(const std::string& text) {
  if (text.empty() || text == "false") return 0;
  if (text == "true") return 100 * kDefaultChange;
  double percent = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, percent);
  if (error != std::errc() || rest != end || !(percent >= .01) ||
      percent > 100) {
    return Fail(ErrorCode::kInvalidArgument,
                "--changed=" + text + ": want 0.01 to 100 percent");
  }
  return percent;
}

void AddChoiceFlags(CLI::App& command, ArchiveFlags& flags) {
  const std::string group = "Which frames";
  auto* fps =
      command
          .add_option("--fps", flags.fps, "So many a second; without it, all")
          ->check(CLI::Range(0.0001, 240.0))
          ->group(group);
  command.add_option("--every", flags.every, "One in this time, such as 2s")
      ->excludes(fps)
      ->group(group);
  command
      .add_flag("--changed{1}", flags.changed,
                "Those that differ from the last one in so many percent of "
                "the picture; 1 unless given as --changed=PERCENT")
      ->group(group);
  command.add_flag("--faces", flags.faces, "Those with a face")->group(group);
  command.add_option("--limit", flags.limit, "Stop after so many frames")
      ->group(group);
  command
      .add_option("--duration", flags.duration,
                  "Stop after so many seconds of video")
      ->check(CLI::Range(0.0, 1e9))
      ->group(group);
  command
      .add_option("--quality", flags.quality,
                  "Of the JPEGs, 1 to 100; without it 90, and JPEG files of a "
                  "folder as they are")
      ->check(CLI::Range(1, 100))
      ->group(group);
  command
      .add_option("--max-side", flags.max_side,
                  "Shrink larger pictures to so many pixels")
      ->check(CLI::Range(16, 65500))
      ->group(group);
}

}  // namespace

void AddArchiveFlags(CLI::App& command, ArchiveFlags& flags) {
  AddChoiceFlags(command, flags);
  command
      .add_option("--parallel", flags.parallel,
                  "Uploads at a time; without it, as many as help")
      ->check(CLI::Range(1, 1024));
  command
      .add_option("--retries", flags.retries,
                  "Tries again for each frame before giving up; a live source "
                  "never does")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  command.add_option("--spool", flags.spool,
                     "Folder where frames wait until they are stored");
  command.add_option("--spool-max", flags.spool_max, "How much may wait there")
      ->capture_default_str();
  command
      .add_option("--spool-full", flags.spool_full,
                  "What a live source does then: stop or drop-oldest")
      ->check(CLI::IsMember({"stop", "drop-oldest"}))
      ->capture_default_str();
  command.add_option("--presign", flags.presign,
                     "URLs that let anybody read for so long, such as 7d");
  command.add_option("--group", flags.group,
                     "JSON in groups of so many frames");
  command.add_option("--task", flags.task,
                     "Name of the task; without it, made from --to");
  AddStoreFlags(command, flags.store);
  AddSourceFlags(command, flags.source);
}

std::vector<std::string> GivenArguments(
    const CLI::App& command, const std::vector<std::string>& left_out) {
  std::vector<std::string> arguments;
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0 || option->get_positional()) continue;
    const std::string name = option->get_name();
    if (std::find(left_out.begin(), left_out.end(), name) != left_out.end()) {
      continue;
    }
    std::string value = option->results().back();
    // The task may be taken up again from another folder.
    if (name == "--spool" || name == "--ca-file") {
      value = std::filesystem::absolute(value).string();
    }
    arguments.push_back(name + "=" + value);
  }
  return arguments;
}

Result<ArchiveFlags> ParseArchiveFlags(
    const std::vector<std::string>& arguments) {
  ArchiveFlags flags;
  CLI::App command;
  command.set_help_flag();
  AddArchiveFlags(command, flags);
  try {
    // CLI11 takes arguments from the back.
    command.parse(
        std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return Fail(ErrorCode::kInvalidArgument, error.what());
  }
  return flags;
}

Result<CaptureOptions> CaptureOptionsFrom(const ArchiveFlags& flags,
                                          const std::string& source) {
  CaptureOptions options;
  options.source = source;
  options.source_options = SourceOptionsFrom(flags.source);
  if (flags.fps > 0) {
    options.selection.every =
        std::chrono::microseconds(std::llround(1e6 / flags.fps));
  }
  if (!flags.every.empty()) {
    const auto every = ParseDuration(flags.every);
    if (!every) return every.Failure("--every");
    options.selection.every = *every;
  }
  const auto changed = PercentFrom(flags.changed);
  if (!changed) return changed.Failure();
  options.selection.changed = *changed / 100;
  options.faces = flags.faces;
  // Soon enough for somebody who passes by.
  options.tracker.detect_every = std::chrono::milliseconds(300);
  options.tracker.analyze_every = std::chrono::milliseconds(100);
  if (flags.quality > 0) options.quality = flags.quality;
  options.max_side = flags.max_side;
  options.max_frames = flags.limit;
  options.max_duration =
      std::chrono::microseconds(std::llround(flags.duration * 1e6));
  return options;
}

Result<ArchiverOptions> ArchiverOptionsFrom(const ArchiveFlags& flags) {
  ArchiverOptions options;
  const auto most = ParseSize(flags.spool_max);
  if (!most) return most.Failure("--spool-max");
  constexpr std::uint64_t kLeast = 1 << 20;
  if (*most < kLeast) {
    return Fail(ErrorCode::kInvalidArgument,
                "--spool-max " + flags.spool_max + ": at least 1MiB");
  }
  options.spool.max_bytes = *most;
  using Full = ArchiverOptions::SpoolFull;
  options.spool_full =
      flags.spool_full == "stop" ? Full::kStop : Full::kDropOldest;
  options.retries = flags.retries;
  return options;
}

Result<std::chrono::seconds> PresignFrom(const ArchiveFlags& flags) {
  if (flags.presign.empty()) return std::chrono::seconds(0);
  const auto valid = ParseDuration(flags.presign);
  if (!valid) return valid.Failure("--presign");
  return std::chrono::duration_cast<std::chrono::seconds>(*valid);
}

}  // namespace ocelli
