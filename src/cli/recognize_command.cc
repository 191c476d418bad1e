#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "cli/annotate.h"
#include "cli/command.h"
#include "cli/engine.h"
#include "cli/progress.h"
#include "cli/recognition_text.h"
#include "core/file.h"
#include "core/ordered_parallel.h"
#include "infer/session.h"
#include "media/image_files.h"

namespace ocelli {
namespace {

struct RecognizeFlags {
  std::vector<std::string> paths;
  FaceFlags faces;
  AnalysisJsonOptions json;
  std::filesystem::path
      annotate;  // Folder for annotated pictures; empty: none.
  bool timing = false;
};

struct Outcome {
  Analysis analysis;
  std::vector<std::optional<Identity>> people;
  bool cached = false;
};

struct Totals {
  std::size_t images = 0;
  std::size_t faces = 0;
  std::size_t known = 0;
  std::size_t cached = 0;
  std::size_t failed = 0;
};

struct Input {
  std::filesystem::path path;
  std::filesystem::path annotated;  // Where its picture goes; empty: nowhere.
};

// What is asked for at once: results come over a network in one go, but
// pictures are in memory together, and computed one after the other.
constexpr std::size_t kMaxTogether = 8;
constexpr std::uintmax_t kMaxBytesTogether = 8 << 20;

// Where each group of at most `most` begins; ends with how many inputs there
// are.
std::vector<std::size_t> GroupStarts(const std::vector<Input>& inputs,
                                     std::size_t most) {
  std::vector<std::size_t> starts = {0};
  std::uintmax_t bytes = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::error_code unknown;
    const auto size =
        most > 1 ? std::filesystem::file_size(inputs[i].path, unknown) : 0;
    if (!unknown) bytes += size;
    const std::size_t count = i - starts.back();
    if (count > 0 && (count >= most || bytes > kMaxBytesTogether)) {
      starts.push_back(i);
      bytes = unknown ? 0 : size;
    }
  }
  starts.push_back(inputs.size());
  return starts;
}

Result<Outcome> Finish(const Input& input, std::span<const std::byte> bytes,
                       Result<Recognition> recognition, const Gallery* gallery,
                       const IdentifyOptions& options) {
  const auto& path = input.path;
  if (!recognition) return recognition.Failure(path.string());
  Outcome outcome{std::move(recognition->analysis), {}, recognition->cached};
  if (gallery) {
    auto people = gallery->Identify(outcome.analysis.faces,
                                    outcome.analysis.digest, options);
    if (!people) return people.Failure(path.string());
    outcome.people = std::move(*people);
  }
  if (!input.annotated.empty()) {
    const auto written = WriteAnnotated(bytes, outcome.analysis, outcome.people,
                                        input.annotated);
    if (!written) return written.Failure(path.string());
  }
  return outcome;
}

std::vector<Result<Outcome>> RecognizeFiles(std::span<const Input> inputs,
                                            Recognizer& recognizer,
                                            const Gallery* gallery,
                                            const IdentifyOptions& options) {
  std::vector<Result<std::vector<std::byte>>> files;
  std::vector<std::span<const std::byte>> images;
  for (const Input& input : inputs) {
    files.push_back(ReadFileLimited(input.path, ImageLimits{}.max_bytes));
    if (files.back()) images.push_back(*files.back());
  }
  auto recognitions = recognizer.RecognizeMany(images);
  std::vector<Result<Outcome>> outcomes;
  std::size_t next = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!files[i]) {
      outcomes.push_back(files[i].Failure());
      continue;
    }
    outcomes.push_back(Finish(inputs[i], *files[i],
                              std::move(recognitions[next++]), gallery,
                              options));
  }
  return outcomes;
}

// What can't be found is printed and counted.
std::vector<Input> FindInputs(const RecognizeFlags& flags, Totals& totals) {
  std::vector<Input> inputs;
  AnnotatedNames names;
  for (const std::string& given : flags.paths) {
    for (auto& found : FindImages(std::span(&given, 1))) {
      if (!found) {
        ++totals.failed;
        PrintError(found.error().message);
        continue;
      }
      Input input{std::move(*found), {}};
      if (!flags.annotate.empty()) {
        input.annotated = flags.annotate / names.Choose(given, input.path);
      }
      inputs.push_back(std::move(input));
    }
  }
  return inputs;
}

void PrintTiming(double whole) {
  const SessionTimes models = TotalSessionTimes();
  std::fprintf(stderr,
               "timing: whole %.1f ms, opening or running models %.1f ms, "
               "running models %.1f ms\n",
               whole * 1e3, models.inside * 1e3, models.running * 1e3);
}

void Recognize(const RecognizeFlags& flags, CommandContext& context) {
  const auto start = std::chrono::steady_clock::now();
  const auto engine = Engine::Open(context, flags.faces);
  if (!engine) return context.Fail(engine.error());
  const auto gallery = (*engine)->gallery(GalleryUse::kNames);
  if (!gallery) return context.Fail(gallery.error());
  Totals totals;
  const std::vector<Input> files = FindInputs(flags, totals);
  const auto workers =
      static_cast<std::size_t>(JobCount(flags.faces.jobs, files.size()));
  const std::size_t together =
      (*engine)->far_results()
          ? std::min(kMaxTogether, files.size() / (workers * 4))
          : 1;
  const std::vector<std::size_t> starts = GroupStarts(files, together);
  {
    Progress progress("recognizing", files.size(), "images");
    const auto emit = [&](const Input& input, const Result<Outcome>& outcome) {
      ++totals.images;
      if (!outcome) {
        ++totals.failed;
        progress.Say("ocelli: " + outcome.error().message);
      } else {
        totals.faces += outcome->analysis.faces.size();
        totals.cached += outcome->cached;
        for (const auto& person : outcome->people) {
          totals.known += person.has_value();
        }
        const std::string path = input.path.string();
        progress.Print(context.json ? AnalysisJson(path, outcome->analysis,
                                                   outcome->people, flags.json)
                                    : RecognitionText(path, outcome->analysis,
                                                      outcome->people));
      }
      progress.Advance();
    };
    OrderedParallel(
        starts.size() - 1, static_cast<int>(workers), workers * 8, context.stop,
        [&](std::size_t group) {
          return RecognizeFiles(
              std::span(files).subspan(starts[group],
                                       starts[group + 1] - starts[group]),
              (*engine)->recognizer(), *gallery, flags.faces.identify);
        },
        [&](std::size_t group, const std::vector<Result<Outcome>>& outcomes) {
          for (std::size_t i = 0; i < outcomes.size(); ++i) {
            emit(files[starts[group] + i], outcomes[i]);
          }
        });
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  if (flags.timing) PrintTiming(seconds);
  if (files.size() > 1) {
    std::fprintf(stderr,
                 "%zu images, %zu faces, %zu of them known; %zu from the "
                 "cache, %zu failed; %.1f s\n",
                 totals.images, totals.faces, totals.known, totals.cached,
                 totals.failed, seconds);
  }
  if (totals.images < files.size()) {
    PrintError("stopped after " + std::to_string(totals.images) + " of " +
               std::to_string(files.size()) +
               " images; what is done is cached, so the same command goes on "
               "from there");
    context.exit_code = kExitInterrupted;
  } else if (totals.failed > 0) {
    context.exit_code = kExitSomeFailed;
  }
}

}  // namespace

void AddRecognizeCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<RecognizeFlags>();
  CLI::App* command =
      app.add_subcommand("recognize", "Find faces in photos and name them");
  command->footer(R"(Examples:
  ocelli recognize photo.jpg                 who is in it
  ocelli recognize album/ --json             a folder, one JSON line a photo
  ocelli recognize album/ --annotate out/    pictures with boxes and names
  ocelli recognize crowd.jpg --min-face 20   small faces too)");
  command
      ->add_option(
          "path", flags->paths,
          "Photos (JPEG, PNG, WebP, HEIC, AVIF, SVG) and folders of them")
      ->required();
  command->add_option("--annotate", flags->annotate,
                      "Write pictures with boxes and names into this folder");
  command->add_flag("--mesh", flags->json.mesh,
                    "With --json: the 478 points of each face");
  command->add_flag("--descriptors", flags->json.descriptors,
                    "With --json: the vector of each face (biometric data)");
  command->add_flag("--timing", flags->timing,
                    "Say on standard error where the time went");
  AddFaceFlags(*command, flags->faces);
  AddGalleryFlags(*command, flags->faces.gallery);
  command->callback([flags, &context] { Recognize(*flags, context); });
}

}  // namespace ocelli
