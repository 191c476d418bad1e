#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/result.h"

namespace ocelli {

// The rows of a CSV file, to be matched with pictures. A row names its picture
// in the column file, filename, path, image or url (what follows the last '/'
// counts), otherwise in the column id or the first one by the picture's name
// without its ending. A column id also names the picture in the collection;
// all others are metadata, but for vectors (features, embedding).
class MetadataTable {
 public:
  struct Row {
    std::string id;  // Empty where the table has no such column.
    std::map<std::string, std::string> metadata;
    std::uint64_t line = 0;
    bool used = false;
  };

  // Rows that can't be used go to `broken`, each naming its line.
  static Result<MetadataTable> Read(const std::filesystem::path& file,
                                    std::vector<Error>& broken);

  // Marks it used. Null where no row names the picture.
  const Row* Use(const std::filesystem::path& picture);
  std::vector<const Row*> Unused() const;

 private:
  bool by_file_name_ = false;        // Else by the name without its ending.
  std::map<std::string, Row> rows_;  // By that name.
};

}  // namespace ocelli
