#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
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
#include "faces/enrolled_picture.h"

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
  std::chrono::system_clock::time_point created;
  bool comparable = true;  // False: another model's, until enrolled again.
  bool has_picture = false;
};

struct PersonSummary {
  std::string name;
  std::uint64_t faces = 0;
  std::uint64_t other_model = 0;  // Of them, those that are never compared.
  std::uint64_t rejected = 0;     // Faces recorded as not being this person.
};

// The people we know and what their faces look like. Descriptors of another
// model than `model` are kept but never compared. Thread-safe; several
// processes may share the file, and each sees what the others change.
//
// The same face: of the same image, boxes that overlap by more than half
// (intersection over union). Every call may fail with the errors of Database
// (sqlite/database.h); a name that nobody has is kNotFound.
class Gallery {
 public:
  // Makes the file when missing. kDataLoss for a damaged one: it is left as it
  // is. kUnavailable when another process holds it for longer than `patience`.
  static Result<std::unique_ptr<Gallery>> Open(
      const std::filesystem::path& file, const Digest& model,
      const Clock& clock = SystemClock(),
      std::chrono::milliseconds patience = std::chrono::seconds(5));
  virtual ~Gallery() = default;

  // Returns the face's id. Names are UTF-8, 1 to 200 bytes, without control
  // characters and without spaces at either end. Enrolling the same face again
  // changes nothing, unless it was described by another model: that
  // description is replaced. A rejection of the face for this name ends.
  // kAlreadyExists: it is enrolled under another name. `picture` (empty: none)
  // is kept with the face; enrolling again adds one where there is none.
  virtual Result<std::int64_t> Add(std::string_view name, const Face& face,
                                   const Digest& image, std::string_view source,
                                   const FacePicture& picture = {}) = 0;
  // Records that this face is not `name`; identification honours it, also for
  // other pictures of nearly the same descriptor. Where the face was enrolled
  // as `name`, it is no longer.
  virtual Result<> Reject(std::string_view name, const Face& face,
                          const Digest& image) = 0;
  // The same of an enrolled face: it no longer is. kNotFound.
  virtual Result<> RejectFace(std::int64_t face_id) = 0;
  virtual Result<std::vector<PersonSummary>> People() const = 0;  // By name.
  virtual Result<std::vector<EnrolledFace>> FacesOf(
      std::string_view name) const = 0;
  // kNotFound: no such face, or it has none.
  virtual Result<FacePicture> PictureOf(std::int64_t face_id) const = 0;
  // kAlreadyExists where `to` is somebody else.
  virtual Result<> Rename(std::string_view from, std::string_view to) = 0;
  // Rejections that this contradicts end.
  virtual Result<> Merge(std::string_view from, std::string_view into) = 0;
  // Gives one face to another person, who may be new. Rejections that this
  // contradicts end. A person without faces and rejections is removed with the
  // last. kNotFound.
  virtual Result<> Move(std::int64_t face_id, std::string_view to) = 0;
  // Overwrites every vector and picture of theirs on disk. kUnavailable, when
  // another process is in the way: they are removed, and the next process that
  // opens the gallery overwrites.
  virtual Result<> Remove(std::string_view name) = 0;
  // Likewise. A person without faces and rejections is removed with the last.
  virtual Result<> RemoveFace(std::int64_t face_id) = 0;

  // Who the faces of one picture are, in their order; none where nobody is
  // near enough. No person twice: the more similar face has the name.
  virtual Result<std::vector<std::optional<Identity>>> Identify(
      const std::vector<Face>& faces, const Digest& image,
      const IdentifyOptions& options) const = 0;

  // One JSON object a line: faces with their pictures, and rejections, of all
  // models. Import adds to who is there and returns how many faces were new; a
  // bad line is named by number and nothing of the file is kept.
  virtual Result<> Export(std::ostream& out) const = 0;
  virtual Result<std::uint64_t> Import(std::istream& in) = 0;
};

}  // namespace ocelli
