#include "effects/lettering.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/log.h"

namespace ocelli {
namespace {

// In order of preference; a character comes from the first that has it.
constexpr const char* kFontFiles[] = {
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    "/usr/share/fonts/truetype/freefont/FreeSans.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
};
constexpr std::size_t kMaxCharacters = 200;
constexpr char32_t kReplacement = 0xfffd;
constexpr char32_t kEllipsis = 0x2026;

// FreeType counts in 64ths of a pixel.
constexpr float kUnit = 64;

struct CloseFace {
  void operator()(FT_Face face) const { FT_Done_Face(face); }
};
using Face = std::unique_ptr<FT_FaceRec_, CloseFace>;

struct CloseLibrary {
  void operator()(FT_Library library) const { FT_Done_FreeType(library); }
};

struct Glyph {
  FT_Face face;
  FT_UInt index;
  float advance;  // Pixels.
};

bool Load(const Glyph& glyph) {
  return FT_Load_Glyph(glyph.face, glyph.index,
                       FT_LOAD_NO_BITMAP | FT_LOAD_TARGET_LIGHT) == 0 &&
         glyph.face->glyph->format == FT_GLYPH_FORMAT_OUTLINE;
}

float Width(const std::vector<Glyph>& glyphs) {
  float width = 0;
  for (const Glyph& glyph : glyphs) width += glyph.advance;
  return width;
}

// Keeps the darker of two glyphs that touch.
void Compose(const FT_Bitmap& bitmap, int left, int top,
             MutableImageView mask) {
  for (int row = 0; row < static_cast<int>(bitmap.rows); ++row) {
    const int y = top + row;
    if (y < 0 || y >= mask.height) continue;
    const std::uint8_t* source =
        bitmap.buffer + std::ptrdiff_t{row} * bitmap.pitch;
    for (int column = 0; column < static_cast<int>(bitmap.width); ++column) {
      const int x = left + column;
      if (x < 0 || x >= mask.width) continue;
      std::uint8_t* target = mask.Pixel(x, y);
      *target = std::max(*target, source[column]);
    }
  }
}

}  // namespace

struct Lettering::Fonts {
  std::unique_ptr<FT_LibraryRec_, CloseLibrary> library;
  std::vector<Face> faces;
  std::mutex mutex;  // FreeType's faces are for one thread at a time.

  Glyph Find(char32_t character) const {
    for (const Face& face : faces) {
      if (const FT_UInt index = FT_Get_Char_Index(face.get(), character)) {
        return {face.get(), index, 0};
      }
    }
    return {faces.front().get(), 0, 0};
  }

  std::vector<Glyph> Find(const std::u32string& characters) const {
    std::vector<Glyph> glyphs;
    for (const char32_t character : characters) {
      Glyph glyph = Find(character);
      if (!Load(glyph)) continue;
      glyph.advance =
          static_cast<float>(glyph.face->glyph->linearHoriAdvance) / 65536;
      glyphs.push_back(glyph);
    }
    return glyphs;
  }
};

Lettering::Lettering(std::unique_ptr<Fonts> fonts) : fonts_(std::move(fonts)) {}
Lettering::~Lettering() = default;

const Lettering* Lettering::Installed() {
  static const std::unique_ptr<const Lettering> installed =
      []() -> std::unique_ptr<const Lettering> {
    auto fonts = std::make_unique<Fonts>();
    FT_Library library = nullptr;
    if (FT_Init_FreeType(&library) == 0) {
      fonts->library.reset(library);
      for (const char* file : kFontFiles) {
        FT_Face face = nullptr;
        if (FT_New_Face(library, file, 0, &face) == 0) {
          fonts->faces.emplace_back(face);
        }
      }
    }
    if (fonts->faces.empty()) {
      Log(LogLevel::kWarning,
          "no font for names in pictures: apt-get install fonts-dejavu-core");
      return nullptr;
    }
    return std::unique_ptr<const Lettering>(new Lettering(std::move(fonts)));
  }();
  return installed.get();
}

LetteredLine Lettering::Render(std::string_view text, float size,
                               int max_width) const {
  const std::lock_guard lock(fonts_->mutex);
  const auto units =
      static_cast<FT_F26Dot6>(std::clamp(size, 4.f, 400.f) * kUnit);
  for (const Face& face : fonts_->faces) {
    FT_Set_Char_Size(face.get(), 0, units, 0, 0);
  }

  std::u32string characters = DecodeUtf8(text, kMaxCharacters);
  for (char32_t& character : characters) {
    if (character < 0x20 || (character >= 0x7f && character < 0xa0)) {
      character = ' ';
    }
  }
  std::vector<Glyph> glyphs = fonts_->Find(characters);
  const auto limit = static_cast<float>(std::max(max_width, 1));
  if (Width(glyphs) > limit) {
    const std::vector<Glyph> ellipsis = fonts_->Find(std::u32string{kEllipsis});
    while (!glyphs.empty() && Width(glyphs) + Width(ellipsis) > limit) {
      glyphs.pop_back();
    }
    glyphs.insert(glyphs.end(), ellipsis.begin(), ellipsis.end());
  }

  const FT_Size_Metrics& metrics = fonts_->faces.front()->size->metrics;
  const auto pixels = [](FT_Pos value) {
    return static_cast<int>(std::ceil(static_cast<float>(value) / kUnit));
  };
  LetteredLine line;
  line.baseline = pixels(metrics.ascender);
  // One pixel more on each side than the advances say: slanted letters lean.
  line.mask =
      Image(static_cast<int>(std::ceil(Width(glyphs))) + 2,
            line.baseline + pixels(-metrics.descender), PixelFormat::kGrey8);
  std::memset(line.mask.view().data, 0, line.mask.size_bytes());
  if (const Glyph capital = fonts_->Find(U'H'); Load(capital)) {
    line.cap_height = pixels(capital.face->glyph->metrics.horiBearingY);
  }

  float pen = 1;
  for (const Glyph& glyph : glyphs) {
    if (!Load(glyph)) continue;
    const FT_GlyphSlot slot = glyph.face->glyph;
    const float whole = std::floor(pen);
    FT_Outline_Translate(&slot->outline,
                         static_cast<FT_Pos>((pen - whole) * kUnit), 0);
    if (FT_Render_Glyph(slot, FT_RENDER_MODE_NORMAL) == 0) {
      Compose(slot->bitmap, static_cast<int>(whole) + slot->bitmap_left,
              line.baseline - slot->bitmap_top, line.mask.view());
    }
    pen += glyph.advance;
  }
  return line;
}

std::u32string DecodeUtf8(std::string_view text, std::size_t max_count) {
  struct Form {
    unsigned lead_mask, lead;
    std::size_t length;
    char32_t smallest;  // What is smaller has a shorter form.
  };
  constexpr Form kForms[] = {{0x80, 0x00, 1, 0},
                             {0xe0, 0xc0, 2, 0x80},
                             {0xf0, 0xe0, 3, 0x800},
                             {0xf8, 0xf0, 4, 0x10000}};
  const auto byte = [&](std::size_t at) {
    return static_cast<unsigned char>(text[at]);
  };
  // The character that starts at `at`, or none.
  const auto decode = [&](std::size_t at,
                          const Form& form) -> std::optional<char32_t> {
    if ((byte(at) & form.lead_mask) != form.lead) return std::nullopt;
    if (form.length > text.size() - at) return std::nullopt;
    char32_t character = byte(at) & ~form.lead_mask;
    for (std::size_t i = 1; i < form.length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return std::nullopt;
      character = character << 6 | (byte(at + i) & 0x3f);
    }
    const bool surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character < form.smallest || character > 0x10ffff || surrogate) {
      return std::nullopt;
    }
    return character;
  };

  std::u32string characters;
  for (std::size_t at = 0; at < text.size() && characters.size() < max_count;) {
    char32_t character = kReplacement;
    std::size_t length = 1;
    for (const Form& form : kForms) {
      if (const auto decoded = decode(at, form)) {
        character = *decoded;
        length = form.length;
        break;
      }
    }
    characters += character;
    at += length;
  }
  return characters;
}

}  // namespace ocelli
