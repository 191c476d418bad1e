// Tables of web pages.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "collect/image_columns.h"
#include "collect/image_table.h"

namespace ocelli {
namespace {

constexpr std::size_t kMaxRows = 50'000;
constexpr std::size_t kMaxColumns = 256;
constexpr int kMaxSpan = 1000;  // As in the HTML standard.

struct Cell {
  std::string text;
  std::string image;  // The reference as the page has it; empty: none.
  std::string image_text;
  bool header = false;
};

// Rows of cells; one that spans several places is in each of them. The cells
// are owned beside.
struct Grid {
  std::vector<std::unique_ptr<Cell>> cells;
  std::vector<std::vector<const Cell*>> rows;
  std::size_t columns = 0;
};

int NumberOf(std::string_view text, int otherwise) {
  int number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool IsInline(std::string_view reference) {
  return reference.empty() || reference.starts_with("data:");
}

// Of "a.png 1x, b.png 2x" or "a.png 320w, b.png 640w" the one with the largest
// number (HTML standard, "parse a srcset attribute").
std::string_view LargestOf(std::string_view set) {
  std::string_view largest;
  double most = 0;
  while (true) {
    while (!set.empty() && (IsBlank(set[0]) || set[0] == ',')) {
      set.remove_prefix(1);
    }
    if (set.empty()) return largest;
    const auto end = static_cast<std::size_t>(
        std::find_if(set.begin(), set.end(), IsBlank) - set.begin());
    std::string_view reference = set.substr(0, end);
    set.remove_prefix(end);
    double size = 1;
    if (reference.ends_with(',')) {
      while (reference.ends_with(',')) reference.remove_suffix(1);
    } else {
      while (!set.empty() && IsBlank(set[0])) set.remove_prefix(1);
      const std::string_view number = set.substr(0, set.find(','));
      std::from_chars(number.data(), number.data() + number.size(), size);
      set.remove_prefix(number.size());
    }
    if (size > most && !IsInline(reference)) {
      most = size;
      largest = reference;
    }
  }
}

// Where the picture of an <img> is, also where a script would set it later.
std::string_view ReferenceOf(const GumboNode* image) {
  constexpr int kTinySide = 16;  // Marks and spacers.
  if (NumberOf(Attribute(image, "width"), kTinySide) < kTinySide &&
      NumberOf(Attribute(image, "height"), kTinySide) < kTinySide) {
    return {};
  }
  for (const char* name : {"srcset", "data-srcset"}) {
    const auto reference = LargestOf(Attribute(image, name));
    if (!reference.empty()) return reference;
  }
  for (const char* name :
       {"data-src", "data-original", "data-lazy-src", "src"}) {
    const auto reference = Attribute(image, name);
    if (!IsInline(reference)) return reference;
  }
  return {};
}

Cell ReadCell(const GumboNode* element) {
  Cell cell;
  cell.header = IsElement(element, GUMBO_TAG_TH);
  cell.text = VisibleText(element);
  for (const GumboNode* node = element; node && cell.image.empty();) {
    const bool inner_table = IsElement(node, GUMBO_TAG_TABLE);
    if (IsElement(node, GUMBO_TAG_IMG)) {
      cell.image = ReferenceOf(node);
      cell.image_text = Attribute(node, "alt");
    }
    node = NextNode(node, element, !inner_table);
  }
  return cell;
}

// Puts the cells of one row into the grid, beside those that reach down into
// it from above.
void AddRow(const GumboNode* row, std::size_t at, Grid& grid) {
  std::size_t column = 0;
  const GumboVector& children = row->v.element.children;
  for (unsigned i = 0; i < children.length; ++i) {
    const auto* element = static_cast<const GumboNode*>(children.data[i]);
    if (!IsElement(element, GUMBO_TAG_TD) &&
        !IsElement(element, GUMBO_TAG_TH)) {
      continue;
    }
    const auto& filled = grid.rows[at];
    while (column < filled.size() && filled[column]) ++column;
    if (column >= kMaxColumns) return;
    const auto span = [&](const char* name, std::size_t most) {
      const int number = NumberOf(Attribute(element, name), 1);
      return std::min<std::size_t>(
          static_cast<std::size_t>(std::clamp(number, 1, kMaxSpan)), most);
    };
    const std::size_t right = column + span("colspan", kMaxColumns - column);
    const std::size_t below = at + span("rowspan", grid.rows.size() - at);
    grid.cells.push_back(std::make_unique<Cell>(ReadCell(element)));
    for (std::size_t y = at; y < below; ++y) {
      auto& cells = grid.rows[y];
      if (cells.size() < right) cells.resize(right);
      std::fill(cells.begin() + static_cast<std::ptrdiff_t>(column),
                cells.begin() + static_cast<std::ptrdiff_t>(right),
                grid.cells.back().get());
    }
    column = right;
  }
}

Grid ReadGrid(const GumboNode* table) {
  std::vector<const GumboNode*> rows;
  for (const GumboNode* node = table; node && rows.size() < kMaxRows;) {
    if (IsElement(node, GUMBO_TAG_TR)) rows.push_back(node);
    // Cells are read later, and tables in them are tables of their own.
    const bool enter = !IsElement(node, GUMBO_TAG_TR) &&
                       (node == table || !IsElement(node, GUMBO_TAG_TABLE));
    node = NextNode(node, table, enter);
  }
  Grid grid;
  grid.rows.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) AddRow(rows[i], i, grid);
  for (const auto& row : grid.rows) {
    grid.columns = std::max(grid.columns, row.size());
  }
  static const Cell kNothing;
  for (auto& row : grid.rows) {
    row.resize(grid.columns);
    std::replace(row.begin(), row.end(), static_cast<const Cell*>(nullptr),
                 &kNothing);
  }
  return grid;
}

bool IsHeader(const std::vector<const Cell*>& row) {
  return !row.empty() && std::all_of(row.begin(), row.end(), [](auto* cell) {
    return cell->header || (cell->text.empty() && cell->image.empty());
  }) && std::any_of(row.begin(), row.end(), [](auto* c) { return c->header; });
}

// One cell across: a heading within the table.
bool IsSeparator(const std::vector<const Cell*>& row) {
  return row.empty() || (row.size() > 1 && row.front() == row.back());
}

std::vector<std::string> HeaderOf(const Grid& grid) {
  std::vector<std::string> names(grid.columns);
  for (const auto& row : grid.rows) {
    if (IsSeparator(row)) continue;
    if (!IsHeader(row)) break;
    for (std::size_t i = 0; i < row.size(); ++i) names[i] = row[i]->text;
  }
  return names;
}

// What a table would give.
struct Candidate {
  Grid grid;
  ImageColumns columns;
  std::vector<std::string> header;
  std::size_t named = 0;  // Rows with a picture and a name.
};

std::vector<ColumnSample> Samples(const Grid& grid) {
  std::vector<ColumnSample> samples(grid.columns);
  for (const auto& row : grid.rows) {
    if (IsSeparator(row) || IsHeader(row)) continue;
    for (std::size_t i = 0; i < row.size(); ++i) {
      samples[i].Add(row[i]->text, !row[i]->image.empty(), row[i]->header);
    }
  }
  return samples;
}

std::string NameOf(const std::vector<const Cell*>& row,
                   const ImageColumns& columns) {
  const std::string name = columns.name ? row[*columns.name]->text : "";
  return name.empty() ? row[columns.image]->image_text : name;
}

ImageTable ToTable(const Candidate& best, const Url& base) {
  ImageTable table;
  table.columns = OtherColumns(best.header, best.columns);
  std::size_t number = 0;
  for (const auto& cells : best.grid.rows) {
    if (IsSeparator(cells) || IsHeader(cells)) continue;
    ImageRow row;
    row.name = NameOf(cells, best.columns);
    row.label = "row " + std::to_string(++number);
    if (!row.name.empty()) row.label += " (" + row.name + ")";
    const std::string& reference = cells[best.columns.image]->image;
    auto url = ResolveReference(base, reference);
    if (reference.empty()) {
      table.skipped.push_back(
          {ErrorCode::kNotFound, row.label + ": no picture"});
    } else if (!url) {
      table.skipped.push_back(url.Failure(row.label).value());
    } else {
      row.url = std::move(*url);
      for (std::size_t i = 0; i < cells.size(); ++i) {
        if (!best.columns.Takes(i)) row.values.push_back(cells[i]->text);
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

Url BaseOf(const HtmlPage& page, const Url& address) {
  const GumboNode* const root = page.root();
  for (const GumboNode* node = root; node; node = NextNode(node, root)) {
    if (!IsElement(node, GUMBO_TAG_BASE)) continue;
    return ResolveReference(address, Attribute(node, "href")).value_or(address);
  }
  return address;
}

}  // namespace

Result<ImageTable> FindImageTable(const HtmlPage& page, const Url& address,
                                  const ColumnChoice& choice) {
  std::optional<Candidate> best;
  std::optional<Error> missing;
  const GumboNode* const root = page.root();
  for (const GumboNode* node = root; node; node = NextNode(node, root)) {
    if (!IsElement(node, GUMBO_TAG_TABLE)) continue;
    Candidate candidate;
    candidate.grid = ReadGrid(node);
    candidate.header = HeaderOf(candidate.grid);
    auto columns =
        ChooseColumns(candidate.header, Samples(candidate.grid), choice);
    if (!columns) {
      missing = columns.error();
      continue;
    }
    candidate.columns = *columns;
    for (const auto& row : candidate.grid.rows) {
      if (IsSeparator(row) || IsHeader(row)) continue;
      candidate.named +=
          !row[columns->image]->image.empty() && !NameOf(row, *columns).empty();
    }
    if (!best || candidate.named > best->named) best = std::move(candidate);
  }
  if (!best) {
    return Fail(ErrorCode::kNotFound,
                "no table with images in " + address.ForMessage() +
                    (missing ? ": " + missing->message : ""));
  }
  return ToTable(*best, BaseOf(page, address));
}

}  // namespace ocelli
