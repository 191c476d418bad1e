// What a stream of frames costs over calling the library: 720p JPEGs of one
// face in, beauty and overlay, JPEGs out. OCELLI_BENCH_DATA has the video,
// $OCELLI_DATA the models.
#include <benchmark/benchmark.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "core/paths.h"
#include "live/frame_stream.h"
#include "live/stream_plan.h"
#include "media/still_image.h"
#include "media/video_source.h"

namespace ocelli {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kFrames = 120;
// As FrameStreamOptions: two that decode, one that tracks, two that encode.
constexpr int kThreads = 5;

const FrameStreamSettings kSettings = {.effects = {"beauty", "overlay"},
                                       .pictures = true};

std::vector<std::string> Jpegs() {
  const char* data = std::getenv("OCELLI_BENCH_DATA");
  std::vector<std::string> jpegs;
  if (!data) return jpegs;
  auto source =
      VideoSource::Open(std::string(data) + "/video/liveportrait_s18.mp4", {});
  while (source && jpegs.size() < kFrames) {
    auto next = (*source)->Next({});
    if (!next || !*next) break;
    const auto jpeg = EncodeJpeg((*next)->frame.pixels.view());
    jpegs.emplace_back(reinterpret_cast<const char*>(jpeg->data()),
                       jpeg->size());
  }
  return jpegs;
}

ModelStore Models() {
  const char* root = std::getenv("OCELLI_DATA");
  return ModelStore(
      (root ? FindPaths(root) : FindPaths(std::nullopt)).models());
}

// Lets threads through in the order of their numbers.
class Turns {
 public:
  template <typename Work>
  void Take(std::size_t number, Work work) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return next_ == number; });
    lock.unlock();
    work();
    lock.lock();
    ++next_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;
};

// Frames a second; 0: something failed.
double Direct(const ModelStore& models, const std::vector<std::string>& jpegs) {
  StreamPlanner planner(
      [&](const FaceTrackerOptions& options) {
        return FaceTracker::Open(models, nullptr, options);
      },
      {});
  const auto plan = planner.Plan(kSettings);
  if (!plan) return 0;
  Turns tracking, effecting;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto begun = steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (std::size_t number; (number = next++) < jpegs.size();) {
          auto pixels = DecodeToYuv(std::as_bytes(std::span(jpegs[number])));
          Frame frame;
          if (pixels) frame.pixels = *pixels;
          frame.time = std::chrono::milliseconds(40) * number;
          std::vector<TrackedFace> faces;
          tracking.Take(number, [&] {
            auto found = (*plan)->tracker->Track(frame);
            if (found) faces = *std::move(found);
            failed = failed || faces.empty();
          });
          effecting.Take(number, [&] {
            if (!(*plan)->effects->Apply(frame, faces)) failed = true;
          });
          if (!EncodeJpeg(frame.pixels.view(), kSettings.quality)) {
            failed = true;
          }
        }
      });
    }
  }
  const std::chrono::duration<double> took = steady_clock::now() - begun;
  return failed ? 0 : static_cast<double>(jpegs.size()) / took.count();
}

double Streamed(const ModelStore& models,
                const std::vector<std::string>& jpegs) {
  auto stream = FrameStream::Open(models, nullptr, kSettings, {}, {});
  if (!stream) return 0;
  const auto begun = steady_clock::now();
  std::jthread pushing([&] {
    for (const std::string& jpeg : jpegs) {
      StreamedFrame frame;
      frame.data = jpeg;
      if (!(*stream)->Push(std::move(frame))) break;
    }
    (*stream)->Finish();
  });
  std::size_t answered = 0;
  while (true) {
    const auto answer = (*stream)->Pop();
    if (!answer || !*answer) break;
    if ((*answer)->error || (*answer)->faces.empty()) return 0;
    ++answered;
  }
  const std::chrono::duration<double> took = steady_clock::now() - begun;
  return answered == jpegs.size() ? static_cast<double>(answered) / took.count()
                                  : 0;
}

// In turn, so that whatever else the machine does meets both.
void BM_FrameStreamAgainstTheLibrary(benchmark::State& state) {
  const auto jpegs = Jpegs();
  if (jpegs.size() < kFrames) return state.SkipWithError("no video");
  const ModelStore models = Models();
  double direct = 0, streamed = 0;
  for (auto _ : state) {
    const double one = Direct(models, jpegs), other = Streamed(models, jpegs);
    if (one == 0 || other == 0) state.SkipWithError("a frame failed");
    direct += 1 / one;
    streamed += 1 / other;
  }
  const auto runs = static_cast<double>(state.iterations());
  state.counters["direct_fps"] = runs / direct;
  state.counters["stream_fps"] = runs / streamed;
  state.counters["of_direct"] = direct / streamed;
}
BENCHMARK(BM_FrameStreamAgainstTheLibrary)
    ->Iterations(5)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace ocelli
