// What is kept of a live session in a Redis that others write into.
#include "live/session_state.h"

#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ocelli;
  if (const auto state = ParseSessionState(TextOf(data, size))) {
    const std::string written = SerializeSessionState(*state);
    const auto again = ParseSessionState(written);
    Require(again.has_value(), "what we write can be read");
    Require(SerializeSessionState(*again) == written, "and is the same");
  }
  return 0;
}
