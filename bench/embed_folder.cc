// Pictures a second through the whole way from file to vector, against the
// model alone on as many threads: embed_folder MODELS_FOLDER MODEL PHOTOS
// prints one JSON line with the median of rounds taken in turn.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"
#include "media/image_files.h"
#include "models/card_session.h"
#include "recognize/embedding_recognizer.h"

namespace ocelli {
namespace {

// Calls `work(i)` for every i below `count` on all processors; calls a second.
template <typename Work>
double Rate(std::size_t count, Work work) {
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  std::atomic<std::size_t> next = 0;
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < processors; ++t) {
      threads.emplace_back([&] {
        for (std::size_t i; (i = next++) < count;) work(i);
      });
    }
  }
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
  return static_cast<double>(count) / took.count();
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int Main(const char* models_folder, const std::string& name,
         const std::string& photos) {
  const ModelStore models(models_folder);
  const auto card = FindImageEmbedder(models, name).value();
  const auto session = OpenModel(models.PathOf(card).value(), card, {}).value();
  const auto recognizer =
      EmbeddingRecognizer::Open(models, nullptr, name).value();
  std::vector<std::filesystem::path> files;
  for (auto& found : FindImages(std::span(&photos, 1))) {
    files.push_back(std::move(found.value()));
  }
  const std::int64_t height = card.input.height, width = card.input.width;
  const Tensor input =
      Tensor::Floats(card.input.layout == "NCHW"
                         ? std::vector<std::int64_t>{1, 3, height, width}
                         : std::vector<std::int64_t>{1, height, width, 3});
  const std::size_t count = std::min<std::size_t>(files.size(), 200);
  std::vector<double> bare, whole;
  constexpr int kRounds = 5;
  for (int round = -1; round < kRounds; ++round) {
    const double alone = Rate(
        count, [&](std::size_t) { RunModel(*session, card, input).value(); });
    const double all = Rate(count, [&](std::size_t i) {
      const auto bytes = ReadFileLimited(files[i], 1 << 28).value();
      recognizer->Embed(bytes).value();
    });
    if (round < 0) continue;  // Warms up.
    bare.push_back(alone);
    whole.push_back(all);
  }
  std::printf(
      "{\"model\":\"%s\",\"images\":%zu,\"bare_per_s\":%.1f,\"per_s\":%.1f}\n",
      name.c_str(), count, Median(bare), Median(whole));
  return 0;
}

}  // namespace
}  // namespace ocelli

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("embed_folder MODELS_FOLDER MODEL PHOTOS\n", stderr);
    return 2;
  }
  return ocelli::Main(argv[1], argv[2], argv[3]);
}
