#pragma once

#include <set>
#include <string>
#include <string_view>

namespace ocelli {

// `text` as the name of a file on any system, as readable as it can be: letters
// of all scripts stay ("Côte d'Ivoire"); separators, control characters and
// what Windows forbids become '-', names that Windows keeps for devices get a
// '_'. At most 120 bytes, cut between characters. Needs UTF-8. Never empty.
std::string SafeFileName(std::string_view text);

// Names without endings for the files of one folder, each another, also where
// capitals do not count.
class FileNames {
 public:
  // SafeFileName(text), with " 2" and so on after it where it is taken.
  std::string Choose(std::string_view text);

 private:
  std::set<std::string> taken_;
};

}  // namespace ocelli
