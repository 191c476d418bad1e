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
#include "cli/open_collection.h"
#include "cli/progress.h"
#include "core/file.h"
#include "core/ordered_parallel.h"
#include "faces/eval.h"
#include "faces/face_analyzer.h"
#include "faces/face_describer.h"
#include "index/collection.h"
#include "index/retrieval.h"
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

// Label by id, from lines of id and label with a tab between.
Result<std::map<std::string, std::string, std::less<>>> ParseLabels(
    std::string_view text) {
  std::map<std::string, std::string, std::less<>> labels;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty()) continue;
    const std::size_t tab = row.find('\t');
    if (tab == row.npos || tab == 0 || tab + 1 == row.size() ||
        row.find('\t', tab + 1) != row.npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  "line " + std::to_string(line) +
                      " is no id and label with a tab between");
    }
    if (!labels.emplace(row.substr(0, tab), row.substr(tab + 1)).second) {
      return Fail(ErrorCode::kInvalidArgument,
                  "line " + std::to_string(line) + " labels " +
                      std::string(row.substr(0, tab)) + " again");
    }
  }
  return labels;
}

struct RetrievalFlags {
  std::string collection;
  std::string labels;
};

Result<> EvalRetrieval(const RetrievalFlags& flags,
                       const CommandContext& context) {
  const auto text = ReadText(flags.labels);
  if (!text) return text.Failure();
  auto labels = ParseLabels(*text);
  if (!labels) return labels.Failure(flags.labels);
  const auto collection = OpenCollection(context, flags.collection);
  if (!collection) return collection.Failure();
  std::map<std::string, int> numbers;
  std::vector<int> numbered;
  std::vector<float> vectors;
  const auto read =
      (*collection)
          ->ForEach([&](const Item& item,
                        std::span<const float> vector) -> Result<> {
            const auto label = labels->find(item.id);
            if (label == labels->end()) return {};
            numbered.push_back(
                numbers.emplace(label->second, static_cast<int>(numbers.size()))
                    .first->second);
            vectors.insert(vectors.end(), vector.begin(), vector.end());
            labels->erase(label);
            return {};
          });
  if (!read) return read.Failure();
  if (!labels->empty()) {
    PrintError(std::to_string(labels->size()) + " of the labels, " +
               labels->begin()->first + " for one, are of pictures that " +
               flags.collection + " does not have");
  }
  if (numbered.size() < 2) {
    return Fail(ErrorCode::kInvalidArgument,
                "fewer than two pictures of " + flags.collection +
                    " have a label; ids are file names without their ending");
  }
  const RetrievalScore score = ScoreRetrieval(
      vectors, static_cast<std::size_t>((*collection)->spec().dimension),
      numbered);
  if (context.json) {
    const nlohmann::ordered_json line = {{"images", numbered.size()},
                                         {"p_at_1", score.p_at_1},
                                         {"p_at_10", score.p_at_10},
                                         {"map", score.map}};
    std::printf("%s\n", line.dump().c_str());
    return {};
  }
  std::printf("images  %zu\nP@1     %.4f\nP@10    %.4f\nmAP     %.4f\n",
              numbered.size(), score.p_at_1, score.p_at_10, score.map);
  return {};
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
  ocelli eval detection --boxes boxes.txt --images wider/ --detector yunet
  ocelli eval retrieval photos --labels labels.tsv)");

  CLI::App* retrieval = eval->add_subcommand(
      "retrieval", "Find pictures of the same label in a collection");
  auto retrieval_flags = std::make_shared<RetrievalFlags>();
  retrieval->add_option("name", retrieval_flags->collection, "The collection")
      ->required();
  retrieval
      ->add_option("--labels", retrieval_flags->labels,
                   "Lines of id and label with a tab between")
      ->required();
  retrieval->footer(
      R"(Each picture in turn asks for all others that have a label.
Examples:
  ocelli eval retrieval photos --labels labels.tsv --json)");
  retrieval->callback([retrieval_flags, &context] {
    const auto done = EvalRetrieval(*retrieval_flags, context);
    if (!done) context.Fail(done.error());
  });

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
