#pragma once

#include <google/protobuf/message.h>

#include "core/result.h"
#include "service/call_context.h"

namespace ocelli {

// The messages of one streaming call, for threads that may wait. Read() from
// one thread, Write() from another.
class MessageStream {
 public:
  virtual ~MessageStream() = default;

  // Whose call it is; `stop` ends both of the below.
  virtual const CallContext& context() const = 0;

  // Waits for the client's next message: false where no more will come, because
  // the client has ended its side or the service ends. kInvalidArgument: it is
  // no such message. kCancelled.
  virtual Result<bool> Read(google::protobuf::Message& message) = 0;

  // No more is read: Read() returns false, also one that waits. Thread-safe.
  virtual void StopReading() = 0;

  // Waits until it is on its way. kCancelled.
  virtual Result<> Write(const google::protobuf::Message& message) = 0;
};

}  // namespace ocelli
