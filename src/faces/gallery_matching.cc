#include "faces/gallery_matching.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "core/log.h"

namespace ocelli {
namespace {

// Above this two descriptors are of one photograph, scaled or compressed anew.
constexpr float kSamePicture = 0.9f;
constexpr float kNobody = -std::numeric_limits<float>::infinity();

float Dot(const float* a, const float* b, std::size_t size) {
  // Sixteen sums of their own: the compiler may not reorder a single one.
  std::array<float, 16> sums{};
  std::size_t i = 0;
  for (; i + sums.size() <= size; i += sums.size()) {
    for (std::size_t k = 0; k < sums.size(); ++k) {
      sums[k] += a[i + k] * b[i + k];
    }
  }
  float sum = 0;
  for (const float part : sums) sum += part;
  for (; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

struct Best {
  std::uint32_t person = 0;
  float similarity = kNobody;
};

// The person nearest to the face, if near enough and far enough from others.
Best NearestPerson(const KnownFaces& known, const Face& face,
                   const Digest& image, const IdentifyOptions& options) {
  std::vector<float> descriptor = face.descriptor;
  if (descriptor.size() != known.dimension || !Normalize(descriptor)) return {};

  std::vector<float> similarity(known.names.size(), kNobody);
  for (std::size_t i = 0; i < known.people.size(); ++i) {
    const float cosine =
        Dot(descriptor.data(), &known.descriptors[i * known.dimension],
            known.dimension);
    float& best = similarity[known.people[i]];
    best = std::max(best, cosine);
  }
  for (const auto& rejection : known.rejections) {
    const bool same =
        (rejection.image == image && SameFace(rejection.box, face.box)) ||
        (rejection.descriptor.size() == known.dimension &&
         Dot(descriptor.data(), rejection.descriptor.data(), known.dimension) >
             kSamePicture);
    if (same) similarity[rejection.person] = kNobody;
  }

  Best first, second;
  for (std::uint32_t person = 0; person < similarity.size(); ++person) {
    if (similarity[person] > first.similarity) {
      second = std::exchange(first, {person, similarity[person]});
    } else if (similarity[person] > second.similarity) {
      second = {person, similarity[person]};
    }
  }
  const bool sure = first.similarity >= options.threshold &&
                    first.similarity - second.similarity >= options.margin;
  return sure ? first : Best{};
}

}  // namespace

Result<std::shared_ptr<const KnownFaces>> KnownFacesOf(
    const GalleryTable& table, const Digest& model, bool* warned) {
  auto known = std::make_shared<KnownFaces>();
  std::unordered_map<std::int64_t, std::uint32_t> index_of;
  std::int64_t other_model = 0, damaged = 0;
  std::vector<float> descriptor;
  auto read = table.AllFaces([&](const FaceRow& row) -> Result<> {
    const GalleryLine& line = row.line;
    const bool comparable = line.model == model && !line.descriptor.empty();
    if (!line.rejected && !comparable) {
      ++other_model;
      return {};
    }
    descriptor.clear();
    if (comparable) {
      descriptor = line.descriptor;
      if (known->dimension == 0) known->dimension = descriptor.size();
      if (descriptor.size() != known->dimension || !Normalize(descriptor)) {
        ++damaged;
        return {};
      }
    }
    const auto [place, is_new] = index_of.try_emplace(
        row.person, static_cast<std::uint32_t>(known->names.size()));
    if (is_new) known->names.push_back(line.person);
    if (line.rejected) {
      known->rejections.push_back(
          {place->second, line.image, line.box, descriptor});
    } else {
      known->people.push_back(place->second);
      known->descriptors.insert(known->descriptors.end(), descriptor.begin(),
                                descriptor.end());
    }
    return {};
  });
  if (!read) return read.Failure();
  if (other_model + damaged > 0 && !std::exchange(*warned, true)) {
    Log(LogLevel::kWarning,
        "some enrolled faces can't be compared: enrol them again",
        {{"of_another_model", other_model}, {"damaged", damaged}});
  }
  AddAverages(*known);
  return known;
}

bool SameFace(const RectF& a, const RectF& b) {
  return IntersectionOverUnion(a, b) > 0.5f;
}

bool Normalize(std::vector<float>& descriptor) {
  double squares = 0;
  for (const float value : descriptor) {
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double length = std::sqrt(squares);
  if (!std::isfinite(length) || length < 1e-6) return false;
  // What is unit length already keeps its bits.
  if (std::abs(length - 1) < 1e-5) return true;
  for (float& value : descriptor) {
    value = static_cast<float>(static_cast<double>(value) / length);
  }
  return true;
}

void AddAverages(KnownFaces& known) {
  const std::size_t dimension = known.dimension;
  std::vector<std::size_t> faces(known.names.size());
  std::vector<std::vector<float>> sums(known.names.size());
  for (std::size_t i = 0; i < known.people.size(); ++i) {
    const std::uint32_t person = known.people[i];
    sums[person].resize(dimension);
    for (std::size_t k = 0; k < dimension; ++k) {
      sums[person][k] += known.descriptors[i * dimension + k];
    }
    ++faces[person];
  }
  for (std::uint32_t person = 0; person < sums.size(); ++person) {
    if (faces[person] < 2 || !Normalize(sums[person])) continue;
    known.people.push_back(person);
    known.descriptors.insert(known.descriptors.end(), sums[person].begin(),
                             sums[person].end());
  }
}

std::vector<std::optional<Identity>> IdentifyAmong(
    const KnownFaces& known, const std::vector<Face>& faces,
    const Digest& image, const IdentifyOptions& options) {
  std::vector<std::optional<Identity>> identities(faces.size());
  if (known.people.empty()) return identities;
  // Which face is a person's best so far.
  std::vector<std::optional<std::size_t>> face_of(known.names.size());
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const Best best = NearestPerson(known, faces[i], image, options);
    if (best.similarity == kNobody) continue;
    auto& holder = face_of[best.person];
    if (holder && identities[*holder]->similarity >= best.similarity) continue;
    if (holder) identities[*holder].reset();
    holder = i;
    identities[i] = {known.names[best.person], best.similarity};
  }
  return identities;
}

}  // namespace ocelli
