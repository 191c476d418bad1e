#include "http/connection_counts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace ocelli {

std::string ClientGroup(const std::string& address) {
  in6_addr six{};
  if (inet_pton(AF_INET6, address.c_str(), &six) != 1) {
    return address.starts_with("127.") ? "" : address;
  }
  if (IN6_IS_ADDR_LOOPBACK(&six)) return "";
  std::fill(std::begin(six.s6_addr) + 8, std::end(six.s6_addr),
            std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &six, text.data(), text.size());
  return std::string(text.data()) + "/64";
}

bool ConnectionCounts::Add(const std::string& group) {
  const std::lock_guard lock(mutex_);
  if (!group.empty()) {
    std::size_t& count = by_group_[group];
    if (count >= of_client_) return false;
    ++count;
  }
  gauge_.Set(static_cast<double>(++total_));
  return true;
}

void ConnectionCounts::Remove(const std::string& group) {
  const std::lock_guard lock(mutex_);
  const auto found = by_group_.find(group);
  if (found != by_group_.end() && --found->second == 0) by_group_.erase(found);
  gauge_.Set(static_cast<double>(--total_));
  if (total_ == 0) changed_.notify_all();
}

std::size_t ConnectionCounts::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

bool ConnectionCounts::AwaitNone(std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return total_ == 0; });
}

}  // namespace ocelli
