#pragma once

#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/object_store.h"

namespace ocelli {

inline std::vector<std::byte> Bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline std::vector<std::byte> RandomBytes(std::size_t count) {
  std::mt19937 random(7);
  std::vector<std::byte> bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() & 255);
  return bytes;
}

inline PutRequest Request(const std::string& key,
                          std::vector<std::byte> bytes) {
  PutRequest request;
  request.key = key;
  request.digest = Sha256(bytes);
  request.body = BytesOf(std::move(bytes));
  return request;
}

inline PutRequest Request(const std::string& key, std::string_view text) {
  return Request(key, Bytes(text));
}

}  // namespace ocelli
