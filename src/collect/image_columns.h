#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "collect/image_table.h"

namespace ocelli {

// What one column of a table holds.
struct ColumnSample {
  std::size_t images = 0;
  std::size_t headers = 0;      // Cells that head their row.
  std::set<std::string> names;  // Texts that could name something.

  void Add(std::string_view text, bool image, bool header);
};

struct ImageColumns {
  std::size_t image = 0;
  std::optional<std::size_t> name;  // May be that of the pictures.

  bool Takes(std::size_t column) const {
    return column == image || column == name;
  }
};

// The column with the most pictures, and of those with about as many different
// names as any, its own among them, the one that heads the rows, else the
// first. kNotFound: no
// pictures, or no column that is called as chosen.
Result<ImageColumns> ChooseColumns(const std::vector<std::string>& header,
                                   const std::vector<ColumnSample>& samples,
                                   const ColumnChoice& choice);

// The names of the columns that are neither, each another: "column 3" where
// the header has none, "Date 2" where it has that twice.
std::vector<std::string> OtherColumns(const std::vector<std::string>& header,
                                      const ImageColumns& columns);

}  // namespace ocelli
