#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/image.h"

namespace ocelli {

// One line of text, ready to paint.
struct LetteredLine {
  Image mask;          // Grey: 255 where the ink is.
  int baseline = 0;    // Pixels below the mask's top.
  int cap_height = 0;  // Of a capital letter, pixels above the baseline.
};

// Text drawn with the fonts of this machine. Thread-safe.
class Lettering {
 public:
  // Null, with one warning in the log, where no known font is installed.
  static const Lettering* Installed();
  ~Lettering();

  // `text` is UTF-8; what is not becomes U+FFFD, control characters become
  // blanks, and what does not fit into `max_width` pixels becomes an ellipsis.
  // `size` is the font's, in pixels, 4 to 400.
  LetteredLine Render(std::string_view text, float size, int max_width) const;

 private:
  struct Fonts;
  explicit Lettering(std::unique_ptr<Fonts> fonts);
  std::unique_ptr<Fonts> fonts_;
};

// The code points of UTF-8 text, at most `max_count`; U+FFFD for each byte
// that is part of none (RFC 3629).
std::u32string DecodeUtf8(std::string_view text, std::size_t max_count);

}  // namespace ocelli
