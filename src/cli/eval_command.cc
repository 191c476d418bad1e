#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/engine.h"
#include "cli/progress.h"
#include "core/file.h"
#include "core/ordered_parallel.h"
#include "faces/eval.h"
#include "faces/face_analyzer.h"
#include "faces/face_describer.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

struct EvalFlags {
  std::string labels;  // pairs.tsv or boxes.txt.
  std::string images;
  FaceFlags faces;
};

struct Seen {
  int width = 0;
  int height = 0;
  std::vector<Face> faces;
};

Result<Seen> Look(const FaceAnalyzer& analyzer,
                  const std::filesystem::path& path) {
  const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  const auto image = DecodeImage(*bytes);
  if (!image) return image.Failure(path.string());
  auto faces = analyzer.Analyze(*image);
  if (!faces) return faces.Failure(path.string());
  return Seen{image->width(), image->height(), std::move(*faces)};
}

// Calls `emit(i, seen)` in order for every picture that could be looked at;
// the others are named and make the command fail. False when interrupted.
template <typename Emit>
bool LookAtAll(const FaceAnalyzer& analyzer,
               const std::vector<std::string>& names, const EvalFlags& flags,
               CommandContext& context, Emit emit) {
  const int jobs = JobCount(flags.faces.jobs, names.size());
  Progress progress("looking", names.size(), "images");
  const std::size_t done = OrderedParallel(
      names.size(), jobs, static_cast<std::size_t>(jobs) * 8, context.stop,
      [&](std::size_t i) {
        return Look(analyzer, std::filesystem::path(flags.images) / names[i]);
      },
      [&](std::size_t i, Result<Seen> seen) {
        progress.Advance();
        if (seen) return emit(i, std::move(*seen));
        progress.Say("ocelli: " + seen.error().message);
        context.exit_code = kExitSomeFailed;
      });
  if (done == names.size()) return true;
  context.exit_code = kExitInterrupted;
  return false;
}

Result<std::string> ReadText(const std::string& path) {
  constexpr std::uint64_t kMost = 1u << 30;
  const auto bytes = ReadFileLimited(path, kMost);
  if (!bytes) return bytes.Failure();
  return std::string(reinterpret_cast<const char*>(bytes->data()),
                     bytes->size());
}

void EvalFaces(const EvalFlags& flags, CommandContext& context) {
  const auto text = ReadText(flags.labels);
  if (!text) return context.Fail(text.error());
  const auto pairs = ParseFacePairs(*text);
  if (!pairs) {
    return context.Fail(
        {pairs.error().code, flags.labels + ": " + pairs.error().message});
  }
  const ModelStore models(context.paths.models());
  const auto analyzer = FaceAnalyzer::Open(models, flags.faces.faces);
  if (!analyzer) return context.Fail(analyzer.error());

  std::map<std::string, std::vector<float>> descriptors;  // Empty: no face.
  for (const FacePair& pair : *pairs) {
    descriptors[pair.a];
    descriptors[pair.b];
  }
  std::vector<std::string> names;
  for (const auto& [name, descriptor] : descriptors) names.push_back(name);
  descriptors.clear();
  std::size_t without_face = 0;
  const bool complete = LookAtAll(
      **analyzer, names, flags, context, [&](std::size_t i, Seen seen) {
        const Face* face = MainFace(seen.faces, seen.width, seen.height);
        descriptors[names[i]] = face ? face->descriptor : std::vector<float>();
        without_face += face == nullptr;
      });
  if (!complete) return;

  std::vector<ScoredPair> scored;
  for (const FacePair& pair : *pairs) {
    const auto a = descriptors.find(pair.a), b = descriptors.find(pair.b);
    if (a == descriptors.end() || b == descriptors.end()) continue;
    const bool both = !a->second.empty() && !b->second.empty();
    scored.push_back(
        {both ? CosineSimilarity(a->second, b->second) : -1, pair.same});
  }
  const VerificationScore score = ScoreVerification(scored);
  if (context.json) {
    const nlohmann::ordered_json line = {
        {"pairs", scored.size()},
        {"accuracy", score.accuracy},
        {"threshold", score.threshold},
        {"tar_at_far_0.01", score.tar_at_far_1},
        {"tar_at_far_0.001", score.tar_at_far_01},
        {"without_face", without_face}};
    std::printf("%s\n", line.dump().c_str());
    return;
  }
  std::printf(
      "pairs                %zu\n"
      "accuracy, ten folds  %.4f\n"
      "best threshold       %.3f\n"
      "TAR at FAR 1 %%       %.4f\n"
      "TAR at FAR 0.1 %%     %.4f\n"
      "photos without face  %zu\n",
      scored.size(), score.accuracy, static_cast<double>(score.threshold),
      score.tar_at_far_1, score.tar_at_far_01, without_face);
}

void EvalDetection(EvalFlags flags, CommandContext& context) {
  const auto text = ReadText(flags.labels);
  if (!text) return context.Fail(text.error());
  const auto labels = ParseWider(*text);
  if (!labels) {
    return context.Fail(
        {labels.error().code, flags.labels + ": " + labels.error().message});
  }
  const ModelStore models(context.paths.models());
  const auto threshold = FaceScoreThreshold(models, flags.faces.faces);
  if (!threshold) return context.Fail(threshold.error());
  constexpr float kDoubtful = .05f;
  flags.faces.faces.min_score = kDoubtful;
  flags.faces.faces.describer.clear();
  const auto analyzer = FaceAnalyzer::Open(models, flags.faces.faces);
  if (!analyzer) return context.Fail(analyzer.error());

  std::vector<std::string> names;
  for (const LabelledImage& image : *labels) names.push_back(image.name);
  std::vector<DetectedImage> images;
  const bool complete = LookAtAll(
      **analyzer, names, flags, context, [&](std::size_t i, Seen seen) {
        images.push_back({&(*labels)[i], std::move(seen.faces)});
      });
  if (!complete) return;

  constexpr double kFewFalse = .1;
  const DetectionRecall usual = ScoreDetection(images, *threshold);
  const DetectionRecall swept = ScoreDetectionAt(images, kFewFalse);
  if (context.json) {
    const nlohmann::ordered_json line = {
        {"images", images.size()},
        {"recall_50", usual.recall_50},
        {"recall_20_50", usual.recall_20_50},
        {"false_positives_per_image", usual.false_positives_per_image},
        {"recall_50_at_fp_0.1", swept.recall_50},
        {"recall_20_50_at_fp_0.1", swept.recall_20_50}};
    std::printf("%s\n", line.dump().c_str());
    return;
  }
  std::printf(
      "images                      %zu\n"
      "                            score %.2f   0.1 false positives an image\n"
      "recall, faces from 50 px    %.4f       %.4f\n"
      "recall, faces 20 to 49 px   %.4f       %.4f\n"
      "false positives an image    %.4f       %.4f\n",
      images.size(), static_cast<double>(*threshold), usual.recall_50,
      swept.recall_50, usual.recall_20_50, swept.recall_20_50,
      usual.false_positives_per_image, swept.false_positives_per_image);
}

std::shared_ptr<EvalFlags> AddLabelledImages(CLI::App& command,
                                             const std::string& option,
                                             const std::string& help) {
  auto flags = std::make_shared<EvalFlags>();
  command.add_option(option, flags->labels, help)->required();
  command.add_option("--images", flags->images, "Folder the photos lie in")
      ->required();
  AddFaceFlags(command, flags->faces);
  return flags;
}

}  // namespace

void AddEvalCommand(CLI::App& app, CommandContext& context) {
  CLI::App* eval =
      app.add_subcommand("eval", "Measure how good recognition is");
  eval->require_subcommand(1);
  eval->footer(R"(Examples:
  ocelli eval faces --pairs pairs.tsv --images lfw/
  ocelli eval detection --boxes boxes.txt --images wider/ --detector yunet)");

  CLI::App* faces = eval->add_subcommand(
      "faces", "Tell pairs of photos of one person from others");
  const auto face_flags = AddLabelledImages(
      *faces, "--pairs",
      "Lines of same (0 or 1), photo and photo, with tabs, after headings");
  faces->footer(R"(The large face near the middle of each photo counts.
Examples:
  ocelli eval faces --pairs pairs.tsv --images lfw/ --json)");
  faces->callback([face_flags, &context] { EvalFaces(*face_flags, context); });

  CLI::App* detection =
      eval->add_subcommand("detection", "Find labelled faces, by their height");
  const auto detection_flags = AddLabelledImages(
      *detection, "--boxes", "Labels in the format of WIDER FACE");
  detection->footer(
      R"(A face counts as found where a box overlaps its own by half (IoU).
Examples:
  ocelli eval detection --boxes boxes.txt --images wider/ --json
  ocelli eval detection --boxes boxes.txt --images wider/ --min-face 10)");
  detection->callback([detection_flags, &context] {
    EvalDetection(*detection_flags, context);
  });
}

}  // namespace ocelli
