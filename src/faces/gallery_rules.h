#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "faces/gallery_table.h"

namespace ocelli {

// What changes of a gallery mean, whatever keeps it: see Gallery. Each call is
// one change of `table`; after an error what it did so far must not be kept.
// `model` is the one that describes faces here.

struct StoredFace {
  std::int64_t id = 0;    // 0: left out.
  bool added = false;     // Otherwise it was there already.
  bool removed = false;   // A row that said the contrary is gone.
  std::string near_name;  // Of Enrol: a new person nearly has this one's name.
};

Result<StoredFace> EnrolFace(GalleryTable& table, const GalleryLine& line,
                             const Digest& model);
Result<StoredFace> RejectFace(GalleryTable& table, const GalleryLine& line,
                              const Digest& model);
Result<> RenamePerson(GalleryTable& table, std::string_view from,
                      std::string_view to);
Result<> MergePeople(GalleryTable& table, std::string_view from,
                     std::string_view into);
Result<> RemovePerson(GalleryTable& table, std::string_view name);
Result<StoredFace> RejectEnrolled(GalleryTable& table, std::int64_t face,
                                  const Digest& model);
// `near_name` as of EnrolFace.
Result<StoredFace> MoveFace(GalleryTable& table, std::int64_t face,
                            const std::string& to);
Result<> RemoveFace(GalleryTable& table, std::int64_t face);

// A line of a file, by its number.
using NumberedLine = std::pair<std::size_t, GalleryLine>;
// How many faces were new.
Result<std::uint64_t> ImportFaces(GalleryTable& table,
                                  const std::vector<NumberedLine>& lines,
                                  const Digest& model);

Result<std::vector<EnrolledFace>> EnrolledFaces(const GalleryTable& table,
                                                std::string_view name,
                                                const Digest& model);

}  // namespace ocelli
