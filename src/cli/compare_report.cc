#include "cli/compare_report.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "cli/embedded_folder.h"
#include "cli/html.h"
#include "cli/thumbnail.h"
#include "core/file.h"
#include "embed/image_embedder.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

// Those named, or all that are installed.
Result<std::vector<ModelCard>> ChooseModels(
    const std::vector<std::string>& names, const ModelStore& models) {
  std::vector<ModelCard> chosen;
  for (const std::string& name : names) {
    auto card = FindImageEmbedder(models, name);
    if (!card) return card.Failure();
    chosen.push_back(std::move(*card));
  }
  if (names.empty()) {
    for (const ModelCard& card : models.cards()) {
      if (card.task == "image-embedding" && models.PathOf(card)) {
        chosen.push_back(card);
      }
    }
  }
  if (chosen.size() < 2) {
    return Fail(ErrorCode::kInvalidArgument,
                "two models are needed to compare; to see which there are: "
                "ocelli models list");
  }
  return chosen;
}

Result<double> TimeOne(const ImageEmbedder& embedder,
                       const std::vector<fs::path>& files) {
  constexpr std::size_t kFew = 7;
  std::vector<double> times;
  // The first one warms up and does not count.
  for (std::size_t i = 0; i < std::min(files.size(), kFew + 1); ++i) {
    const auto bytes = ReadFileLimited(files[i], ImageLimits{}.max_bytes);
    if (!bytes) return bytes.Failure();
    const auto image = DecodeImage(*bytes);
    if (!image) return image.Failure();
    const auto start = std::chrono::steady_clock::now();
    const auto vector = embedder.Embed(*image);
    if (!vector) return vector.Failure();
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - start;
    if (i > 0) times.push_back(took.count());
  }
  std::ranges::sort(times);
  return times.empty() ? 0 : times[times.size() / 2];
}

// The rows of the pictures in `kept`, in its order.
std::vector<float> RowsOf(const EmbeddedFolder& folder,
                          const std::vector<fs::path>& kept) {
  std::map<fs::path, std::size_t> rows;
  for (std::size_t i = 0; i < folder.files.size(); ++i) {
    rows.emplace(folder.files[i], i);
  }
  std::vector<float> vectors;
  vectors.reserve(kept.size() * folder.dimension);
  for (const fs::path& file : kept) {
    const auto row =
        folder.vectors.begin() +
        static_cast<std::ptrdiff_t>(rows.at(file) * folder.dimension);
    vectors.insert(vectors.end(), row,
                   row + static_cast<std::ptrdiff_t>(folder.dimension));
  }
  return vectors;
}

Result<std::vector<std::size_t>> FindQueries(
    const std::vector<std::string>& ids,
    const std::vector<Comparison::Picture>& pictures) {
  std::vector<std::size_t> queries;
  for (const std::string& id : ids) {
    const auto found =
        std::ranges::find(pictures, id, &Comparison::Picture::id);
    if (found == pictures.end()) {
      return Fail(ErrorCode::kNotFound, "no picture is called " + id);
    }
    queries.push_back(static_cast<std::size_t>(found - pictures.begin()));
  }
  return queries;
}

void Judge(Comparison& comparison) {
  const auto k = static_cast<std::size_t>(comparison.k);
  for (std::size_t a = 0; a < comparison.models.size(); ++a) {
    for (std::size_t b = a + 1; b < comparison.models.size(); ++b) {
      Agreement agreement;
      agreement.a = a;
      agreement.b = b;
      const auto& first = comparison.models[a].rankings;
      const auto& second = comparison.models[b].rankings;
      for (std::size_t q = 0; q < first.size(); ++q) {
        agreement.overlap += OverlapAtK(first[q], second[q], k);
        agreement.correlation += RankCorrelation(first[q], second[q]);
      }
      const double count = static_cast<double>(first.size());
      agreement.overlap /= count;
      agreement.correlation /= count;
      comparison.agreements.push_back(agreement);
    }
  }
}

std::string Cell(const std::string& picture, const std::string& title,
                 const std::string& below) {
  return "<td><img src=\"" + picture + "\" alt=\"" + HtmlEscaped(title) +
         "\"><br>" + HtmlEscaped(title) + "<br>" + below + "</td>";
}

std::string Format(const char* format, double number) {
  char text[32];
  std::snprintf(text, sizeof(text), format, number);
  return text;
}

std::string ModelTable(const Comparison& comparison) {
  std::string table =
      "<h2>The models</h2>\n<table><tr><th>model<th>numbers<th>ms an image"
      "<th>file<th>licence</tr>\n";
  for (const ComparedModel& model : comparison.models) {
    table += "<tr><td>" + HtmlEscaped(model.card.name) + "<td>" +
             std::to_string(model.dimension) + "<td>" +
             Format("%.1f", model.milliseconds) + "<td>" +
             Format("%.1f MB", static_cast<double>(model.file_bytes) / 1e6) +
             "<td>" + HtmlEscaped(model.card.licence) + "</tr>\n";
  }
  return table + "</table>\n";
}

std::string AgreementTable(const Comparison& comparison) {
  std::string table =
      "<h2>How far they agree</h2>\n<table><tr><th>models<th>in common of the "
      "first " +
      std::to_string(comparison.k) + "<th>rank correlation</tr>\n";
  for (const Agreement& agreement : comparison.agreements) {
    table += "<tr><td>" +
             HtmlEscaped(comparison.models[agreement.a].card.name) + " and " +
             HtmlEscaped(comparison.models[agreement.b].card.name) + "<td>" +
             Format("%.0f %%", 100 * agreement.overlap) + "<td>" +
             Format("%.2f", agreement.correlation) + "</tr>\n";
  }
  return table + "</table>\n";
}

}  // namespace

std::size_t Comparison::Count(const Ranking& ranking) const {
  return std::min(static_cast<std::size_t>(k), ranking.order.size());
}

Result<Comparison> CompareModels(const std::vector<fs::path>& files,
                                 const CompareOptions& options,
                                 const EmbeddingEngine& engine,
                                 CommandContext& context) {
  const auto cards = ChooseModels(options.models, engine.models());
  if (!cards) return cards.Failure();
  std::vector<EmbeddedFolder> folders;
  std::vector<fs::path> kept = files;
  for (const ModelCard& card : *cards) {
    const auto recognizer = engine.Recognizer(card.name);
    if (!recognizer) return recognizer.Failure();
    auto folder = EmbedFolder(kept, **recognizer, engine.flags().jobs, context);
    if (!folder) return folder.Failure();
    kept = folder->files;
    folders.push_back(std::move(*folder));
  }
  if (kept.size() < 2) {
    return Fail(ErrorCode::kInvalidArgument,
                "two pictures are needed to compare");
  }
  Comparison comparison;
  comparison.k = options.k;
  for (const fs::path& file : kept) {
    const std::string id = file.stem().string();
    comparison.pictures.push_back({id, id, file});
  }
  auto queries = FindQueries(options.queries, comparison.pictures);
  if (!queries) return queries.Failure();
  comparison.queries = *queries;
  for (std::size_t i = 0; queries->empty() && i < kept.size(); ++i) {
    queries->push_back(i);
  }
  for (std::size_t i = 0; i < cards->size(); ++i) {
    const ModelCard& card = (*cards)[i];
    const auto path = engine.models().PathOf(card);
    if (!path) return path.Failure();
    const auto embedder =
        ImageEmbedder::Open(engine.models(), card, engine.flags().embedder);
    if (!embedder) return embedder.Failure();
    const auto milliseconds = TimeOne(**embedder, kept);
    if (!milliseconds) return milliseconds.Failure();
    std::error_code error;
    ComparedModel model{.card = card,
                        .dimension = DimensionOf(card),
                        .file_bytes = fs::file_size(*path, error),
                        .milliseconds = *milliseconds,
                        .rankings = {}};
    const std::vector<float> vectors = RowsOf(folders[i], kept);
    for (const std::size_t query : *queries) {
      model.rankings.push_back(
          RankOthers(vectors, folders[i].dimension, query));
    }
    comparison.models.push_back(std::move(model));
  }
  Judge(comparison);
  return comparison;
}

std::string CompareHtml(const Comparison& comparison) {
  constexpr int kSide = 150;
  std::string html = "<div class=\"scroll\">\n";
  std::map<std::size_t, std::string> pictures;
  const auto picture = [&](std::size_t i) -> const std::string& {
    auto [at, added] = pictures.try_emplace(i);
    if (added) at->second = ThumbnailUri(comparison.pictures[i].path, kSide);
    return at->second;
  };
  for (std::size_t q = 0; q < comparison.queries.size(); ++q) {
    const std::size_t query = comparison.queries[q];
    const std::string& title = comparison.pictures[query].title;
    html +=
        "<h2>Like " + HtmlEscaped(title) + "</h2>\n<table class=\"hits\">\n";
    for (std::size_t m = 0; m < comparison.models.size(); ++m) {
      const ComparedModel& model = comparison.models[m];
      html += "<tr>";
      if (m == 0) {
        html += "<td rowspan=\"" + std::to_string(comparison.models.size()) +
                "\"><img src=\"" + picture(query) + "\" alt=\"" +
                HtmlEscaped(title) + "\"></td>";
      }
      html += "<th>" + HtmlEscaped(model.card.name) + "</th>";
      const Ranking& ranking = model.rankings[q];
      for (std::size_t i = 0; i < comparison.Count(ranking); ++i) {
        const std::size_t hit = ranking.order[i];
        html +=
            Cell(picture(hit), comparison.pictures[hit].title,
                 Format("%.3f", static_cast<double>(ranking.similarities[i])));
      }
      html += "</tr>\n";
    }
    html += "</table>\n";
  }
  return html + ModelTable(comparison) + AgreementTable(comparison) +
         "</div>\n";
}

Result<> WriteComparePage(const fs::path& file, const Comparison& comparison) {
  std::string page = HtmlHead("Ocelli: what models find alike");
  page += "<h1>What models find alike</h1>\n<p>" +
          std::to_string(comparison.pictures.size()) +
          " pictures. A row a model: the most similar first, with the cosine "
          "of their embeddings.</p>\n";
  page += CompareHtml(comparison);
  return WriteFileAtomically(file, page);
}

}  // namespace ocelli
