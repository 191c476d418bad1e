// A line of an export of people.
#include "faces/gallery_line.h"
#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(
      ocelli::ParseGalleryLine(ocelli::TextOf(data, size)).has_value());
  return 0;
}
