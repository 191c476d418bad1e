#include "cli/contact_sheet.h"

#include <algorithm>
#include <cstring>

#include "cli/thumbnail.h"
#include "core/file.h"
#include "effects/canvas.h"
#include "effects/lettering.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

constexpr int kSide = 240;    // Of a picture, pixels.
constexpr int kMargin = 16;   // Around each.
constexpr int kCaption = 52;  // Two lines below each.
constexpr Paint kInk = {24, 28, 36};
constexpr Paint kQuietInk = {110, 116, 128};
constexpr Paint kQueryFrame = {30, 120, 220};
constexpr Paint kMissing = {222, 224, 228};

void Write(MutableImageView sheet, const std::string& text, float size, int x,
           int baseline, const Paint& paint) {
  const Lettering* letters = Lettering::Installed();
  if (!letters || text.empty()) return;
  const LetteredLine line = letters->Render(text, size, kSide);
  PaintMask(sheet, line.mask, x, baseline - line.baseline, paint);
}

void Place(MutableImageView sheet, const SheetPicture& picture, int left,
           int top) {
  const auto image = LoadThumbnail(picture.path, kSide);
  const int width = image ? image->width() : kSide;
  const int height = image ? image->height() : kSide;
  const int x = left + (kSide - width) / 2, y = top + (kSide - height) / 2;
  const RectF box{static_cast<float>(x), static_cast<float>(y),
                  static_cast<float>(width), static_cast<float>(height)};
  if (image) {
    const ImageView pixels = *image;
    for (int row = 0; row < height; ++row) {
      std::uint8_t* target = sheet.Pixel(x, y + row);
      for (int column = 0; column < width; ++column, target += 3) {
        const std::uint8_t* source = pixels.Pixel(column, row);
        for (int c = 0; c < 3; ++c) {
          target[c] = source[pixels.format == PixelFormat::kRgb8 ? c : 0];
        }
      }
    }
  } else {
    FillRoundedBox(sheet, box, 8, kMissing);
  }
  if (picture.framed)
    StrokeRoundedBox(sheet, box, 2, {.width = 4}, kQueryFrame);
  Write(sheet, picture.title, 17, left, top + kSide + 24, kInk);
  Write(sheet, picture.detail, 14, left, top + kSide + 45, kQuietInk);
}

}  // namespace

Result<> WriteContactSheet(const std::filesystem::path& file,
                           const std::vector<SheetPicture>& pictures,
                           int columns) {
  const std::string ending = file.extension().string();
  if (ending != ".png" && ending != ".jpg" && ending != ".jpeg") {
    return Fail(ErrorCode::kInvalidArgument,
                "a sheet is a .png or a .jpg, not " + file.string());
  }
  const int count = static_cast<int>(pictures.size());
  columns = std::clamp(columns, 1, std::max(count, 1));
  const int rows = std::max(1, (count + columns - 1) / columns);
  constexpr int kStepX = kSide + kMargin;
  constexpr int kStepY = kSide + kCaption + kMargin;
  Image sheet(columns * kStepX + kMargin, rows * kStepY + kMargin,
              PixelFormat::kRgb8);
  std::memset(sheet.view().data, 255, sheet.size_bytes());
  for (int i = 0; i < count; ++i) {
    Place(sheet.view(), pictures[static_cast<std::size_t>(i)],
          kMargin + i % columns * kStepX, kMargin + i / columns * kStepY);
  }
  const auto encoded = ending == ".png" ? EncodePng(sheet) : EncodeJpeg(sheet);
  if (!encoded) return encoded.Failure();
  return WriteFileAtomically(file, *encoded);
}

}  // namespace ocelli
