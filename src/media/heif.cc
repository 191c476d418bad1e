#include <libheif/heif.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "core/shared_library.h"
#include "media/codec.h"

namespace ocelli {
namespace {

// The part of libheif used here, opened when the first such file comes.
struct Heif {
  decltype(&heif_context_alloc) context_alloc;
  decltype(&heif_context_free) context_free;
  decltype(&heif_context_read_from_memory_without_copy) context_read;
  decltype(&heif_context_get_primary_image_handle) context_get_primary;
  decltype(&heif_context_set_maximum_image_size_limit) context_limit_side;
  decltype(&heif_image_handle_release) handle_release;
  decltype(&heif_image_handle_get_width) handle_width;
  decltype(&heif_image_handle_get_height) handle_height;
  decltype(&heif_image_handle_get_ispe_width) handle_coded_width;
  decltype(&heif_image_handle_get_ispe_height) handle_coded_height;
  decltype(&heif_image_handle_has_alpha_channel) handle_has_alpha;
  decltype(&heif_decoding_options_alloc) options_alloc;
  decltype(&heif_decoding_options_free) options_free;
  decltype(&heif_decode_image) decode;
  decltype(&heif_image_get_width) image_width;
  decltype(&heif_image_get_height) image_height;
  decltype(&heif_image_get_plane_readonly) image_plane;
  decltype(&heif_image_release) image_release;
};

Result<Heif> OpenHeif() {
  const auto library = SharedLibrary::Open(
      {"libheif.so.1"}, "HEIC and AVIF need libheif: apt-get install libheif1");
  if (!library) return library.Failure();
  Heif heif = {};
  bool complete = true;
  const auto find = [&]<typename Function>(Function*& function,
                                           const char* name) {
    function = library->Function<Function>(name);
    complete = complete && function;
  };
  find(heif.context_alloc, "heif_context_alloc");
  find(heif.context_free, "heif_context_free");
  find(heif.context_read, "heif_context_read_from_memory_without_copy");
  find(heif.context_get_primary, "heif_context_get_primary_image_handle");
  find(heif.context_limit_side, "heif_context_set_maximum_image_size_limit");
  find(heif.handle_release, "heif_image_handle_release");
  find(heif.handle_width, "heif_image_handle_get_width");
  find(heif.handle_height, "heif_image_handle_get_height");
  find(heif.handle_coded_width, "heif_image_handle_get_ispe_width");
  find(heif.handle_coded_height, "heif_image_handle_get_ispe_height");
  find(heif.handle_has_alpha, "heif_image_handle_has_alpha_channel");
  find(heif.options_alloc, "heif_decoding_options_alloc");
  find(heif.options_free, "heif_decoding_options_free");
  find(heif.decode, "heif_decode_image");
  find(heif.image_width, "heif_image_get_width");
  find(heif.image_height, "heif_image_get_height");
  find(heif.image_plane, "heif_image_get_plane_readonly");
  find(heif.image_release, "heif_image_release");
  if (!complete) {
    return Fail(ErrorCode::kFailedPrecondition,
                "the libheif of this machine is too old: 1.12 is needed");
  }
  return heif;
}

tl::unexpected<Error> HeifFailure(const heif_error& error) {
  switch (error.code) {
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
      return Fail(
          ErrorCode::kUnimplemented,
          std::string("libheif can't decode this picture: ") + error.message);
    case heif_error_Memory_allocation_error:
      return Fail(ErrorCode::kResourceExhausted,
                  std::string("the HEIC or AVIF picture is too large: ") +
                      error.message);
    default:
      return Fail(
          ErrorCode::kDataLoss,
          std::string("truncated or damaged HEIC or AVIF: ") + error.message);
  }
}

// ISO/IEC 14496-12, 4.3: a `ftyp` box first, with one or more brands.
bool RecognizesHeif(std::span<const std::byte> encoded) {
  constexpr std::string_view kBrands[] = {"heic", "heix", "heim", "heis",
                                          "hevc", "hevx", "avif", "avis",
                                          "mif1", "msf1"};
  if (encoded.size() < 12 || !HasTextAt(encoded, 4, "ftyp")) return false;
  const std::size_t end = std::min<std::size_t>(
      {BigEndian32(encoded, 0), encoded.size(), std::size_t{256}});
  for (std::size_t at = 8; at + 4 <= end; at += 4) {
    if (at == 12) continue;  // The minor version.
    for (const std::string_view brand : kBrands) {
      if (HasTextAt(encoded, at, brand)) return true;
    }
  }
  return false;
}

// libheif applies the file's own rotation and mirroring; EXIF must not be
// applied on top (ISO/IEC 23008-12, annex A).
Result<Image> DecodeHeif(std::span<const std::byte> encoded,
                         const ImageLimits& limits) {
  static const Result<Heif> opened = OpenHeif();
  if (!opened) return opened.Failure();
  const Heif& heif = *opened;

  const std::unique_ptr<heif_context, decltype(heif.context_free)> context(
      heif.context_alloc(), heif.context_free);
  heif_error error =
      heif.context_read(context.get(), encoded.data(), encoded.size(), nullptr);
  if (error.code != heif_error_Ok) return HeifFailure(error);
  heif_image_handle* primary = nullptr;
  error = heif.context_get_primary(context.get(), &primary);
  if (error.code != heif_error_Ok) return HeifFailure(error);
  const std::unique_ptr<heif_image_handle, decltype(heif.handle_release)>
      handle(primary, heif.handle_release);

  // What is stored may be larger than what is seen of it.
  const int coded_width = heif.handle_coded_width(primary);
  const int coded_height = heif.handle_coded_height(primary);
  for (const auto& [width, height] :
       {std::pair(coded_width, coded_height),
        std::pair(heif.handle_width(primary), heif.handle_height(primary))}) {
    const auto size = CheckSize(width, height, limits);
    if (!size) return size.Failure();
  }
  // The tiles must not add up to more than the header said.
  heif.context_limit_side(context.get(), std::max(coded_width, coded_height));

  const std::unique_ptr<heif_decoding_options, decltype(heif.options_free)>
      options(heif.options_alloc(), heif.options_free);
  options->convert_hdr_to_8bit = 1;
  const bool alpha = heif.handle_has_alpha(primary) != 0;
  heif_image* decoded = nullptr;
  error = heif.decode(
      primary, &decoded, heif_colorspace_RGB,
      alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
      options.get());
  if (error.code != heif_error_Ok) return HeifFailure(error);
  const std::unique_ptr<heif_image, decltype(heif.image_release)> owner(
      decoded, heif.image_release);

  const int width = heif.image_width(decoded, heif_channel_interleaved);
  const int height = heif.image_height(decoded, heif_channel_interleaved);
  int stride = 0;
  const std::uint8_t* pixels =
      heif.image_plane(decoded, heif_channel_interleaved, &stride);
  if (const auto size = CheckSize(width, height, limits); !size) {
    return size.Failure();
  }
  if (!pixels) return Fail(ErrorCode::kDataLoss, "damaged HEIC or AVIF");
  Image image(width, height, PixelFormat::kRgb8);
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* row = pixels + std::ptrdiff_t{y} * stride;
    if (alpha) {
      BlendOntoWhite(row, width, image.view().Row(y));
    } else {
      std::memcpy(image.view().Row(y), row,
                  static_cast<std::size_t>(width) * 3);
    }
  }
  return image;
}

}  // namespace

const Codec kHeifCodec = {"HEIC, AVIF", ".heic", RecognizesHeif, DecodeHeif};

}  // namespace ocelli
