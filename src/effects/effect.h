#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/frame.h"
#include "core/image.h"
#include "core/result.h"
#include "core/tracked_face.h"

namespace ocelli {

// A picture with transparency: RGB, not premultiplied, and 255 where opaque.
struct PictureWithAlpha {
  Image color;  // kRgb8.
  Image alpha;  // kGrey8, of the same size.
};

// What effects can ask of their surroundings.
struct EffectContext {
  // A PNG or another picture file. Null: there are no files.
  std::function<Result<PictureWithAlpha>(const std::string& path)> load_picture;
};

// Changes the pixels of a frame, given its faces. One for each stream, called
// for its frames in their order, from one thread at a time.
class Effect {
 public:
  virtual ~Effect() = default;

  // Changes only what the effect is for: all other pixels stay bit for bit.
  // `faces` are in pixels of this frame; their numbers come from models and may
  // be anything, NaN and far outside included. An effect that changes the
  // picture's size moves and scales the faces with it.
  virtual Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) = 0;
};

struct FrameSize {
  int width = 0;
  int height = 0;
  bool operator==(const FrameSize&) const = default;
};

// A value that a user gives by name: "slim=0.3".
struct EffectParameter {
  std::string_view name;
  std::string_view help;
  // Number: from `least` to `most`. Choice: one of `choices`. Text: anything, a
  // name or a path.
  enum class Kind { kNumber, kChoice, kText } kind = Kind::kNumber;
  double least = 0;
  double most = 1;
  std::vector<std::string_view> choices = {};
  std::string_view fallback = {};  // As a user would write it.
  bool several = false;            // Choices may be joined: "boxes+names".
};

// The values of one effect, checked against its parameters and complete.
class EffectValues {
 public:
  double Number(std::string_view name) const;
  const std::string& Text(std::string_view name) const;

 private:
  friend class EffectRegistry;
  std::map<std::string, std::string, std::less<>> texts_;
  std::map<std::string, double, std::less<>> numbers_;
};

// What a stream has to provide for an effect.
enum class EffectNeed {
  kNothing,  // Pixels.
  kFaces,    // Boxes and meshes.
  kNames,    // And who they are.
};

// One kind of effect: what `ocelli effects` lists.
struct EffectKind {
  std::string_view name;
  std::string_view help;  // One line.
  // Whether a face that is found late has been shown: search often.
  bool hides_faces = false;
  std::vector<EffectParameter> parameters = {};
  // What it needs with these values.
  std::function<EffectNeed(const EffectValues&)> need = {};
  std::function<Result<std::unique_ptr<Effect>>(const EffectValues&,
                                                const EffectContext&)>
      make = {};
  // The size of what comes out; null: as it went in.
  std::function<FrameSize(const EffectValues&, FrameSize)> output_size = {};
};

// An effect as asked for on a command line.
struct ChosenEffect {
  const EffectKind* kind = nullptr;  // Lives as long as the registry.
  EffectValues values;

  EffectNeed need() const;
  FrameSize OutputSize(FrameSize input) const;
  Result<std::unique_ptr<Effect>> Make(const EffectContext& context) const;
};

// The effects there are, in the order in which they were added.
class EffectRegistry {
 public:
  void Add(EffectKind kind);
  std::span<const EffectKind> kinds() const { return kinds_; }

  // "NAME" or "NAME:parameter=value,parameter=value". A comma, colon or
  // backslash in a value is written behind a backslash. kInvalidArgument lists
  // the effects, parameters, choices or the range that there are.
  Result<ChosenEffect> Parse(std::string_view text) const;

 private:
  std::vector<EffectKind> kinds_;
};

// Every effect of this folder: one line each (builtin.cc).
void AddBuiltinEffects(EffectRegistry& registry);

}  // namespace ocelli
