#include "faces/unknown_people.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <tuple>
#include <utility>

#include "faces/gallery_matching.h"

namespace ocelli {
namespace {

// Two faces of one person that are so near each other show the same moment:
// the better one is enough.
constexpr float kSameMoment = 0.9f;

// Of two unit vectors; below everything where they can't be compared.
float Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return -2;
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0f);
}

bool IsBetter(const SeenFace& a, const SeenFace& b) {
  return a.quality.overall > b.quality.overall;
}

// A good face unlike the others is worth most.
float Worth(const std::vector<SeenFace>& faces, const SeenFace& face) {
  float nearest = -1;
  for (const SeenFace& other : faces) {
    if (&other == &face) continue;
    nearest = std::max(nearest, Cosine(other.descriptor, face.descriptor));
  }
  return face.quality.overall * (1 - nearest);
}

std::size_t BytesOf(const std::vector<SeenFace>& faces) {
  std::size_t bytes = 0;
  for (const SeenFace& face : faces) {
    bytes += sizeof(face) + face.descriptor.size() * sizeof(float) +
             face.picture.size() + face.source.size();
  }
  return bytes;
}

}  // namespace

UnknownPeople::UnknownPeople(const UnknownPeopleOptions& options,
                             const Clock& clock, Random random)
    : options_(options),
      clock_(clock),
      random_(random ? std::move(random)
                     : [] { return std::random_device()(); }) {}

std::optional<std::string> UnknownPeople::Saw(SeenFace face) {
  if (!Normalize(face.descriptor)) return std::nullopt;
  if (!CheckFacePicture(face.picture)) face.picture.clear();
  const auto now = clock_.WallTime();
  const std::lock_guard lock(mutex_);
  ForgetTheOld();
  auto nearest = people_.end();
  float best = options_.threshold;
  for (auto person = people_.begin(); person != people_.end(); ++person) {
    const float similarity = Similarity(person->second, face.descriptor);
    if (similarity < best) continue;
    best = similarity;
    nearest = person;
  }
  if (nearest == people_.end()) {
    nearest = people_.emplace(NewId(), Person()).first;
    nearest->second.first_seen = now;
  }
  Person& person = nearest->second;
  ++person.seen;
  person.last_seen = now;
  person.last_source = face.source;
  Keep(person, std::move(face));
  const std::string id = JoinWithOthers(nearest)->first;
  ForgetOverLimits();
  return id;
}

float UnknownPeople::Similarity(const Person& person,
                                const std::vector<float>& descriptor) const {
  float best = Cosine(person.average, descriptor);
  for (const SeenFace& face : person.faces) {
    best = std::max(best, Cosine(face.descriptor, descriptor));
  }
  return best;
}

void UnknownPeople::Keep(Person& person, SeenFace face) const {
  auto& faces = person.faces;
  const auto same =
      std::find_if(faces.begin(), faces.end(), [&](const SeenFace& other) {
        return Cosine(other.descriptor, face.descriptor) >= kSameMoment;
      });
  if (same == faces.end()) {
    faces.push_back(std::move(face));
  } else if (IsBetter(face, *same)) {
    *same = std::move(face);
  }
  if (faces.size() > options_.faces) {
    const auto least = std::min_element(
        faces.begin(), faces.end(), [&](const SeenFace& a, const SeenFace& b) {
          return Worth(faces, a) < Worth(faces, b);
        });
    faces.erase(least);
  }
  std::stable_sort(faces.begin(), faces.end(), IsBetter);
  if (faces.empty()) return;
  person.average.assign(faces[0].descriptor.size(), 0.0f);
  for (const SeenFace& kept : faces) {
    if (kept.descriptor.size() != person.average.size()) continue;
    std::transform(kept.descriptor.begin(), kept.descriptor.end(),
                   person.average.begin(), person.average.begin(),
                   std::plus<>());
  }
  if (!Normalize(person.average)) person.average = faces[0].descriptor;
}

// Who turn out to be the same person become one, by the id of who was seen
// most.
UnknownPeople::People::iterator UnknownPeople::JoinWithOthers(
    People::iterator person) {
  for (auto other = people_.begin(); other != people_.end();) {
    if (other == person ||
        Cosine(other->second.average, person->second.average) < options_.join) {
      ++other;
      continue;
    }
    auto from = other, into = person;
    if (from->second.seen > into->second.seen) std::swap(from, into);
    Person gone = std::move(from->second);
    people_.erase(from);
    Person& whole = into->second;
    whole.seen += gone.seen;
    whole.first_seen = std::min(whole.first_seen, gone.first_seen);
    if (gone.last_seen > whole.last_seen) {
      whole.last_seen = gone.last_seen;
      whole.last_source = std::move(gone.last_source);
    }
    for (SeenFace& face : gone.faces) Keep(whole, std::move(face));
    person = into;
    // Its average is another now.
    other = people_.begin();
  }
  return person;
}

void UnknownPeople::ForgetTheOld() {
  const auto oldest = clock_.WallTime() - options_.age;
  std::erase_if(people_, [&](const auto& entry) {
    return entry.second.last_seen < oldest;
  });
}

void UnknownPeople::ForgetOverLimits() {
  std::size_t bytes = 0;
  for (const auto& [id, person] : people_) bytes += BytesOf(person.faces);
  while (!people_.empty() &&
         (people_.size() > options_.people || bytes > options_.bytes)) {
    const auto least = std::min_element(
        people_.begin(), people_.end(), [](const auto& a, const auto& b) {
          return std::tie(a.second.seen, a.second.last_seen) <
                 std::tie(b.second.seen, b.second.last_seen);
        });
    bytes -= BytesOf(least->second.faces);
    people_.erase(least);
  }
}

std::string UnknownPeople::NewId() {
  std::string id;
  for (int word = 0; word < 4; ++word) {
    const std::uint32_t bits = random_();
    for (int shift = 28; shift >= 0; shift -= 4) {
      id += "0123456789abcdef"[bits >> shift & 15];
    }
  }
  return id;
}

std::vector<UnknownPerson> UnknownPeople::List() {
  std::vector<UnknownPerson> list;
  {
    const std::lock_guard lock(mutex_);
    ForgetTheOld();
    for (const auto& [id, person] : people_) {
      const auto pictures = std::count_if(
          person.faces.begin(), person.faces.end(),
          [](const SeenFace& face) { return !face.picture.empty(); });
      list.push_back({id, person.seen, person.first_seen, person.last_seen,
                      person.last_source, static_cast<std::size_t>(pictures)});
    }
  }
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return std::tie(a.seen, a.last_seen) > std::tie(b.seen, b.last_seen);
  });
  return list;
}

Result<UnknownPeople::People::iterator> UnknownPeople::Find(
    std::string_view id) {
  ForgetTheOld();
  const auto found = people_.find(id);
  if (found != people_.end()) return found;
  return Fail(ErrorCode::kNotFound,
              "no unknown person of this id; they may have been named or "
              "forgotten meanwhile");
}

Result<FacePicture> UnknownPeople::PictureOf(std::string_view id,
                                             std::size_t number) {
  const std::lock_guard lock(mutex_);
  const auto person = Find(id);
  if (!person) return person.Failure();
  std::size_t left = number;
  for (const SeenFace& face : (*person)->second.faces) {
    if (!face.picture.empty() && left-- == 0) return face.picture;
  }
  return Fail(ErrorCode::kNotFound,
              "no picture " + std::to_string(number) + " of this person");
}

Result<std::vector<SeenFace>> UnknownPeople::Take(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto person = Find(id);
  if (!person) return person.Failure();
  auto faces = std::move((*person)->second.faces);
  people_.erase(*person);
  return faces;
}

Result<> UnknownPeople::Forget(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto person = Find(id);
  if (!person) return person.Failure();
  people_.erase(*person);
  return {};
}

std::size_t UnknownPeople::ForgetLike(std::vector<float> descriptor) {
  if (!Normalize(descriptor)) return 0;
  const std::lock_guard lock(mutex_);
  return std::erase_if(people_, [&](const auto& entry) {
    return Similarity(entry.second, descriptor) >= options_.threshold;
  });
}

}  // namespace ocelli
