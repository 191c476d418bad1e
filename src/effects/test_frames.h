#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string_view>

#include "core/frame.h"
#include "effects/effect.h"
#include "effects/face_region.h"

namespace ocelli {

// For tests: a frame of skin-coloured noise, the same for the same seed.
inline Frame NoiseFrame(int width, int height, unsigned seed = 1,
                        int spread = 24) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> noise(-spread, spread);
  Frame frame;
  frame.pixels = YuvImage(width, height, {});
  const MutableYuvView view = frame.pixels.MutableView();
  const auto fill = [&](MutableImageView plane, int level) {
    for (int y = 0; y < plane.height; ++y) {
      for (int x = 0; x < plane.width; ++x) {
        *plane.Pixel(x, y) = static_cast<std::uint8_t>(level + noise(random));
      }
    }
  };
  fill(view.LumaPlane(), 140);
  fill(view.UPlane(), 110);
  fill(view.VPlane(), 150);
  return frame;
}

// The pixels of a plane that differ; empty where none do. Needs equal sizes.
inline PixelRect Difference(ImageView a, ImageView b) {
  int left = a.width, top = a.height, right = 0, bottom = 0;
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < a.width; ++x) {
      if (*a.Pixel(x, y) == *b.Pixel(x, y)) continue;
      left = std::min(left, x);
      top = std::min(top, y);
      right = std::max(right, x + 1);
      bottom = std::max(bottom, y + 1);
    }
  }
  return right > left ? PixelRect{left, top, right - left, bottom - top}
                      : PixelRect{};
}

inline bool IsWithin(const PixelRect& inner, const PixelRect& outer) {
  return inner.empty() ||
         (inner.x >= outer.x && inner.y >= outer.y &&
          inner.right() <= outer.right() && inner.bottom() <= outer.bottom());
}

inline bool SamePixels(YuvView a, YuvView b) {
  return a.width == b.width && a.height == b.height &&
         Difference(a.LumaPlane(), b.LumaPlane()).empty() &&
         Difference(a.UPlane(), b.UPlane()).empty() &&
         Difference(a.VPlane(), b.VPlane()).empty();
}

// "NAME:parameter=value" made ready; null where that fails.
inline std::unique_ptr<Effect> MakeEffect(EffectKind kind,
                                          std::string_view text,
                                          const EffectContext& context = {}) {
  EffectRegistry registry;
  registry.Add(std::move(kind));
  const auto chosen = registry.Parse(text);
  if (!chosen) return nullptr;
  auto effect = chosen->Make(context);
  return effect ? std::move(*effect) : nullptr;
}

}  // namespace ocelli
