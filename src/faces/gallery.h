#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/digest.h"
#include "core/face.h"
#include "core/result.h"

namespace ocelli {

struct Identity {
  std::string name;
  float similarity = 0;  // Cosine with their nearest descriptor.
};

struct IdentifyOptions {
  float threshold = 0.363f;  // Cosine; a face below it is nobody's.
  float margin = 0.03f;      // Over the best of any other person.
};

// One enrolled face of a person.
struct EnrolledFace {
  std::int64_t id = 0;
  Digest image;
  RectF box;           // Where in that image.
  std::string source;  // The path it came from, for people to read.
  FaceQuality quality;
};

struct PersonSummary {
  std::string name;
  std::uint64_t faces = 0;
  std::uint64_t rejected = 0;  // Faces recorded as not being this person.
};

// The people we know and what their faces look like. Descriptors of another
// model than `model` are kept but never compared. Thread-safe; several
// processes may share the file.
class Gallery {
 public:
  // Makes the file when missing. kDataLoss for a damaged one: it is left as it
  // is. kUnavailable when another process holds it too long.
  static Result<std::unique_ptr<Gallery>> Open(
      const std::filesystem::path& file, const Digest& model,
      const Clock& clock = SystemClock());
  virtual ~Gallery() = default;

  // Names are UTF-8, 1 to 200 bytes, without control characters.
  // Enrolling the same face of the same image twice changes nothing.
  virtual Result<std::int64_t> Add(std::string_view name, const Face& face,
                                   const Digest& image,
                                   std::string_view source) = 0;
  // Records that this face is not `name`; identification honours it.
  virtual Result<> Reject(std::string_view name, const Face& face,
                          const Digest& image) = 0;
  virtual Result<std::vector<PersonSummary>> People() const = 0;
  virtual Result<std::vector<EnrolledFace>> FacesOf(
      std::string_view name) const = 0;
  virtual Result<> Rename(std::string_view from, std::string_view to) = 0;
  virtual Result<> Merge(std::string_view from, std::string_view into) = 0;
  // Overwrites every vector of theirs on disk.
  virtual Result<> Remove(std::string_view name) = 0;
  virtual Result<> RemoveFace(std::int64_t face_id) = 0;

  // Who the faces of one picture are, in their order; none where nobody is
  // near enough. No person twice.
  virtual Result<std::vector<std::optional<Identity>>> Identify(
      const std::vector<Face>& faces, const IdentifyOptions& options) const = 0;

  // One JSON object a line. Import returns how many faces were new; a bad line
  // is named by number and nothing of the file is kept.
  virtual Result<> Export(std::ostream& out) const = 0;
  virtual Result<std::uint64_t> Import(std::istream& in) = 0;
};

}  // namespace ocelli
