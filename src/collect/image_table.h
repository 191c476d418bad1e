#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collect/html_page.h"
#include "core/csv.h"
#include "core/result.h"
#include "net/url.h"

namespace ocelli {

// One picture that is to be fetched.
struct ImageRow {
  std::string label;  // Of the row, for messages: "row 7".
  std::string name;   // Empty where the row has none.
  Url url;
  std::vector<std::string> values;  // One for each of the table's columns.
};

// A table of pictures and names.
struct ImageTable {
  std::vector<std::string> columns;  // Without those of name and picture.
  std::vector<ImageRow> rows;
  std::vector<Error> skipped;  // Rows that are no use; each names its own.
};

// Which columns hold what, by the names in the header; empty: as it looks.
struct ColumnChoice {
  std::string image;
  std::string name;
};

// The table of the page with the most rows that have a picture and a name:
// <img> in its cells, lazily loaded or not, in its largest version. Cells that
// span rows count in each of them. `address` is where the page is.
// kNotFound: no table with pictures, or no such column.
Result<ImageTable> FindImageTable(const HtmlPage& page, const Url& address,
                                  const ColumnChoice& choice);

// A CSV with a column of addresses of pictures. Broken rows are skipped.
// kInvalidArgument: no header; kNotFound: no column with addresses, or none
// that is called so.
Result<ImageTable> ReadImageTable(std::string_view csv,
                                  const ColumnChoice& choice);

}  // namespace ocelli
