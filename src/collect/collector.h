#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "collect/downloader.h"
#include "collect/image_table.h"
#include "core/result.h"

namespace ocelli {

struct CollectOptions {
  DownloadOptions download;
  ColumnChoice columns;
  int parallel = 4;  // Downloads at a time, in all.
  std::uint64_t max_image_bytes = 32 << 20;
  std::uint64_t max_page_bytes = 32 << 20;  // Also of a CSV from the web.
  std::size_t limit = 0;                    // Rows of the table; 0: all.
};

// A picture that is in the folder now.
struct CollectedImage {
  std::string id;    // The file's name without its ending.
  std::string name;  // As in the table, or the id.
  std::string file;  // Below the folder: "images/Chad.svg".
  std::string url;
  bool fetched = false;  // Else it was there already.
};

struct CollectReport {
  std::filesystem::path csv;
  std::size_t rows = 0;       // That were to be fetched.
  std::size_t collected = 0;  // Of them: in the folder and the CSV,
  std::size_t fetched = 0;    // and of those: fetched now.
  std::size_t failed = 0;
  bool stopped = false;
};

// Called on the thread of Collect(), in the order of the table.
struct CollectEvents {
  std::function<void(std::size_t rows)> begin;
  std::function<void(const CollectedImage&)> image;
  std::function<void(const Error&)> failure;  // Names the row.
};

// The table that `source` names: the address of a page or of a CSV, or a CSV
// file. Fetches through `downloader`.
Result<ImageTable> LoadImageTable(const std::string& source,
                                  Downloader& downloader,
                                  const CollectOptions& options);

// Fetches the pictures of the table into FOLDER/images, as they come, and
// writes FOLDER/NAME.csv (called as the folder is) with the columns id, name,
// file, url and those of the table. A row that fails is told of and left out;
// what is no picture fails. What an earlier run fetched and is whole stays:
// FOLDER/.collected.csv remembers it. Also when stopped, the CSV has what is
// there. Fails only where the folder can't be written.
Result<CollectReport> Collect(const ImageTable& table,
                              const std::filesystem::path& folder,
                              Downloader& downloader,
                              const CollectOptions& options,
                              const CollectEvents& events);

}  // namespace ocelli
