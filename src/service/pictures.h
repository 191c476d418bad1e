#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "faces/enrolled_picture.h"
#include "ocelli/v1/picture.pb.h"
#include "recognize/recognizer.h"
#include "service/service_state.h"

namespace ocelli {

// The encoded picture that a request brought or named.
class SentPicture {
 public:
  explicit SentPicture(std::string data) : data_(std::move(data)) {}
  explicit SentPicture(std::vector<std::byte> fetched)
      : fetched_(std::move(fetched)) {}

  std::span<const std::byte> bytes() const {
    return fetched_.empty() ? std::as_bytes(std::span(data_))
                            : std::span<const std::byte>(fetched_);
  }

 private:
  std::string data_;
  std::vector<std::byte> fetched_;
};

// Moved out of `image`, or fetched from where it says. kInvalidArgument:
// neither, empty, too large, an address that must not be asked, or that has no
// such picture; begins with `field`. kUnavailable: it may have one later.
Result<SentPicture> TakePicture(v1::Image& image, std::string_view field,
                                ServiceState& state);

// Recognizer::Recognize(), counted. kFailedPrecondition: the models are not
// installed.
Result<Recognition> RecognizePicture(std::span<const std::byte> encoded,
                                     ServiceState& state);

// What is kept of a face of a picture; empty where that can't be made.
FacePicture PictureOfFace(std::span<const std::byte> encoded, const Face& face,
                          ServiceState& state);

// TakePicture() and RecognizePicture(); errors begin with `field`.
Result<Recognition> RecognizeImage(v1::Image& image, std::string_view field,
                                   ServiceState& state);

// kInvalidArgument unless 0 <= max_side <= 16,384.
Result<> CheckMaxSide(std::int32_t max_side);

v1::Picture JpegPicture(std::string data, std::string etag);
v1::Picture JpegPicture(std::span<const std::byte> data, std::string etag);

}  // namespace ocelli
