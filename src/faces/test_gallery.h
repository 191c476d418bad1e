#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/digest.h"
#include "core/face.h"
#include "faces/gallery.h"
#include "redis/test_redis_server.h"

namespace ocelli {

inline constexpr std::size_t kTestDimension = 128;

// A unit vector of one direction; `lean` towards another, as a cosine.
inline std::vector<float> Direction(std::size_t axis, float lean = 0,
                                    std::size_t towards = kTestDimension - 1) {
  std::vector<float> values(kTestDimension, 0.0f);
  values[axis] = std::sqrt(1 - lean * lean);
  values[towards] += lean;
  return values;
}

// A unit vector that is nobody else's, no value of which is 0.
inline std::vector<float> TellingVector(int n) {
  std::vector<float> values(kTestDimension);
  double squares = 0;
  for (std::size_t i = 0; i < kTestDimension; ++i) {
    values[i] =
        std::sin(static_cast<float>(n * 131) + static_cast<float>(i) * 1.7f);
    squares += double{values[i]} * double{values[i]};
  }
  for (float& value : values) {
    value = static_cast<float>(double{value} / std::sqrt(squares));
  }
  return values;
}

inline Face FaceOf(std::vector<float> descriptor, float x = 10) {
  Face face;
  face.box = {x, 20, 100, 120};
  face.descriptor = std::move(descriptor);
  face.quality = {0.5f, 0.25f, 0.75f, 0.4f};
  return face;
}

// Begins as a JPEG does; no two are alike.
inline FacePicture PictureNumber(int n, std::size_t bytes = 3000) {
  FacePicture picture{std::byte{0xff}, std::byte{0xd8}, std::byte{0xff}};
  std::uint32_t state = static_cast<std::uint32_t>(n) * 2654435761u + 1;
  while (picture.size() < bytes) {
    state = state * 1664525u + 1013904223u;
    picture.push_back(static_cast<std::byte>(state >> 24));
  }
  return picture;
}

inline Digest Image(int n) { return Sha256("image " + std::to_string(n)); }

inline std::string BytesOf(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(float)};
}

// Whether `bytes` has any 16 bytes of `theirs`.
inline bool HasPartOf(const std::string& bytes, const std::string& theirs) {
  for (std::size_t i = 0; i + 16 <= theirs.size(); i += 16) {
    if (bytes.find(theirs.substr(i, 16)) != std::string::npos) return true;
  }
  return false;
}

inline bool HasPartOf(const std::string& bytes,
                      const std::vector<float>& vector) {
  return HasPartOf(bytes, BytesOf(vector));
}
inline bool HasPartOf(const std::string& bytes, const FacePicture& picture) {
  return HasPartOf(bytes,
                   std::string(reinterpret_cast<const char*>(picture.data()),
                               picture.size()));
}

// Names of the faces, "-" for unknown.
inline std::string Names(const Gallery& gallery, const std::vector<Face>& faces,
                         const Digest& image = Image(999),
                         const IdentifyOptions& options = {}) {
  auto people = gallery.Identify(faces, image, options);
  EXPECT_TRUE(people) << people.error().message;
  std::string names;
  for (const auto& person : *people) {
    names += (names.empty() ? "" : " ") + (person ? person->name : "-");
  }
  return names;
}

inline const Clock& GalleryTestClock() {
  static const FixedClock clock{std::chrono::system_clock::time_point(
      std::chrono::seconds(1'700'000'000))};
  return clock;
}

// Of all tests of this process.
inline RedisServer& GalleryTestServer() {
  static RedisServer server;
  return server;
}
inline RedisCluster& GalleryTestCluster() {
  static RedisCluster cluster;
  return cluster;
}

}  // namespace ocelli
