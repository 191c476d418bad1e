#include "cli/demo_report.h"

#include <cstdio>

#include "core/file.h"

namespace ocelli {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ocelli: who is in these photos?</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8882;
  --good: #1a9850; --bad: #d73027; --quiet: #888; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1200px;
  padding: 2rem 1rem; }
h1 { font-size: 1.9rem; margin: 0 0 .25rem; }
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
figure img { width: 100%; height: 220px; object-fit: contain;
  background: var(--soft); display: block; }
figcaption { padding: .6rem .8rem; font-size: .9rem; }
figcaption code { color: var(--quiet); }
.tag { display: inline-block; border-radius: 99px; padding: 0 .6rem;
  margin: .25rem .25rem 0 0; color: #fff; background: var(--quiet); }
.tag.right { background: var(--good); } .tag.wrong { background: var(--bad); }
</style>
)";

std::string Escaped(std::string_view text) {
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

std::string Figure(const std::string& value, std::string_view label) {
  return "<div class=\"figure\"><b>" + value + "</b><span>" +
         std::string(label) + "</span></div>\n";
}

std::string Tags(const std::vector<std::string>& names, std::string_view kind,
                 std::string_view mark) {
  std::string tags;
  for (const std::string& name : names) {
    tags += "<span class=\"tag " + std::string(kind) + "\">" +
            std::string(mark) + Escaped(name) + "</span>";
  }
  return tags;
}

std::string Grid(const std::vector<DemoPicture>& pictures) {
  std::string grid = "<div class=\"grid\">\n";
  for (const DemoPicture& picture : pictures) {
    grid += "<figure><a href=\"" + Escaped(picture.image) + "\"><img src=\"" +
            Escaped(picture.image) + "\" alt=\"" + Escaped(picture.title) +
            "\" loading=\"lazy\"></a><figcaption><code>" +
            Escaped(picture.title) + "</code> " +
            std::to_string(picture.faces) +
            (picture.faces == 1 ? " face<br>" : " faces<br>") +
            Tags(picture.right, "right", "✓ ") +
            Tags(picture.wrong, "wrong", "✗ ") +
            Tags(picture.unseen, "unseen", "not seen: ") +
            Tags(picture.enrolled, "enrolled", "taught: ") +
            "</figcaption></figure>\n";
  }
  return grid + "</div>\n";
}

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), seconds < 1 ? "%.3f s" : "%.1f s", seconds);
  return text;
}

}  // namespace

Result<> WriteDemoReport(const std::filesystem::path& file,
                         const DemoSummary& summary,
                         const std::vector<DemoPicture>& album,
                         const std::vector<DemoPicture>& groups) {
  std::string page(kHead);
  page +=
      "<h1>Who is in these photos?</h1>\n"
      "<p>Ocelli was shown a few faces by name, then looked at an album and at "
      "six group photos. The album's owner had tagged the people himself, so "
      "every answer could be checked.</p>\n<div class=\"figures\">\n";
  page += Figure(std::to_string(summary.pictures), "pictures");
  page += Figure(std::to_string(summary.faces), "faces found");
  page += Figure(std::to_string(summary.right), "named right");
  page += Figure(std::to_string(summary.wrong), "named wrong");
  page += Figure(std::to_string(summary.unseen), "tagged, not seen");
  page += Figure(Seconds(summary.first_seconds), "first pass");
  page += Figure(Seconds(summary.second_seconds),
                 "second pass, " + std::to_string(summary.second_cached) +
                     " from the cache");
  page +=
      "</div>\n<h2>The album</h2>\n<p>Green: the album's tag and Ocelli agree. "
      "Grey: tagged, but no face of that person was recognised (turned away, "
      "too dark, too small), or a picture that taught the name.</p>\n";
  page += Grid(album);
  page +=
      "<h2>Six group photos</h2>\n<p>Nobody here is in the album: any name "
      "would be a mistake.</p>\n";
  page += Grid(groups);
  return WriteFileAtomically(file, page);
}

}  // namespace ocelli
