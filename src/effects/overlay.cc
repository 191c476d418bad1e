#include "effects/overlay.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "effects/canvas.h"
#include "effects/lettering.h"

namespace ocelli {
namespace {

// Bright enough for white skin and dark hair alike, and told apart by most
// who see colours differently.
constexpr Paint kPersonColours[] = {
    {64, 196, 255}, {255, 171, 64},  {105, 240, 174}, {255, 128, 171},
    {255, 238, 88}, {179, 136, 255}, {29, 233, 182},  {255, 138, 101},
};
constexpr Paint kUnknownColour = {255, 255, 255, .9f};
constexpr Paint kDarkInk = {16, 20, 28};
constexpr Paint kShadow = {0, 0, 0, .45f};

// FNV-1a: the same name has the same colour in every picture.
const Paint& ColourOf(const OverlayFace& face) {
  if (!face.known) return kUnknownColour;
  std::uint32_t hash = 2166136261u;
  for (const char c : face.label) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  }
  return kPersonColours[hash % std::size(kPersonColours)];
}

Paint WithOpacity(Paint paint, float opacity) {
  paint.opacity = opacity;
  return paint;
}

// As pale as the face is to be.
Paint PaintFor(const OverlayFace& face, Paint paint) {
  paint.opacity *= std::clamp(face.opacity, 0.f, 1.f);
  return paint;
}

struct Sizes {
  float line;    // Width of the box's corners.
  float letter;  // Font size.
};

Sizes SizesFor(const RectF& box, const Surface& image) {
  const auto longest =
      static_cast<float>(std::max(image.width(), image.height()));
  const float face = std::clamp(std::max(box.width, box.height), 0.f, longest);
  return {
      std::clamp(.022f * face, std::max(2.f, .0011f * longest),
                 std::max(3.f, .005f * longest)),
      std::clamp(.15f * face, std::max(11.f, .0105f * longest),
                 std::max(13.f, .024f * longest)),
  };
}

void DrawBox(const Surface& image, const OverlayFace& face) {
  const Sizes sizes = SizesFor(face.box, image);
  const float side = std::min(face.box.width, face.box.height);
  const float radius = .1f * side;
  const float arm = std::max(.24f * side, radius);
  const Paint& colour = ColourOf(face);
  const Line line = {sizes.line, 1};
  const Line shadow = {sizes.line, 2.5f * sizes.line};
  StrokeRoundedBox(image, face.box, radius, shadow,
                   PaintFor(face, WithOpacity(kShadow, .25f)));
  StrokeCorners(image, face.box, radius, arm, shadow, PaintFor(face, kShadow));
  StrokeRoundedBox(image, face.box, radius, {sizes.line / 3, 1},
                   PaintFor(face, WithOpacity(colour, .55f)));
  StrokeCorners(image, face.box, radius, arm, line, PaintFor(face, colour));
}

void DrawMesh(const Surface& image, const OverlayFace& face) {
  const float radius =
      std::clamp(.0045f * std::max(face.box.width, face.box.height), .55f, 4.f);
  const Paint paint = PaintFor(face, WithOpacity(ColourOf(face), .65f));
  for (const Point3F& point : face.mesh) {
    FillDisc(image, {point.x, point.y}, radius, paint);
  }
}

// A name in its pill.
struct Label {
  RectF pill;
  const LetteredLine* name = nullptr;
  const LetteredLine* detail = nullptr;  // Null: none.
  float padding = 0;
};

// Below the face, above it, or in it: where it hides least of the other faces
// and of the names that have their place already.
void Place(Label& label, std::size_t own, std::span<const OverlayFace> faces,
           std::span<const RectF> placed, const Surface& image) {
  const RectF& box = faces[own].box;
  const auto width = static_cast<float>(image.width());
  const auto height = static_cast<float>(image.height());
  const float gap = std::round(.35f * label.pill.height);
  const float x =
      std::round(std::clamp(box.center().x - label.pill.width / 2, 0.f,
                            std::max(width - label.pill.width, 0.f)));
  const float candidates[] = {box.bottom() + gap,
                              box.y - gap - label.pill.height,
                              box.bottom() - gap - label.pill.height};
  float least = std::numeric_limits<float>::infinity();
  for (const float candidate : candidates) {
    const float y = std::round(
        std::clamp(candidate, 0.f, std::max(height - label.pill.height, 0.f)));
    const RectF pill = {x, y, label.pill.width, label.pill.height};
    float hidden = 0;
    for (std::size_t i = 0; i < faces.size(); ++i) {
      // The own chin is the lesser evil to another's eyes.
      const float weight = i == own ? .5f : 1;
      hidden += weight * IntersectionArea(pill, faces[i].box);
    }
    for (const RectF& other : placed) {
      hidden += 2 * IntersectionArea(pill, other);
    }
    if (hidden < least) {
      least = hidden;
      label.pill = pill;
    }
  }
}

void DrawLabel(const Surface& image, const Label& label,
               const OverlayFace& face) {
  const RectF& pill = label.pill;
  const float radius = pill.height / 2;
  const float soft = pill.height / 5;
  StrokeRoundedBox(image, pill, radius, {soft / 2, 2 * soft},
                   PaintFor(face, WithOpacity(kShadow, .3f)));
  FillRoundedBox(image, pill, radius,
                 PaintFor(face, face.known ? WithOpacity(ColourOf(face), .94f)
                                           : WithOpacity(kDarkInk, .72f)));
  const Paint ink =
      PaintFor(face, face.known ? kDarkInk : WithOpacity(kUnknownColour, 1));
  const auto baseline = static_cast<int>(std::round(
      pill.center().y + static_cast<float>(label.name->cap_height) / 2));
  int x = static_cast<int>(pill.x + label.padding);
  PaintMask(image, label.name->mask, x, baseline - label.name->baseline, ink);
  if (label.detail) {
    x += label.name->mask.width() + static_cast<int>(label.padding / 2);
    PaintMask(image, label.detail->mask, x, baseline - label.detail->baseline,
              WithOpacity(ink, .6f * ink.opacity));
  }
}

bool IsVisible(const RectF& box, const Surface& image) {
  const RectF picture = {0, 0, static_cast<float>(image.width()),
                         static_cast<float>(image.height())};
  return IsDrawable(box) && IntersectionArea(box, picture) > 0;
}

}  // namespace

void DrawOverlay(const Surface& surface, std::span<const OverlayFace> faces) {
  OverlayPainter().Draw(surface, faces);
}

const LetteredLine& OverlayPainter::Letter(const Lettering& lettering,
                                           const std::string& text, float size,
                                           int max_width) {
  const auto [line, is_new] = lines_.try_emplace({text, size, max_width});
  if (is_new) line->second = lettering.Render(text, size, max_width);
  return line->second;
}

void OverlayPainter::Draw(const Surface& surface,
                          std::span<const OverlayFace> faces) {
  for (const OverlayFace& face : faces) DrawMesh(surface, face);
  for (const OverlayFace& face : faces) {
    if (face.show_box) DrawBox(surface, face);
  }

  const bool labels =
      std::any_of(faces.begin(), faces.end(),
                  [](const OverlayFace& face) { return !face.label.empty(); });
  const Lettering* lettering = labels ? Lettering::Installed() : nullptr;
  if (!lettering) return;
  constexpr std::size_t kMostLines = 256;
  if (lines_.size() > kMostLines) lines_.clear();
  std::vector<RectF> placed;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const OverlayFace& face = faces[i];
    if (face.label.empty() || !IsVisible(face.box, surface)) continue;
    // Whole pixels, so that a face that moves does not need new letters.
    const float size = std::round(SizesFor(face.box, surface).letter);
    Label label;
    label.padding = std::round(.55f * size);
    const float room =
        static_cast<float>(surface.width()) - 2 * label.padding - 2 * size;
    label.name =
        &Letter(*lettering, face.label, size, static_cast<int>(.8f * room));
    float width =
        2 * label.padding + static_cast<float>(label.name->mask.width());
    if (!face.detail.empty()) {
      label.detail = &Letter(*lettering, face.detail, std::round(.8f * size),
                             static_cast<int>(.2f * room));
      width +=
          static_cast<float>(label.detail->mask.width()) + label.padding / 2;
    }
    label.pill = {0, 0, width, std::round(1.7f * size)};
    Place(label, i, faces, placed, surface);
    DrawLabel(surface, label, face);
    placed.push_back(label.pill);
  }
}

}  // namespace ocelli
