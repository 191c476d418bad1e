// A form that a client sends: its content type, a line feed, its body.
#include "http/multipart.h"

#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ocelli;
  const std::string_view input = TextOf(data, size);
  const std::size_t end = input.find('\n');
  if (end == input.npos) return 0;
  const std::string_view body = input.substr(end + 1);
  const auto parts = ParseMultipart(input.substr(0, end), body);
  if (!parts) return 0;
  for (const FormPart& part : *parts) {
    Require(
        part.content.empty() || (part.content.data() >= body.data() &&
                                 part.content.data() + part.content.size() <=
                                     body.data() + body.size()),
        "a part lies in the body");
    Require(part.name.find_first_of("\r\n") == part.name.npos,
            "a name is on one line");
  }
  return 0;
}
