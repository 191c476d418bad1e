// Addresses that a client or a page names.
#include "fuzz_target.h"
#include "net/url.h"
#include "redis/redis_url.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ocelli;
  const std::string_view text = TextOf(data, size);
  if (const auto url = ParseUrl(text)) {
    Require(!url->host.empty(), "an address has a host");
  }
  if (const auto url = ParseRedisUrl(text)) {
    const auto shown = ParseRedisUrl(url->ForMessage());
    Require(shown && shown->password.empty() && shown->user == url->user &&
                shown->hosts.size() == url->hosts.size(),
            "a message is the address without its password");
  }
  return 0;
}
