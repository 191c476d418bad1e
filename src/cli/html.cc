#include "cli/html.h"

namespace ocelli {
namespace {

constexpr std::string_view kBeforeTitle = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>)";
constexpr std::string_view kAfterTitle = R"(</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8882;
  --good: #1a9850; --bad: #d73027; --quiet: #888; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1200px;
  padding: 2rem 1rem; }
h1 { font-size: 1.9rem; margin: 3.5rem 0 .25rem; }
h1:first-of-type { margin-top: 0; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.25rem; }
p { margin: 0 0 1rem; color: var(--quiet); max-width: 46rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0; }
.figure { border: 1px solid var(--line); border-radius: 12px;
  padding: .75rem 1.25rem; }
.figure b { display: block; font-size: 1.7rem; line-height: 1.2; }
.figure span { color: var(--quiet); font-size: .85rem; }
.grid { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); }
figure { margin: 0; border: 1px solid var(--line); border-radius: 12px;
  overflow: hidden; display: flex; flex-direction: column; }
.clips { grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
figure video { width: 100%; display: block; }
figure img { width: 100%; height: 220px; object-fit: contain;
  background: var(--soft); display: block; }
figcaption { padding: .6rem .8rem; font-size: .9rem; }
figcaption code { color: var(--quiet); }
figcaption code span { white-space: nowrap; }
.tag { display: inline-block; border-radius: 99px; padding: 0 .6rem;
  margin: .25rem .25rem 0 0; color: #fff; background: var(--quiet); }
.tag.right { background: var(--good); } .tag.wrong { background: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: .3rem .9rem .3rem 0; font-weight: normal; }
th { color: var(--quiet); }
.hits td { text-align: center; font-size: .85rem; vertical-align: top; }
.hits img { max-width: 120px; max-height: 90px; border: 1px solid var(--line); }
</style>
)";

}  // namespace

std::string HtmlHead(std::string_view title) {
  return std::string(kBeforeTitle) + HtmlEscaped(title) +
         std::string(kAfterTitle);
}

std::string HtmlEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string HtmlFigure(const std::string& value, std::string_view label) {
  return "<div class=\"figure\"><b>" + value + "</b><span>" +
         std::string(label) + "</span></div>\n";
}

std::string JpegDataUri(std::span<const std::byte> jpeg) {
  constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string uri = "data:image/jpeg;base64,";
  uri.reserve(uri.size() + (jpeg.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < jpeg.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 |
             (i + k < jpeg.size() ? std::to_integer<unsigned>(jpeg[i + k]) : 0);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      uri += i + k <= jpeg.size() ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
    }
  }
  return uri;
}

}  // namespace ocelli
