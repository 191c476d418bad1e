#include "cli/job_results.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>

#include "cli/gallery_flags.h"
#include "cli/json_output.h"
#include "cli/live_setup.h"
#include "cli/recognition_text.h"
#include "faces/face_analyzer.h"

namespace ocelli {

void AddJobResultFlags(CLI::App& command, JobResultFlags& flags) {
  flags.describer = FaceAnalyzerOptions{}.describer;
  const std::string group = "Results";
  command
      .add_flag("--mesh", flags.json.mesh,
                "With --json: the 478 points of each face")
      ->group(group);
  command
      .add_flag("--descriptors", flags.json.descriptors,
                "With --json: the vector of each face (biometric data)")
      ->group(group);
  command
      .add_option("--threshold", flags.identify.threshold,
                  "Least cosine between two pictures of one person")
      ->check(CLI::Range(-1.0, 1.0))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--describer", flags.describer,
                  "The workers' model that tells people apart")
      ->capture_default_str()
      ->group(group);
  AddGalleryFlags(command, flags.gallery);
}

std::string ShownJobName(const std::string& name) {
  const bool web = name.starts_with("https://") || name.starts_with("http://");
  return Printable(web ? name.substr(0, name.find('?')) : name);
}

JobResults::JobResults(const CommandContext& context,
                       const JobResultFlags& flags,
                       std::unique_ptr<Gallery> gallery)
    : context_(context), flags_(flags), gallery_(std::move(gallery)) {}

Result<std::unique_ptr<JobResults>> JobResults::Open(
    const CommandContext& context, const JobResultFlags& flags) {
  const ModelStore models(context.paths.models());
  auto gallery =
      OpenGalleryIfAny(context, flags.gallery, models, flags.describer);
  if (!gallery) return gallery.Failure();
  return std::unique_ptr<JobResults>(
      new JobResults(context, flags, std::move(*gallery)));
}

Result<std::string> JobResults::Line(const JobResult& result) {
  if (result.error) return tl::unexpected(*result.error);
  const auto analysis = ParseAnalysis(result.value);
  if (!analysis) return analysis.Failure("its result");
  std::vector<std::optional<Identity>> people;
  if (gallery_) {
    auto identified =
        gallery_->Identify(analysis->faces, analysis->digest, flags_.identify);
    if (!identified) return identified.Failure();
    people = std::move(*identified);
  }
  totals_.faces += analysis->faces.size();
  for (const auto& person : people) totals_.known += person.has_value();
  return context_.json
             ? AnalysisJson(result.name, *analysis, people, flags_.json)
             : RecognitionText(Printable(result.name), *analysis, people);
}

void JobResults::Print(const JobResult& result, Progress& progress) {
  ++totals_.images;
  const auto line = Line(result);
  if (line) {
    progress.Print(*line);
    // Whoever reads along does not wait for a full buffer.
    std::fflush(stdout);
  } else {
    ++totals_.failed;
    std::string text = "ocelli: " + ShownJobName(result.name) + ": " +
                       Printable(line.error().message);
    if (result.attempts > 1) {
      text += " (tried " + std::to_string(result.attempts) + " times)";
    }
    progress.Say(text);
  }
}

std::string JobResults::Summary() const {
  return std::to_string(totals_.images) + " images, " +
         std::to_string(totals_.faces) + " faces, " +
         std::to_string(totals_.known) + " of them known; " +
         std::to_string(totals_.failed) + " failed";
}

}  // namespace ocelli
