#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/engine.h"
#include "core/file.h"
#include "faces/face_describer.h"
#include "media/still_image.h"
#include "recognize/chosen_face.h"

namespace ocelli {
namespace {

struct VerifyFlags {
  std::string a;
  std::string b;
  FaceFlags faces;
};

// The main face of a photo. kNotFound where there is none.
Result<Face> FaceOf(Engine& engine, const std::string& path) {
  const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  auto recognition = engine.recognizer().Recognize(*bytes);
  if (!recognition) return recognition.Failure(path);
  const Analysis& analysis = recognition->analysis;
  const auto found = FaceToCompare(analysis);
  if (!found) return found.Failure(path);
  const Face* const face = *found;
  if (analysis.faces.size() > 1) {
    PrintError(path + ": " + std::to_string(analysis.faces.size()) +
               " faces; comparing the large one near the middle, at x " +
               std::to_string(static_cast<int>(face->box.x)) + ", y " +
               std::to_string(static_cast<int>(face->box.y)));
  }
  return *face;
}

void Verify(const VerifyFlags& flags, CommandContext& context) {
  if (flags.faces.faces.describer.empty() || flags.faces.faces.mesh.empty()) {
    return context.Fail({ErrorCode::kInvalidArgument,
                         "verify needs a describer and a mesh model"});
  }
  const auto engine = Engine::Open(context, flags.faces);
  if (!engine) return context.Fail(engine.error());
  std::optional<Face> faces[2];
  for (int i = 0; i < 2; ++i) {
    auto face = FaceOf(**engine, i == 0 ? flags.a : flags.b);
    if (face) {
      faces[i] = std::move(*face);
    } else {
      PrintError(face.error().message);
      context.exit_code = kExitSomeFailed;
    }
  }
  if (!faces[0] || !faces[1]) return;
  const float similarity =
      CosineSimilarity(faces[0]->descriptor, faces[1]->descriptor);
  const float threshold = flags.faces.identify.threshold;
  const bool same = similarity >= threshold;
  if (context.json) {
    // A path need not be UTF-8.
    constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
    const nlohmann::ordered_json line = {{"a", flags.a},
                                         {"b", flags.b},
                                         {"similarity", similarity},
                                         {"threshold", threshold},
                                         {"same", same}};
    std::printf("%s\n", line.dump(-1, ' ', false, kReplace).c_str());
  } else {
    std::printf("%s (cosine %.3f, threshold %.3f)\n",
                same ? "same person" : "different people",
                static_cast<double>(similarity),
                static_cast<double>(threshold));
  }
}

}  // namespace

void AddVerifyCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = app.add_subcommand(
      "verify", "Tell whether two photos show the same person");
  command->footer(
      R"(The large face near the middle of each photo is compared. Exits with 0
whatever the verdict, with 1 where a photo can't be read or has no face.
Examples:
  ocelli verify a.jpg b.jpg
  ocelli verify a.jpg b.jpg --threshold 0.4 --json)");
  command->add_option("a", flags->a, "A photo")->required();
  command->add_option("b", flags->b, "Another")->required();
  AddFaceFlags(*command, flags->faces);
  command->callback([flags, &context] { Verify(*flags, context); });
}

}  // namespace ocelli
