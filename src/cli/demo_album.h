#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/result.h"

namespace ocelli {

// A photo as a KPhotoAlbum database knows it.
struct AlbumPhoto {
  std::string file;                 // Below the album's folder.
  int angle = 0;                    // Degrees clockwise to see it upright.
  std::vector<std::string> people;  // Tagged; pets are left out.
};

// The photos, not the films, of FOLDER/index.xml.
Result<std::vector<AlbumPhoto>> ReadAlbum(const std::filesystem::path& folder);

}  // namespace ocelli
