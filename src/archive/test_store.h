#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "store/object_store.h"

namespace ocelli {

// For tests: a store in memory whose puts end when and as a test says.
// Thread-safe.
class TestStore final : public ObjectStore {
 public:
  // Of the try, counted from 1, for its key. None: it is held until Answer().
  using Rule = std::function<std::optional<PutOutcome>(
      const PutRequest& request, int attempt)>;

  ~TestStore() override {
    AnswerAll({.result = Fail(ErrorCode::kCancelled, "the store is gone")});
  }

  static PutOutcome Stores() { return {}; }
  static PutOutcome Fails(ErrorCode code, const std::string& message = "no") {
    return {.result = ocelli::Fail(code, message)};
  }

  // Without one, all are stored at once.
  void SetRule(Rule rule) {
    const std::lock_guard lock(mutex_);
    rule_ = std::move(rule);
  }

  // Waits until so many are held; their keys as they came.
  std::vector<std::string> WaitForHeld(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_.size() >= count; });
    std::vector<std::string> keys;
    for (const Held& held : held_) keys.push_back(held.request.key);
    return keys;
  }
  std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  // Waits until so many were begun.
  void WaitForPuts(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return puts_ >= count; });
  }

  // Ends the oldest that is held for `key`.
  void Answer(const std::string& key, PutOutcome outcome = {}) {
    Held held;
    {
      const std::lock_guard lock(mutex_);
      const auto found =
          std::find_if(held_.begin(), held_.end(),
                       [&](const Held& one) { return one.request.key == key; });
      if (found == held_.end()) return;
      held = std::move(*found);
      held_.erase(found);
    }
    End(std::move(held), std::move(outcome));
  }
  void AnswerAll(const PutOutcome& outcome = {}) {
    std::vector<Held> all;
    {
      const std::lock_guard lock(mutex_);
      all.swap(held_);
    }
    for (Held& held : all) End(std::move(held), outcome);
  }

  int puts() const {
    const std::lock_guard lock(mutex_);
    return puts_;
  }
  std::size_t most_held() const {
    const std::lock_guard lock(mutex_);
    return most_held_;
  }

  Result<> Check(std::stop_token stop) override { return kept_->Check(stop); }

  void StartPut(PutRequest request,
                std::function<void(PutOutcome)> done) override {
    Held held{std::move(request), std::move(done)};
    std::optional<PutOutcome> outcome;
    {
      const std::lock_guard lock(mutex_);
      ++puts_;
      const int attempt = ++puts_of_[held.request.key];
      outcome = rule_ ? rule_(held.request, attempt) : PutOutcome();
      if (!outcome) {
        held_.push_back(std::move(held));
        most_held_ = std::max(most_held_, held_.size());
      }
      changed_.notify_all();
    }
    if (outcome) End(std::move(held), *std::move(outcome));
  }

  Result<std::vector<std::byte>> Get(const std::string& key,
                                     std::uint64_t max_bytes,
                                     std::stop_token stop) override {
    if (auto ok = Read(); !ok) return ok.Failure();
    return kept_->Get(key, max_bytes, stop);
  }
  Result<ObjectInfo> Head(const std::string& key,
                          std::stop_token stop) override {
    if (auto ok = Read(); !ok) return ok.Failure();
    return kept_->Head(key, stop);
  }
  Result<> List(const std::string& prefix,
                const std::function<Result<>(const ObjectInfo&)>& each,
                std::stop_token stop) override {
    if (auto ok = Read(); !ok) return ok;
    return kept_->List(prefix, each, stop);
  }
  Result<> Delete(const std::string& key, std::stop_token stop) override {
    return kept_->Delete(key, stop);
  }
  // What reading fails with from now on.
  void FailReads(Result<> with) {
    const std::lock_guard lock(mutex_);
    read_ = std::move(with);
  }

  std::string UrlOf(const std::string& key) const override {
    return kept_->UrlOf(key);
  }
  Result<std::string> PresignedUrl(
      const std::string& key, std::chrono::seconds valid,
      std::chrono::system_clock::time_point now) const override {
    return kept_->PresignedUrl(key, valid, now);
  }
  const std::string& root() const override { return kept_->root(); }

 private:
  struct Held {
    PutRequest request;
    std::function<void(PutOutcome)> done;
  };

  Result<> Read() const {
    const std::lock_guard lock(mutex_);
    return read_;
  }

  void End(Held held, PutOutcome outcome) {
    if (outcome.result) outcome.result = kept_->Put(std::move(held.request));
    held.done(std::move(outcome));
  }

  const std::unique_ptr<ObjectStore> kept_ = MakeMemoryObjectStore();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  Rule rule_;
  std::vector<Held> held_;
  std::size_t most_held_ = 0;
  int puts_ = 0;
  std::map<std::string, int> puts_of_;
  Result<> read_;
};

}  // namespace ocelli
