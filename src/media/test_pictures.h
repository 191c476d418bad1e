#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/image.h"

// Pictures that tests tell apart by the colours of their corners.
namespace ocelli::test {

using Colour = std::array<std::uint8_t, 3>;

inline Colour ColourOf(char letter) {
  switch (letter) {
    case 'R':
      return {255, 0, 0};
    case 'G':
      return {0, 255, 0};
    case 'B':
      return {0, 0, 255};
    default:
      return {255, 255, 0};
  }
}

// `corners` names the quarters: upper left and right, lower left and right.
inline Image Quarters(int width, int height, std::string_view corners) {
  Image image(width, height, PixelFormat::kRgb8);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::size_t quarter =
          (x >= width / 2 ? 1u : 0u) + (y >= height / 2 ? 2u : 0u);
      const Colour colour = ColourOf(corners[quarter]);
      for (std::size_t c = 0; c < 3; ++c) {
        image.view().Pixel(x, y)[c] = colour[c];
      }
    }
  }
  return image;
}

inline Colour PixelOf(const Image& image, int x, int y) {
  const std::uint8_t* pixel = image.view().Pixel(x, y);
  return {pixel[0], pixel[1], pixel[2]};
}

inline bool Near(const Colour& a, const Colour& b, int tolerance) {
  for (std::size_t c = 0; c < 3; ++c) {
    if (std::abs(a[c] - b[c]) > tolerance) return false;
  }
  return true;
}

// The letters of the corners, '?' for another colour.
inline std::string CornersOf(const Image& image) {
  const int right = image.width() * 7 / 8;
  const int bottom = image.height() * 7 / 8;
  const int left = image.width() / 8;
  const int top = image.height() / 8;
  std::string corners;
  for (const Colour& colour :
       {PixelOf(image, left, top), PixelOf(image, right, top),
        PixelOf(image, left, bottom), PixelOf(image, right, bottom)}) {
    char letter = '?';
    for (const char candidate : {'R', 'G', 'B', 'Y'}) {
      if (Near(colour, ColourOf(candidate), 40)) letter = candidate;
    }
    corners += letter;
  }
  return corners;
}

inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string BigEndian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) {
    text += static_cast<char>(value >> (8 * i) & 0xff);
  }
  return text;
}
inline std::string LittleEndian(std::uint32_t value, int bytes) {
  const std::string text = BigEndian(value, bytes);
  return {text.rbegin(), text.rend()};
}

// A TIFF header and one directory with only the orientation in it.
inline std::string ExifWithOrientation(std::uint32_t orientation) {
  using std::string_literals::operator""s;
  return "MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"s +
         BigEndian(orientation, 2) + "\0\0\0\0\0\0"s;
}

}  // namespace ocelli::test
