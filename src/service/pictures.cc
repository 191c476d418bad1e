#include "service/pictures.h"

#include <algorithm>
#include <utility>

#include "recognize/face_picture.h"
#include "recognize/small_picture.h"

namespace ocelli {
namespace {

constexpr std::size_t kMostAddressBytes = 8192;

// What asking another server came to, as our caller has to take it.
ErrorCode CodeOfFetch(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
      return code;
    case ErrorCode::kDeadlineExceeded:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

Result<SentPicture> FetchPicture(const std::string& url, ServiceState& state) {
  if (url.size() > kMostAddressBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "an address of " + std::to_string(url.size()) + " bytes");
  }
  // Not s3: that would be asked with the credentials of this process.
  if (!url.starts_with("https://") && !url.starts_with("http://")) {
    return Fail(ErrorCode::kInvalidArgument,
                "an address begins with https:// or http://");
  }
  auto fetched = state.parts.references.Get(url);
  if (!fetched) {
    return Fail(CodeOfFetch(fetched.error().code), fetched.error().message);
  }
  if (fetched->empty()) {
    return Fail(ErrorCode::kInvalidArgument, "nothing is at that address");
  }
  return SentPicture(*std::move(fetched));
}

Result<SentPicture> Take(v1::Image& image, ServiceState& state) {
  if (image.from_case() == v1::Image::kUrl) {
    return FetchPicture(image.url(), state);
  }
  if (image.data().empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "no picture: data or url is needed");
  }
  if (image.data().size() > state.parts.limits.max_bytes) {
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(image.data().size()) +
                    " bytes; a picture has at most " +
                    std::to_string(state.parts.limits.max_bytes));
  }
  return SentPicture(std::move(*image.mutable_data()));
}

}  // namespace

Result<SentPicture> TakePicture(v1::Image& image, std::string_view field,
                                ServiceState& state) {
  auto picture = Take(image, state);
  if (!picture) return picture.Failure(field);
  return picture;
}

Result<Recognition> RecognizePicture(std::span<const std::byte> encoded,
                                     ServiceState& state) {
  auto recognition = state.parts.recognizer.Recognize(encoded);
  if (recognition) {
    state.CountImage(recognition->cached);
    return recognition;
  }
  Error error = recognition.error();
  if (error.code == ErrorCode::kNotFound) {
    error.code = ErrorCode::kFailedPrecondition;
  }
  return tl::unexpected<Error>(std::move(error));
}

FacePicture PictureOfFace(std::span<const std::byte> encoded, const Face& face,
                          ServiceState& state) {
  const auto slot = state.parts.images.Take();
  if (!slot) return {};
  const auto image = DecodeSentImage(encoded, state.parts.limits);
  if (!image) return {};
  return MakeFacePicture(*image, face.box).value_or(FacePicture());
}

Result<Recognition> RecognizeImage(v1::Image& image, std::string_view field,
                                   ServiceState& state) {
  const auto picture = TakePicture(image, field, state);
  if (!picture) return picture.Failure();
  auto recognition = RecognizePicture(picture->bytes(), state);
  if (!recognition) return recognition.Failure(field);
  return recognition;
}

Result<> CheckMaxSide(std::int32_t max_side) {
  constexpr std::int32_t kMost = 16'384;
  if (max_side >= 0 && max_side <= kMost) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "max_side: " + std::to_string(max_side) + "; 0 to " +
                  std::to_string(kMost) + " pixels");
}

v1::Picture JpegPicture(std::string data, std::string etag) {
  v1::Picture picture;
  picture.set_data(std::move(data));
  picture.set_content_type("image/jpeg");
  picture.set_etag(std::move(etag));
  return picture;
}

v1::Picture JpegPicture(std::span<const std::byte> data, std::string etag) {
  return JpegPicture(
      std::string(reinterpret_cast<const char*>(data.data()), data.size()),
      std::move(etag));
}

}  // namespace ocelli
