#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "access/access.h"
#include "core/clock.h"
#include "core/test_folder.h"

namespace ocelli {

// Bytes that look random, the same in every run; another `seed`, others.
inline RandomBytes TestRandom(std::uint32_t seed = 1) {
  auto state = std::make_shared<std::atomic<std::uint32_t>>(seed * 7919);
  return [state](std::span<std::byte> bytes) {
    for (std::byte& byte : bytes) {
      std::uint32_t x = state->fetch_add(0x9e3779b9);
      x = (x ^ x >> 16) * 0x7feb352d;
      x = (x ^ x >> 15) * 0x846ca68b;
      byte = static_cast<std::byte>(x >> 24);
    }
  };
}

// Counts what a real one would compute, and costs nothing.
class TestHasher final : public PasswordHasher {
 public:
  struct Record {
    std::atomic<int> runs = 0;  // Hash() and Verify() together.
    std::function<void()> during;
    bool fails = false;
  };

  explicit TestHasher(std::shared_ptr<Record> record, int version = 1)
      : record_(std::move(record)),
        prefix_("test" + std::to_string(version) + "$") {}

  Result<std::string> Hash(std::string_view password) override {
    if (auto ran = Run(); !ran) return ran.Failure();
    return prefix_ + std::string(password);
  }
  Result<bool> Verify(const std::string& hash,
                      std::string_view password) override {
    if (auto ran = Run(); !ran) return ran.Failure();
    return hash.substr(hash.find('$') + 1) == password;
  }
  bool Outdated(const std::string& hash) const override {
    return !hash.starts_with(prefix_);
  }

 private:
  Result<> Run() {
    ++record_->runs;
    if (auto during = std::exchange(record_->during, nullptr)) during();
    if (record_->fails) return Fail(ErrorCode::kResourceExhausted, "full");
    return {};
  }

  const std::shared_ptr<Record> record_;
  const std::string prefix_;
};

// A store in a folder of its own, at a time that stands still.
struct TestAccess {
  explicit TestAccess(AccessOptions options_in = {}) : options(options_in) {
    Reopen();
  }

  std::unique_ptr<AccessStore> Another(int hasher_version = 1,
                                       std::uint32_t seed = 2) {
    return AccessStore::Open(
               folder / "access.sqlite", options, clock, TestRandom(seed),
               std::make_unique<TestHasher>(hashes, hasher_version))
        .value();
  }
  void Reopen(int hasher_version = 1) {
    store.reset();
    store = Another(hasher_version, ++seed_);
  }

  std::string Key(const std::string& name, Scopes scopes,
                  std::optional<std::chrono::seconds> lasts = {}) {
    KeyRequest request{name, scopes, {}};
    if (lasts) request.expires = clock.WallTime() + *lasts;
    return store->CreateKey(Caller::Owner(), request).value().text;
  }

  const TestFolder folder;
  const AccessOptions options;
  FixedClock clock{AccessTime(std::chrono::seconds(1'800'000'000))};
  const std::shared_ptr<TestHasher::Record> hashes =
      std::make_shared<TestHasher::Record>();
  std::unique_ptr<AccessStore> store;

 private:
  std::uint32_t seed_ = 100;
};

}  // namespace ocelli
