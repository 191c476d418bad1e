#include "cli/archive_config.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "cli/archive_flags.h"
#include "core/config.h"

namespace ocelli {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

std::string Taken(Values& values, std::string_view key) {
  const auto found = values.find(key);
  if (found == values.end()) return {};
  return std::move(values.extract(found).mapped());
}

// "max_side" is --max-side.
std::string OptionName(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return "--" + key;
}

tl::unexpected<Error> Bad(const ConfigSection& section,
                          const std::string& reason) {
  return Fail(ErrorCode::kInvalidArgument, section.origin + ": " + reason);
}

Result<ArchiveWish> WishOf(const ConfigSection& section,
                           const ConfigSection& shared, std::size_t number,
                           const std::vector<std::string>& arguments) {
  Values own = section.values, all = shared.values;
  ArchiveWish wish;
  wish.camera = Taken(own, "name");
  if (wish.camera.empty()) wish.camera = section.name;
  const bool named = !wish.camera.empty();
  if (!named) wish.camera = "camera" + std::to_string(number);
  wish.source = Taken(own, "source");
  if (wish.source.empty()) return Bad(section, "source is missing");
  const std::string folder = Taken(all, "to");
  wish.to = Taken(own, "to");
  if (wish.to.empty() && !folder.empty()) wish.to = folder + "/" + wish.camera;
  if (wish.to.empty()) return Bad(section, "to is missing");

  std::map<std::string, std::string> options;
  if (named) options["--task"] = wish.camera;
  for (const Values* values : {&all, &own}) {
    for (const auto& [key, value] : *values) {
      // Of two that exclude each other the nearer one counts.
      if (key == "fps") options.erase("--every");
      if (key == "every") options.erase("--fps");
      options[OptionName(key)] = value;
    }
  }
  for (const std::string& argument : arguments) {
    const std::size_t equals = std::min(argument.find('='), argument.size());
    const std::string name = argument.substr(0, equals);
    if (name == "--fps") options.erase("--every");
    if (name == "--every") options.erase("--fps");
    options[name] = argument.substr(std::min(equals + 1, argument.size()));
  }
  for (const auto& [name, value] : options) {
    wish.arguments.push_back(name + "=" + value);
  }
  const auto flags = ParseArchiveFlags(wish.arguments);
  if (!flags) return Bad(section, flags.error().message);
  return wish;
}

}  // namespace

Result<std::vector<ArchiveWish>> ReadCameras(
    const std::filesystem::path& file,
    const std::vector<std::string>& arguments) {
  const auto read = LoadConfigSections(file, "camera");
  if (!read) return read.Failure();
  if (read->sections.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                file.string() + ": no [[camera]] and no [camera.NAME]");
  }
  std::vector<ArchiveWish> wishes;
  std::set<std::string> names, places;
  for (const ConfigSection& section : read->sections) {
    auto wish = WishOf(section, read->shared, wishes.size() + 1, arguments);
    if (!wish) return wish.Failure();
    if (!names.insert(wish->camera).second) {
      return Bad(section, "another camera is called " + wish->camera);
    }
    if (!places.insert(wish->to).second) {
      return Bad(section, "another camera archives to " + wish->to);
    }
    wishes.push_back(*std::move(wish));
  }
  return wishes;
}

}  // namespace ocelli
