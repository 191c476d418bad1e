#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "http/http_message.h"

namespace ocelli {

// What waits for one connection. Handlers send, the connection takes. Shared
// by both; outlives either. Thread-safe.
class StreamQueue final : public HttpStream {
 public:
  struct Message {
    std::string bytes;
    bool binary = false;
  };

  // `wake` is called when there is something to do after a Take() that found
  // nothing; not after End(). It must not call back.
  StreamQueue(std::size_t capacity, std::function<void()> wake);

  bool Send(std::string message) override;
  bool SendBinary(std::string message) override;
  void Close() override;
  bool gone() const override;

  std::optional<Message> Take();
  // Close() was called and nothing waits.
  bool finished() const;
  // The connection is gone.
  void End();

 private:
  bool Push(Message message);

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::function<void()> wake_;
  std::deque<Message> messages_;
  bool hungry_ = false;  // A Take() found nothing.
  bool closed_ = false;
  bool gone_ = false;
};

}  // namespace ocelli
