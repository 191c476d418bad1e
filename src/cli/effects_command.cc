// ocelli effects: what there is to put into a video, and how each looks.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/live_setup.h"
#include "core/file.h"
#include "live/live_session.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

struct EffectsFlags {
  std::string photo;
  std::string out = ".";
  std::vector<std::string> only;
  FaceAnalyzerOptions faces;
  GalleryFlags gallery;
};

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

// "0 to 1", "blur, pixelate, fill" or "text".
std::string RangeOf(const EffectParameter& parameter) {
  switch (parameter.kind) {
    case EffectParameter::Kind::kNumber:
      return Number(parameter.least) + " to " + Number(parameter.most);
    case EffectParameter::Kind::kChoice: {
      std::string choices;
      for (const std::string_view choice : parameter.choices) {
        choices += (choices.empty() ? "" : ", ") + std::string(choice);
      }
      return choices;
    }
    case EffectParameter::Kind::kText:
      break;
  }
  return "text";
}

nlohmann::ordered_json ToJson(const EffectKind& kind) {
  nlohmann::ordered_json json = {{"name", kind.name}, {"help", kind.help}};
  auto& parameters = json["parameters"] = nlohmann::ordered_json::array();
  for (const EffectParameter& parameter : kind.parameters) {
    nlohmann::ordered_json one = {{"name", parameter.name},
                                  {"help", parameter.help},
                                  {"default", parameter.fallback}};
    if (parameter.kind == EffectParameter::Kind::kNumber) {
      one["least"] = parameter.least;
      one["most"] = parameter.most;
    } else if (parameter.kind == EffectParameter::Kind::kChoice) {
      one["choices"] = parameter.choices;
    }
    parameters.push_back(std::move(one));
  }
  return json;
}

void List(const EffectRegistry& registry, const CommandContext& context) {
  for (const EffectKind& kind : registry.kinds()) {
    if (context.json) {
      std::puts(JsonText(ToJson(kind)).c_str());
      continue;
    }
    std::printf("%-10s %s\n", std::string(kind.name).c_str(),
                std::string(kind.help).c_str());
    for (const EffectParameter& parameter : kind.parameters) {
      std::printf(
          "  %-12s %-22s default %-10s %s\n",
          std::string(parameter.name).c_str(), RangeOf(parameter).c_str(),
          parameter.fallback.empty() ? "none"
                                     : std::string(parameter.fallback).c_str(),
          std::string(parameter.help).c_str());
    }
  }
}

// The photo as each of the effects makes it, as NAME.jpg in the folder.
Result<> Try(const EffectRegistry& registry, const EffectsFlags& flags,
             const CommandContext& context) {
  const auto bytes = ReadFileLimited(flags.photo, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  const auto photo = DecodeImage(*bytes);
  if (!photo) return photo.Failure(flags.photo);
  const ModelStore models(context.paths.models());
  const auto gallery =
      OpenGalleryIfAny(context, flags.gallery, models, flags.faces.describer);
  if (!gallery) return gallery.Failure();
  FaceTrackerOptions tracking{.faces = flags.faces, .identification = {}};
  tracking.identify = *gallery != nullptr;
  std::error_code error;
  fs::create_directories(flags.out, error);

  std::vector<std::string> wanted = flags.only;
  if (wanted.empty()) {
    for (const EffectKind& kind : registry.kinds()) {
      wanted.emplace_back(kind.name);
    }
  }
  for (const std::string& text : wanted) {
    const auto chosen = registry.Parse(text);
    if (!chosen) return chosen.Failure();
    const auto tracker = FaceTracker::Open(models, gallery->get(), tracking);
    if (!tracker) return tracker.Failure();
    const auto effect = chosen->Make(FileEffectContext());
    if (!effect) return effect.Failure(text);
    Frame frame;
    std::vector<TrackedFace> faces;
    // Several times the same picture: a name takes a few votes.
    for (int i = 0; i < 12; ++i) {
      frame.pixels = ToYuv(*photo, {});
      frame.sequence = static_cast<std::uint64_t>(i);
      frame.time = std::chrono::milliseconds(100) * i;
      auto tracked = (*tracker)->Track(frame);
      if (!tracked) return tracked.Failure(flags.photo);
      faces = std::move(*tracked);
    }
    if (const auto done = (*effect)->Apply(frame, faces); !done) return done;
    const auto encoded = EncodeJpeg(ToRgb(frame.pixels), 92);
    if (!encoded) return encoded.Failure();
    const fs::path file =
        fs::path(flags.out) / (std::string(chosen->kind->name) + ".jpg");
    if (const auto kept = WriteFileAtomically(file, *encoded); !kept) {
      return kept;
    }
    std::printf("%s\n", file.c_str());
  }
  return {};
}

}  // namespace

void AddEffectsCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<EffectsFlags>();
  CLI::App* command = app.add_subcommand(
      "effects", "List what `live` can do to faces and pictures");
  command->footer(R"(Examples:
  ocelli effects                              names, parameters, ranges
  ocelli effects --try photo.jpg -o tried/    the photo with each of them
  ocelli effects --try photo.jpg --effect "beauty:smooth=1")");
  command->add_option("--try", flags->photo, "Apply them to this photo");
  command->add_option("-o,--out", flags->out, "Folder for what --try makes")
      ->capture_default_str();
  command->add_option("--effect", flags->only,
                      "Only this one; may be given again");
  AddGalleryFlags(*command, flags->gallery);
  command->callback([flags, &context] {
    EffectRegistry registry;
    AddAllEffects(registry);
    if (flags->photo.empty()) return List(registry, context);
    const auto done = Try(registry, *flags, context);
    if (!done) context.Fail(done.error());
  });
}

}  // namespace ocelli
