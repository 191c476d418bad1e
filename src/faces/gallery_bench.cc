// What a gallery of 10,000 people with 3 faces each costs, in SQLite and in a
// Redis on loopback.
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>

#include "core/check.h"
#include "core/test_folder.h"
#include "faces/gallery.h"
#include "faces/gallery_line.h"
#include "faces/redis_gallery.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

constexpr int kPeople = 10'000, kFacesEach = 3;
constexpr std::size_t kDimension = 128;
const Digest kModel = Sha256("model");

std::vector<float> RandomUnit(std::minstd_rand& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(kDimension);
  float squares = 0;
  for (float& value : values) {
    value = normal(random);
    squares += value * value;
  }
  for (float& value : values) value /= std::sqrt(squares);
  return values;
}

std::string ExportOfEverybody() {
  std::minstd_rand random(1);
  std::string text;
  for (int n = 0; n < kPeople * kFacesEach; ++n) {
    GalleryLine line;
    line.person = "Person " + std::to_string(n / kFacesEach);
    line.model = kModel;
    line.image = Sha256("image " + std::to_string(n));
    line.box = {10, 20, 100, 120};
    line.source = "album/" + std::to_string(n) + ".jpg";
    line.descriptor = RandomUnit(random);
    text += FormatGalleryLine(line) + "\n";
  }
  return text;
}

// Both galleries, filled once.
struct Everybody {
  TestFolder folder;
  RedisServer server;

  std::unique_ptr<Gallery> Sqlite() {
    return std::move(Gallery::Open(folder / "people.sqlite", kModel).value());
  }
  std::unique_ptr<Gallery> Redis(const std::string& name = "default") {
    return std::move(
        OpenRedisGallery(OpenTestRedis(server.url()), kModel, {.name = name})
            .value());
  }

  Everybody() {
    const std::string text = ExportOfEverybody();
    for (const auto& gallery : {Sqlite(), Redis()}) {
      std::istringstream in(text);
      OCELLI_CHECK(gallery->Import(in).value() == kPeople * kFacesEach);
    }
  }
};

Everybody& Filled() {
  static Everybody everybody;
  return everybody;
}

std::unique_ptr<Gallery> Open(bool redis) {
  return redis ? Filled().Redis() : Filled().Sqlite();
}

Face Stranger(std::minstd_rand& random) {
  Face face;
  face.box = {10, 20, 100, 120};
  face.descriptor = RandomUnit(random);
  return face;
}

// From nothing to the first name, as a process that begins.
void BM_OpenAndIdentify(benchmark::State& state) {
  std::minstd_rand random(2);
  const std::vector<Face> faces{Stranger(random)};
  Filled();
  for (auto _ : state) {
    const auto gallery = Open(state.range(0) != 0);
    OCELLI_CHECK(gallery->Identify(faces, Digest(), {}).has_value());
  }
}
BENCHMARK(BM_OpenAndIdentify)
    ->ArgName("redis")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void BM_Identify(benchmark::State& state) {
  std::minstd_rand random(2);
  const std::vector<Face> faces{Stranger(random)};
  const auto gallery = Open(state.range(0) != 0);
  for (auto _ : state) {
    OCELLI_CHECK(gallery->Identify(faces, Digest(), {}).has_value());
  }
}
BENCHMARK(BM_Identify)->ArgName("redis")->Arg(0)->Arg(1)->UseRealTime();

// One face more, by one of the many machines.
void BM_Enrol(benchmark::State& state) {
  std::minstd_rand random(3);
  const auto gallery = Open(state.range(0) != 0);
  const Face face = Stranger(random);
  int n = 0;
  for (auto _ : state) {
    const Digest image =
        Sha256("new " + std::to_string(state.range(0)) + std::to_string(n++));
    OCELLI_CHECK(gallery->Add("Newcomer", face, image, "").has_value());
  }
}
BENCHMARK(BM_Enrol)
    ->ArgName("redis")
    ->Arg(0)
    ->Arg(1)
    ->UseRealTime()
    ->Iterations(300);

// From a change until another client's copy names people by it; with everybody
// that is mostly the making of what faces are compared with.
void BM_SeenElsewhere(benchmark::State& state) {
  std::minstd_rand random(4);
  const std::string name = state.range(0) != 0 ? "default" : "few";
  const auto one = Filled().Redis(name), other = Filled().Redis(name);
  const Face face = Stranger(random);
  OCELLI_CHECK(one->Add("Visitor 0", face, Sha256("visitor"), "").has_value());
  int n = 0;
  for (auto _ : state) {
    const std::string from = "Visitor " + std::to_string(n++);
    const std::string to = "Visitor " + std::to_string(n);
    OCELLI_CHECK(one->Rename(from, to).has_value());
    while (true) {
      const auto who = other->Identify({face}, Digest(), {}).value();
      if (who[0] && who[0]->name == to) break;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
  OCELLI_CHECK(one->Remove("Visitor " + std::to_string(n)).has_value());
}
BENCHMARK(BM_SeenElsewhere)
    ->ArgName("everybody")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(100);

}  // namespace
}  // namespace ocelli
