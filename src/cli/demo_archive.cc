#include "cli/demo_archive.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <utility>

#include "archive/archive_reader.h"
#include "archive/archiver.h"
#include "cli/html.h"
#include "cli/progress.h"
#include "core/utc_time.h"
#include "live/capture.h"
#include "metrics/metrics.h"
#include "store/object_store.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFilm = "franck.mp4";
constexpr std::uint64_t kFrames = 50;
constexpr std::size_t kTampered = 17;
constexpr std::size_t kEvery = 7;  // Frames from picture to picture.

// A whole archive with one bit of one frame turned.
Result<> Tamper(const fs::path& archive, const fs::path& copy,
                const std::string& key) {
  std::error_code error;
  fs::copy(archive, copy, fs::copy_options::recursive, error);
  std::fstream file(copy / key,
                    std::ios::in | std::ios::out | std::ios::binary);
  constexpr std::streamoff kOffset = 1000;
  file.seekg(kOffset);
  const int byte = file.get();
  file.seekp(kOffset);
  file.put(static_cast<char>(byte ^ 1));
  file.close();
  if (error || !file) {
    return Fail(ErrorCode::kInternal, "copying " + archive.string());
  }
  return {};
}

Result<VerifyReport> Verify(const fs::path& folder, std::stop_token stop) {
  const auto store = ObjectStore::Open("dir:" + folder.string());
  if (!store) return store.Failure();
  return VerifyArchive(**store, {}, std::move(stop));
}

std::string Short(const Digest& digest) { return digest.ToHex().substr(0, 12); }

}  // namespace

Result<DemoArchive> MakeDemoArchive(const fs::path& folder, const fs::path& out,
                                    const CommandContext& context) {
  const fs::path place = out / "archive";
  std::error_code error;
  fs::remove_all(place, error);

  DemoArchive demo;
  Progress progress("archive", kFrames, "frames");
  const auto store = ObjectStore::Open("dir:" + place.string());
  if (!store) return store.Failure();
  if (const auto usable = (*store)->Check(context.stop); !usable) {
    return usable.Failure();
  }
  auto spool = OpenSpoolFolder(out / "state/spool");
  if (!spool) return spool.Failure();
  UploadBudget budget(0, SystemClock());
  MetricsRegistry metrics;
  ArchiverOptions options;
  options.name = "demo";
  options.on_lines = [&](std::span<const ManifestLine> lines) {
    for (const ManifestLine& line : lines) {
      if (line.end) continue;
      progress.Advance();
      demo.bytes += line.frame.bytes;
      demo.frames.push_back(line);
    }
  };
  const auto start = std::chrono::steady_clock::now();
  const auto archiver = Archiver::Open(std::move(options), std::move(*spool),
                                       **store, budget, metrics, context.stop);
  if (!archiver) return archiver.Failure();
  CaptureOptions wanted;
  wanted.source = folder / kFilm;
  wanted.max_frames = kFrames;
  const auto capture = Capture::Open(std::move(wanted), nullptr, context.stop);
  if (!capture) return capture.Failure();
  (*archiver)->BeginRun(false);
  if (const auto done = (*capture)->Run(**archiver, context.stop); !done) {
    return done.Failure();
  }
  if (const auto done = (*archiver)->Finish(context.stop); !done) {
    return done.Failure();
  }
  demo.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();

  const auto verified = Verify(place, context.stop);
  if (!verified) return verified.Failure();
  if (!verified->findings.empty() || demo.frames.size() != kFrames) {
    return Fail(ErrorCode::kInternal,
                "the archive of the demo does not verify: " +
                    (verified->findings.empty()
                         ? std::to_string(demo.frames.size()) + " frames"
                         : verified->findings.front().message));
  }
  demo.head = verified->head.ToHex();

  const fs::path copy = out / "state/tampered";
  const std::string& key = demo.frames[kTampered].key;
  if (const auto done = Tamper(place, copy, key); !done) return done.Failure();
  const auto tampered = Verify(copy, context.stop);
  if (!tampered) return tampered.Failure();
  if (tampered->findings.size() != 1) {
    return Fail(ErrorCode::kInternal, "a changed frame was not noticed");
  }
  demo.tamper = "one bit of " + key + " turned";
  demo.finding = tampered->findings.front().where + ": " +
                 tampered->findings.front().message;
  fs::remove_all(copy, error);
  return demo;
}

std::string ArchiveLine(const DemoArchive& archive) {
  char text[200];
  std::snprintf(text, sizeof(text),
                "archive: %zu frames in order, %.1f MB, %.2f s, verified; with "
                "one bit turned, verify found it",
                archive.frames.size(), static_cast<double>(archive.bytes) / 1e6,
                archive.seconds);
  return text;
}

std::string ArchiveHtml(const DemoArchive& archive) {
  std::string html =
      "<p>The first " + std::to_string(archive.frames.size()) +
      " frames of that film, each stored once under its time, number and "
      "digest. Every line of the manifest carries a chain over all lines "
      "before it, so that nothing can be changed, removed, added or moved "
      "unnoticed.</p>\n<p><code>ocelli archive franck.mp4 --to dir:archive "
      "--limit 50</code></p>\n<div class=\"grid\">\n";
  for (std::size_t i = 0; i < archive.frames.size(); i += kEvery) {
    const ManifestLine& line = archive.frames[i];
    const std::string file = HtmlEscaped("archive/" + line.key);
    html += "<figure><a href=\"" + file + "\"><img src=\"" + file +
            "\" alt=\"frame " + std::to_string(line.frame.seq) +
            "\" loading=\"lazy\"></a><figcaption><b>" +
            std::to_string(line.frame.seq) + "</b> " +
            UtcText(line.frame.time) + "</figcaption></figure>\n";
  }
  html +=
      "</div>\n<details open><summary>The manifest</summary>\n<div "
      "style=\"overflow-x:auto\"><table>\n<tr><th>seq</th><th>media "
      "time</th><th>object</th><th>bytes</th><th>SHA-256</th><th>chain</th>"
      "</tr>\n";
  for (const ManifestLine& line : archive.frames) {
    char time[32];
    std::snprintf(time, sizeof(time), "%.3f s",
                  static_cast<double>(line.frame.pts.count()) / 1e6);
    html += "<tr><td>" + std::to_string(line.frame.seq) + "</td><td>" + time +
            "</td><td><a href=\"" + HtmlEscaped("archive/" + line.key) +
            "\"><code>" + HtmlEscaped(line.key) + "</code></a></td><td>" +
            std::to_string(line.frame.bytes) + "</td><td><code>" +
            Short(line.frame.digest) + "</code></td><td><code>" +
            Short(line.chain) + "</code></td></tr>\n";
  }
  return html +
         "</table></div></details>\n<p><code>ocelli archive verify "
         "dir:archive</code>: all of it is as it was archived. With " +
         HtmlEscaped(archive.tamper) + ": <b>" + HtmlEscaped(archive.finding) +
         "</b>.</p>\n";
}

}  // namespace ocelli
