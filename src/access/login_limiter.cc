#include "access/login_limiter.h"

#include <arpa/inet.h>

#include <algorithm>

namespace ocelli {
namespace {

// One text for all addresses of one client: somebody with IPv6 has 2^64.
std::string ClientOf(std::string_view address) {
  const std::string text(address.substr(0, 64));
  in6_addr six{};
  in_addr four{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return text;
  if (inet_pton(AF_INET6, text.c_str(), &six) != 1) return "unknown";
  char out[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    return inet_ntop(AF_INET, &six.s6_addr[12], out, sizeof(out));
  }
  std::fill(six.s6_addr + 8, six.s6_addr + 16, std::uint8_t{0});
  return inet_ntop(AF_INET6, &six, out, sizeof(out));
}

}  // namespace

std::chrono::nanoseconds LoginLimiter::Table::Wait(const std::string& key,
                                                   Time now) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return {};
  return std::max<std::chrono::nanoseconds>(found->second.until - now,
                                            std::chrono::nanoseconds(0));
}

LoginLimiter::Time LoginLimiter::Table::UntilAfter(int failures,
                                                   Time now) const {
  if (failures <= limits_.free_failures) return now;
  const int doublings = std::min(failures - limits_.free_failures - 1, 30);
  return now +
         std::min<std::chrono::seconds>(
             limits_.first_wait * (std::int64_t{1} << doublings), longest_);
}

void LoginLimiter::Table::Set(const std::string& key, const Entry& entry) {
  Forget(key);
  if (entries_.size() >= limits_.capacity) {
    const std::string first = order_.begin()->second;
    Forget(first);
  }
  entries_[key] = entry;
  order_.emplace(entry.until, key);
}

void LoginLimiter::Table::Count(const std::string& key, Time now) {
  while (!order_.empty() && order_.begin()->first + limits_.memory <= now) {
    const std::string old = order_.begin()->second;
    Forget(old);
  }
  const auto found = entries_.find(key);
  const int failures = found == entries_.end() ? 1 : found->second.failures + 1;
  Set(key, {failures, UntilAfter(failures, now)});
}

void LoginLimiter::Table::Uncount(const std::string& key, Time now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  const int failures = found->second.failures - 1;
  if (failures == 0) return Forget(key);
  Set(key, {failures, UntilAfter(failures, now)});
}

void LoginLimiter::Table::Forget(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  order_.erase({found->second.until, key});
  entries_.erase(found);
}

LoginLimiter::LoginLimiter(const LoginLimits& limits, const Clock& clock)
    : clock_(clock),
      names_(limits, limits.longest_wait_of_name),
      addresses_(limits, limits.longest_wait_of_address) {}

std::chrono::nanoseconds LoginLimiter::Begin(std::string_view name,
                                             std::string_view address) {
  const std::string user(name);
  const std::string client = ClientOf(address);
  const std::lock_guard lock(mutex_);
  const Time now = clock_.MonotonicTime();
  const auto wait = std::max(names_.Wait(user, now),  //
                             addresses_.Wait(client, now));
  if (wait.count() > 0) return wait;
  names_.Count(user, now);
  addresses_.Count(client, now);
  return {};
}

void LoginLimiter::Succeeded(std::string_view name, std::string_view address) {
  const std::lock_guard lock(mutex_);
  names_.Forget(std::string(name));
  addresses_.Uncount(ClientOf(address), clock_.MonotonicTime());
}

void LoginLimiter::Withdraw(std::string_view name, std::string_view address) {
  const std::lock_guard lock(mutex_);
  names_.Uncount(std::string(name), clock_.MonotonicTime());
  addresses_.Uncount(ClientOf(address), clock_.MonotonicTime());
}

std::chrono::nanoseconds LoginLimiter::Wait(std::string_view name,
                                            std::string_view address) const {
  const std::lock_guard lock(mutex_);
  const Time now = clock_.MonotonicTime();
  return std::max(names_.Wait(std::string(name), now),
                  addresses_.Wait(ClientOf(address), now));
}

}  // namespace ocelli
