// Where libFuzzer is not: each file of a corpus, and copies of it with damage
// that is the same in every run.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz_target.h"

namespace {

constexpr int kCopies = 200;

void Run(const std::string& input) {
  // From the heap and no byte too long, so that reading past it is found.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string Damaged(std::string input, std::minstd_rand& random) {
  const auto below = [&](std::size_t end) { return random() % end; };
  const std::size_t changes = 1 + below(4);
  for (std::size_t i = 0; i < changes && !input.empty(); ++i) {
    const std::size_t at = below(input.size());
    switch (below(5)) {
      case 0:
        input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        input[at] = static_cast<char>(below(256));
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        input.erase(at, 1 + below(8));
        break;
      default:
        input.insert(at, input.substr(below(input.size()), 1 + below(16)));
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  Run("");
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    Run(input);
    std::minstd_rand random(static_cast<unsigned>(input.size() + 1));
    for (int i = 0; i < kCopies; ++i) Run(Damaged(input, random));
  }
  std::printf("%zu files, %d damaged copies of each\n", files.size(), kCopies);
  return files.size() >= 3 ? 0 : 1;
}
