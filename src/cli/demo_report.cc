#include "cli/demo_report.h"

#include <cstdio>

#include "cli/html.h"
#include "core/file.h"

namespace ocelli {
namespace {

std::string Tags(const std::vector<std::string>& names, std::string_view kind,
                 std::string_view mark) {
  std::string tags;
  for (const std::string& name : names) {
    tags += "<span class=\"tag " + std::string(kind) + "\">" +
            std::string(mark) + HtmlEscaped(name) + "</span>";
  }
  return tags;
}

std::string Grid(const std::vector<DemoPicture>& pictures) {
  std::string grid = "<div class=\"grid\">\n";
  for (const DemoPicture& picture : pictures) {
    grid += "<figure><a href=\"" + HtmlEscaped(picture.image) +
            "\"><img src=\"" + HtmlEscaped(picture.image) + "\" alt=\"" +
            HtmlEscaped(picture.title) +
            "\" loading=\"lazy\"></a><figcaption><code>" +
            HtmlEscaped(picture.title) + "</code> " +
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
                         const std::vector<DemoPicture>& groups,
                         const std::optional<Comparison>& flags,
                         const DemoVideo& video, const DemoArchive& archive) {
  std::string page = HtmlHead("Ocelli: who is in these photos?");
  page +=
      "<h1>Who is in these photos?</h1>\n"
      "<p>Ocelli was shown a few faces by name, then looked at an album and at "
      "six group photos. The album's owner had tagged the people himself, so "
      "every answer could be checked.</p>\n<div class=\"figures\">\n";
  page += HtmlFigure(std::to_string(summary.pictures), "pictures");
  page += HtmlFigure(std::to_string(summary.faces), "faces found");
  page += HtmlFigure(std::to_string(summary.right), "named right");
  page += HtmlFigure(std::to_string(summary.wrong), "named wrong");
  page += HtmlFigure(std::to_string(summary.unseen), "tagged, not seen");
  page += HtmlFigure(Seconds(summary.first_seconds), "first pass");
  page += HtmlFigure(Seconds(summary.second_seconds),
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
  page += "<h1>A face in a film</h1>\n" + VideoHtml(video);
  page += "<h1>Its frames, kept</h1>\n" + ArchiveHtml(archive);
  if (flags) {
    page +=
        "<h1>Which flags look alike?</h1>\n<p>" +
        std::to_string(flags->pictures.size()) +
        " national flags, nothing said about any of them. A row a model: the "
        "most similar first, with the cosine of their embeddings. Some are the "
        "same picture: Heard Island flies Australia's flag.</p>\n" +
        CompareHtml(*flags);
  }
  return WriteFileAtomically(file, page);
}

}  // namespace ocelli
