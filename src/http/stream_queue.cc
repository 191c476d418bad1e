#include "http/stream_queue.h"

#include <algorithm>
#include <utility>

namespace ocelli {

StreamQueue::StreamQueue(std::size_t capacity, std::function<void()> wake)
    : capacity_(std::max<std::size_t>(capacity, 1)), wake_(std::move(wake)) {}

bool StreamQueue::Send(std::string message) {
  return Push({std::move(message), false});
}

bool StreamQueue::SendBinary(std::string message) {
  return Push({std::move(message), true});
}

bool StreamQueue::Push(Message message) {
  const std::lock_guard lock(mutex_);
  if (gone_ || closed_) return false;
  if (messages_.size() == capacity_) messages_.pop_front();
  messages_.push_back(std::move(message));
  if (std::exchange(hungry_, false)) wake_();
  return true;
}

void StreamQueue::Close() {
  const std::lock_guard lock(mutex_);
  if (gone_ || closed_) return;
  closed_ = true;
  if (std::exchange(hungry_, false)) wake_();
}

bool StreamQueue::gone() const {
  const std::lock_guard lock(mutex_);
  return gone_;
}

std::optional<StreamQueue::Message> StreamQueue::Take() {
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) {
    hungry_ = true;
    return std::nullopt;
  }
  Message message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

bool StreamQueue::finished() const {
  const std::lock_guard lock(mutex_);
  return closed_ && messages_.empty();
}

void StreamQueue::End() {
  const std::lock_guard lock(mutex_);
  gone_ = true;
  messages_.clear();
  wake_ = nullptr;
}

}  // namespace ocelli
