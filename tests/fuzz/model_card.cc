// A model card that somebody brings.
#include "models/model_card.h"

#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ocelli;
  if (const auto card = ParseModelCard(TextOf(data, size))) {
    Require(!card->name.empty(), "a card has a name");
    Require(card->name.find('/') == card->name.npos, "which is no path");
  }
  return 0;
}
