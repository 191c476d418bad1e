#include <utility>

#include "api/grpc_call.h"

namespace ocelli {

GrpcCalls::Place GrpcCalls::Add(std::weak_ptr<LiveGrpcCall> call) {
  const std::lock_guard lock(mutex_);
  return calls_.insert(calls_.end(), std::move(call));
}

void GrpcCalls::Remove(Place place) {
  const std::lock_guard lock(mutex_);
  calls_.erase(place);
}

std::size_t GrpcCalls::size() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

void GrpcCalls::ForEach(const std::function<void(LiveGrpcCall&)>& visit) const {
  std::vector<std::shared_ptr<LiveGrpcCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& call : calls_) {
      if (auto held = call.lock()) calls.push_back(std::move(held));
    }
  }
  for (const auto& call : calls) visit(*call);
}

}  // namespace ocelli
