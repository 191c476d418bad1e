#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "core/geometry.h"
#include "faces/tracker_state.h"

namespace ocelli {

// Faces that a tracker of before followed and this one has not seen yet. A
// face that is found is one of them by who it is or, where its look does not
// deny it, by where it was. Not thread-safe.
class AwaitedFaces {
 public:
  struct Options {
    float threshold = 0.363f;  // Least cosine of the same person.
    float denial = 0.2f;       // Below it is somebody else, be the place his.
    // How long ago a face may have been seen to be known by its place, and by
    // its descriptor.
    std::chrono::microseconds by_place{};
    std::chrono::microseconds by_descriptor{};
  };

  AwaitedFaces() = default;
  // `faces` were in a picture of that size, and `gap` has gone since.
  AwaitedFaces(const Options& options, std::vector<TrackState> faces, int width,
               int height, std::chrono::microseconds gap);

  bool empty() const { return faces_.empty(); }
  bool AnyDescriptor() const;
  // Of the picture that the places are in.
  int width() const { return width_; }
  int height() const { return height_; }

  // The picture has this size: places in another one mean nothing.
  void PictureIs(int width, int height);
  // Another scene: likewise.
  void ForgetPlaces();
  // So much time went by; who waits for too long is given up.
  void Pass(std::chrono::microseconds time);

  // Takes out the face that was found at `box`, if it is one of them.
  // `descriptor` is empty where nothing can be told from its look.
  std::optional<TrackState> Take(const RectF& box,
                                 std::span<const float> descriptor);
  // The same by the descriptor alone.
  std::optional<TrackState> Take(std::span<const float> descriptor);

  // Those that are left, with their ages as of now.
  std::vector<TrackState> faces() const { return faces_; }

 private:
  std::optional<TrackState> TakeAt(std::size_t index);

  Options options_;
  std::vector<TrackState> faces_;
  int width_ = 0, height_ = 0;
};

// How far `found` is from where a face was, in faces; nothing where it cannot
// be the same.
std::optional<float> DistanceOfFaces(const RectF& last, const RectF& found);

}  // namespace ocelli
