#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"

namespace ocelli {

struct LoginLimits {
  int free_failures = 5;  // Before there is any wait.
  // After the next one; doubled by each that follows.
  std::chrono::seconds first_wait{1};
  // A name's is short: others can make its owner wait.
  std::chrono::seconds longest_wait_of_name{30};
  std::chrono::seconds longest_wait_of_address{900};
  // Failures are forgotten so long after the last wait.
  std::chrono::seconds memory{3600};
  // Names, and addresses, that are remembered. When full, the one whose wait
  // ends first is forgotten.
  std::size_t capacity = 10000;
};

// Failed log-ins by user name and by where they come from. An attempt counts
// as failed from its beginning, so that many at once gain nothing.
// Thread-safe.
class LoginLimiter {
 public:
  // The clock outlives it.
  LoginLimiter(const LoginLimits& limits, const Clock& clock);

  // Zero: go on, and report how it ended. Otherwise how long to wait; nothing
  // is counted. `address`: an IPv4 or IPv6 address, where that one is taken by
  // its first 64 bits; anything else is one client.
  std::chrono::nanoseconds Begin(std::string_view name,
                                 std::string_view address);
  // The name's failures are forgotten; of the address' only this attempt, or
  // who has an account could guess at others for ever.
  void Succeeded(std::string_view name, std::string_view address);
  // Neither: it could not be tried.
  void Withdraw(std::string_view name, std::string_view address);

  std::chrono::nanoseconds Wait(std::string_view name,
                                std::string_view address) const;

 private:
  using Time = std::chrono::steady_clock::time_point;

  class Table {
   public:
    Table(const LoginLimits& limits, std::chrono::seconds longest)
        : limits_(limits), longest_(longest) {}

    std::chrono::nanoseconds Wait(const std::string& key, Time now) const;
    void Count(const std::string& key, Time now);
    void Uncount(const std::string& key, Time now);
    void Forget(const std::string& key);

   private:
    struct Entry {
      int failures = 0;
      Time until;  // No attempt before.
    };
    Time UntilAfter(int failures, Time now) const;
    void Set(const std::string& key, const Entry& entry);

    const LoginLimits limits_;
    const std::chrono::seconds longest_;
    std::map<std::string, Entry, std::less<>> entries_;
    std::set<std::pair<Time, std::string>> order_;  // Of entries_, by `until`.
  };

  const Clock& clock_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Table names_;
  Table addresses_;
};

}  // namespace ocelli
