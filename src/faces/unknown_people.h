#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
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

struct UnknownPeopleOptions {
  float threshold = 0.363f;  // Cosine from which two faces are one person's.
  float join = 0.45f;        // The same of two people's average faces.
  std::size_t people = 200;
  std::size_t faces = 8;  // Kept of each.
  std::size_t bytes = 32 << 20;
  std::chrono::seconds age = std::chrono::hours(24);  // Since last seen.
};

// A face of somebody whom nobody named.
struct SeenFace {
  std::vector<float> descriptor;  // Of any length but 0.
  FaceQuality quality;
  FacePicture picture;  // Empty: none.
  std::string source;   // A camera's name, for people to read.
  // As of Gallery::Add(); for a frame of a video, the picture's own digest.
  Digest image;
  RectF box;
};

struct UnknownPerson {
  std::string id;
  std::uint64_t seen = 0;  // How often.
  std::chrono::system_clock::time_point first_seen;
  std::chrono::system_clock::time_point last_seen;
  std::string last_source;
  std::size_t pictures = 0;
};

// People who were seen and whom nobody named, grouped by their faces, so that
// naming one face names all. In memory only, and no more than the options say:
// these are passers-by. Over a limit the least seen go, of those the ones not
// seen for longest. Thread-safe.
class UnknownPeople {
 public:
  using Random = std::function<std::uint32_t()>;

  // `clock` outlives it. `random` (empty: the system's) must not be guessable.
  explicit UnknownPeople(const UnknownPeopleOptions& options = {},
                         const Clock& clock = SystemClock(),
                         Random random = {});

  // Whose face it is: the id of somebody seen before, or of somebody new. None
  // where its descriptor can't be compared: nothing is kept.
  std::optional<std::string> Saw(SeenFace face);

  // The most frequent first.
  std::vector<UnknownPerson> List();
  // Number 0 is the best. kNotFound.
  Result<FacePicture> PictureOf(std::string_view id, std::size_t number);
  // The faces kept of them, the best first, to enrol them; they are forgotten.
  // kNotFound.
  Result<std::vector<SeenFace>> Take(std::string_view id);
  Result<> Forget(std::string_view id);  // kNotFound.
  // Forgets everybody who looks like that, who has a name now. How many.
  std::size_t ForgetLike(std::vector<float> descriptor);

 private:
  struct Person {
    std::vector<SeenFace> faces;  // The best first.
    std::vector<float> average;   // Of them, of unit length.
    std::uint64_t seen = 0;
    std::chrono::system_clock::time_point first_seen;
    std::chrono::system_clock::time_point last_seen;
    std::string last_source;
  };
  using People = std::map<std::string, Person, std::less<>>;

  // All with mutex_ held.
  float Similarity(const Person& person,
                   const std::vector<float>& descriptor) const;
  void Keep(Person& person, SeenFace face) const;
  People::iterator JoinWithOthers(People::iterator person);
  Result<People::iterator> Find(std::string_view id);
  void ForgetTheOld();
  void ForgetOverLimits();
  std::string NewId();

  const UnknownPeopleOptions options_;
  const Clock& clock_;
  std::mutex mutex_;
  // Guarded by mutex_.
  Random random_;
  People people_;
};

}  // namespace ocelli
