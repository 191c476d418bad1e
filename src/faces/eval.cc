#include "faces/eval.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <numeric>

namespace ocelli {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Lines without their ends; none after the last end.
std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines = Split(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  for (std::string_view& line : lines) {
    if (line.ends_with('\r')) line.remove_suffix(1);
  }
  return lines;
}

std::string Quote(std::string_view line) {
  constexpr std::size_t kLongest = 80;
  return '"' + std::string(line.substr(0, kLongest)) + '"';
}

auto BadLine(std::size_t index, std::string_view line,
             const std::string& wanted) {
  return Fail(ErrorCode::kInvalidArgument, "line " + std::to_string(index + 1) +
                                               ": " + wanted + ", not " +
                                               Quote(line));
}

bool ParseNumber(std::string_view text, float& number) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result<std::vector<FacePair>> ParseFacePairs(std::string_view tsv) {
  const std::vector<std::string_view> lines = LinesOf(tsv);
  std::vector<FacePair> pairs;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto fields = Split(lines[i], '\t');
    if (fields.size() != 3 || (fields[0] != "0" && fields[0] != "1") ||
        fields[1].empty() || fields[2].empty()) {
      return BadLine(i, lines[i], "same (0 or 1), image and image wanted");
    }
    pairs.push_back(
        {fields[0] == "1", std::string(fields[1]), std::string(fields[2])});
  }
  if (pairs.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "no pairs after the line of headings");
  }
  return pairs;
}

namespace {

struct Choice {
  float threshold = 0;
  std::size_t right = 0;
};

// The threshold that gets the most pairs right, in the middle of its gap.
Choice BestThreshold(std::vector<ScoredPair> pairs) {
  std::sort(pairs.begin(), pairs.end(),
            [](const ScoredPair& a, const ScoredPair& b) {
              return a.similarity > b.similarity;
            });
  std::size_t right = static_cast<std::size_t>(std::count_if(
      pairs.begin(), pairs.end(), [](const ScoredPair& p) { return !p.same; }));
  Choice best{pairs.empty() ? 0 : pairs.front().similarity + 1e-3f, right};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    right = pairs[i].same ? right + 1 : right - 1;
    const bool tie =
        i + 1 < pairs.size() && pairs[i + 1].similarity == pairs[i].similarity;
    if (tie || right <= best.right) continue;
    best.right = right;
    best.threshold = i + 1 < pairs.size()
                         ? (pairs[i].similarity + pairs[i + 1].similarity) / 2
                         : pairs[i].similarity;
  }
  return best;
}

double TenFoldAccuracy(std::span<const ScoredPair> pairs) {
  constexpr std::size_t kFolds = 10;
  std::array<std::vector<ScoredPair>, kFolds> folds;
  std::array<std::size_t, 2> dealt = {0, 0};
  for (const ScoredPair& pair : pairs) {
    folds[dealt[pair.same ? 1 : 0]++ % kFolds].push_back(pair);
  }
  double sum = 0;
  std::size_t used = 0;
  for (const auto& fold : folds) {
    if (fold.empty()) continue;
    std::vector<ScoredPair> others;
    for (const auto& other : folds) {
      if (&other == &fold) continue;
      others.insert(others.end(), other.begin(), other.end());
    }
    const float threshold = BestThreshold(std::move(others)).threshold;
    const auto right =
        std::count_if(fold.begin(), fold.end(), [&](const ScoredPair& pair) {
          return (pair.similarity >= threshold) == pair.same;
        });
    sum += static_cast<double>(right) / static_cast<double>(fold.size());
    ++used;
  }
  return used == 0 ? 0 : sum / static_cast<double>(used);
}

double TrueAcceptRate(std::span<const ScoredPair> pairs, double false_rate) {
  std::vector<float> same, different;
  for (const ScoredPair& pair : pairs) {
    (pair.same ? same : different).push_back(pair.similarity);
  }
  if (same.empty()) return 0;
  std::sort(different.begin(), different.end(), std::greater<>());
  const std::size_t allowed = static_cast<std::size_t>(
      std::floor(false_rate * static_cast<double>(different.size()) + 1e-9));
  const auto accepted =
      std::count_if(same.begin(), same.end(), [&](float similarity) {
        return allowed >= different.size() || similarity > different[allowed];
      });
  return static_cast<double>(accepted) / static_cast<double>(same.size());
}

}  // namespace

VerificationScore ScoreVerification(std::span<const ScoredPair> pairs) {
  return {TenFoldAccuracy(pairs),
          BestThreshold({pairs.begin(), pairs.end()}).threshold,
          TrueAcceptRate(pairs, .01), TrueAcceptRate(pairs, .001)};
}

const Face* MainFace(std::span<const Face> faces, int width, int height) {
  const PointF middle{static_cast<float>(width) / 2,
                      static_cast<float>(height) / 2};
  const float reach = static_cast<float>(std::max(width, height)) / 4;
  const auto prominence = [&](const Face& face) {
    const PointF centre = face.box.center();
    const float distance =
        std::hypot(centre.x - middle.x, centre.y - middle.y) / reach;
    return face.box.area() / (1 + distance * distance);
  };
  const auto main = std::max_element(faces.begin(), faces.end(),
                                     [&](const Face& a, const Face& b) {
                                       return prominence(a) < prominence(b);
                                     });
  return main == faces.end() ? nullptr : &*main;
}

Result<std::vector<LabelledImage>> ParseWider(std::string_view text) {
  constexpr std::size_t kInvalid = 7, kFields = 10;
  const std::vector<std::string_view> lines = LinesOf(text);
  std::vector<LabelledImage> images;
  std::size_t i = 0;
  while (i < lines.size()) {
    LabelledImage& image = images.emplace_back();
    image.name = lines[i];
    if (image.name.empty()) return BadLine(i, lines[i], "file name wanted");
    if (++i == lines.size()) return BadLine(i, "", "number of faces wanted");
    float count = 0;
    if (!ParseNumber(lines[i], count) || count < 0) {
      return BadLine(i, lines[i], "number of faces wanted");
    }
    // Pictures without faces have one line of zeros.
    const float rows = std::max(count, 1.f);
    ++i;
    for (float row = 0; row < rows && i < lines.size(); ++row, ++i) {
      std::vector<float> fields;
      for (const std::string_view field : Split(lines[i], ' ')) {
        if (field.empty()) continue;
        if (!ParseNumber(field, fields.emplace_back())) {
          return BadLine(i, lines[i], "numbers of a face wanted");
        }
      }
      if (fields.size() != kFields) {
        if (count == 0) break;
        return BadLine(i, lines[i], "ten numbers of a face wanted");
      }
      if (count == 0) continue;
      image.faces.push_back({{fields[0], fields[1], fields[2], fields[3]},
                             fields[kInvalid] != 0});
    }
    if (static_cast<float>(image.faces.size()) != count) {
      return BadLine(i, "", "a face wanted");
    }
  }
  return images;
}

namespace {

enum class Verdict { kTall, kSmall, kIgnored, kFalse };

constexpr float kTall = 50, kSmall = 20;  // Pixels of height.

struct Judged {
  float score = 0;
  Verdict verdict = Verdict::kFalse;
};

Verdict VerdictOf(const LabelledFace& face) {
  if (face.ignored || face.box.height < kSmall) return Verdict::kIgnored;
  return face.box.height >= kTall ? Verdict::kTall : Verdict::kSmall;
}

// Best scores choose first, each the face it overlaps most.
void Judge(const DetectedImage& image, std::vector<Judged>& judged) {
  constexpr float kMatch = .5f;
  std::vector<const Face*> order;
  for (const Face& face : image.faces) order.push_back(&face);
  std::stable_sort(
      order.begin(), order.end(),
      [](const Face* a, const Face* b) { return a->score > b->score; });
  const std::vector<LabelledFace>& labels = image.labels->faces;
  std::vector<bool> taken(labels.size());
  for (const Face* face : order) {
    float best = kMatch;
    std::size_t match = labels.size();
    bool ignored = false;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const float overlap = IntersectionOverUnion(face->box, labels[i].box);
      if (overlap < kMatch) continue;
      if (VerdictOf(labels[i]) == Verdict::kIgnored) {
        ignored = true;
      } else if (!taken[i] && overlap >= best) {
        best = overlap;
        match = i;
      }
    }
    if (match < labels.size()) {
      taken[match] = true;
      judged.push_back({face->score, VerdictOf(labels[match])});
    } else {
      judged.push_back(
          {face->score, ignored ? Verdict::kIgnored : Verdict::kFalse});
    }
  }
}

// Verdicts of all pictures, best score first.
std::vector<Judged> JudgeAll(std::span<const DetectedImage> images) {
  std::vector<Judged> judged;
  for (const DetectedImage& image : images) Judge(image, judged);
  std::stable_sort(
      judged.begin(), judged.end(),
      [](const Judged& a, const Judged& b) { return a.score > b.score; });
  return judged;
}

DetectionRecall RecallOf(std::span<const DetectedImage> images,
                         std::span<const Judged> judged) {
  const auto found = [&](Verdict verdict) {
    return static_cast<double>(std::count_if(
        judged.begin(), judged.end(),
        [&](const Judged& one) { return one.verdict == verdict; }));
  };
  const auto labelled = [&](Verdict verdict) {
    double count = 0;
    for (const DetectedImage& image : images) {
      for (const LabelledFace& face : image.labels->faces) {
        if (VerdictOf(face) == verdict) ++count;
      }
    }
    return count;
  };
  const auto ratio = [](double part, double whole) {
    return whole > 0 ? part / whole : 0;
  };
  return {ratio(found(Verdict::kTall), labelled(Verdict::kTall)),
          ratio(found(Verdict::kSmall), labelled(Verdict::kSmall)),
          ratio(found(Verdict::kFalse), static_cast<double>(images.size()))};
}

}  // namespace

DetectionRecall ScoreDetection(std::span<const DetectedImage> images,
                               float threshold) {
  const std::vector<Judged> judged = JudgeAll(images);
  const auto end = std::find_if(
      judged.begin(), judged.end(),
      [&](const Judged& one) { return !(one.score >= threshold); });
  return RecallOf(images, {judged.begin(), end});
}

DetectionRecall ScoreDetectionAt(std::span<const DetectedImage> images,
                                 double limit) {
  const std::vector<Judged> judged = JudgeAll(images);
  const double allowed = limit * static_cast<double>(images.size()) + 1e-9;
  double wrong = 0;
  auto end = judged.begin();
  for (; end != judged.end(); ++end) {
    if (end->verdict == Verdict::kFalse && ++wrong > allowed) break;
  }
  return RecallOf(images, {judged.begin(), end});
}

}  // namespace ocelli
