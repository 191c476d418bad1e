#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/archive_job.h"
#include "core/result.h"

namespace ocelli {

// The cameras of a TOML file: tables [camera.NAME] or [[camera]] with source,
// to, and any option of `ocelli archive` under its name, without dashes:
//
//   to = "s3://bucket"        # For all: each goes below it, by its name.
//   fps = 10
//   [camera.door]
//   source = "rtsp://host/door"
//   changed = true
//
// Options of the camera count before those for all, `arguments` of the command
// line before both. kInvalidArgument says where the mistake is.
Result<std::vector<ArchiveWish>> ReadCameras(
    const std::filesystem::path& file,
    const std::vector<std::string>& arguments);

}  // namespace ocelli
