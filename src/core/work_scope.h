#pragma once

#include <stop_token>
#include <string>
#include <utility>

namespace ocelli {

// For whom this thread works while the scope lasts, so that what is scarce
// (FairSlots) can be fair between clients and what nobody waits for any more is
// not done. Scopes nest; threads do not inherit them.
class WorkScope {
 public:
  // `client`: a key, a user, an address, a camera.
  WorkScope(std::string client, std::stop_token stop)
      : client_(std::move(client)),
        stop_(std::move(stop)),
        outer_(std::exchange(current_, this)) {}
  ~WorkScope() { current_ = outer_; }
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;

  // Of this thread; outside of any scope nobody's, and never stopped.
  static const std::string& client() {
    static const std::string nobody;
    return current_ ? current_->client_ : nobody;
  }
  static std::stop_token stop() {
    return current_ ? current_->stop_ : std::stop_token();
  }

 private:
  static inline thread_local const WorkScope* current_ = nullptr;

  const std::string client_;
  const std::stop_token stop_;
  const WorkScope* const outer_;
};

}  // namespace ocelli
