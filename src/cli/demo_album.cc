#include "cli/demo_album.h"

#include <pugixml.hpp>
#include <set>
#include <string_view>

namespace ocelli {

Result<std::vector<AlbumPhoto>> ReadAlbum(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "index.xml";
  pugi::xml_document document;
  const auto parsed = document.load_file(file.c_str());
  if (!parsed) {
    return Fail(ErrorCode::kDataLoss,
                "reading " + file.string() + ": " + parsed.description());
  }
  const auto root = document.child("KPhotoAlbum");
  std::set<std::string> pets;
  for (const auto member : root.child("member-groups").children("member")) {
    if (std::string_view(member.attribute("group-name").value()) == "Pets") {
      pets.insert(member.attribute("member").value());
    }
  }
  std::vector<AlbumPhoto> photos;
  for (const auto image : root.child("images").children("image")) {
    AlbumPhoto photo{
        image.attribute("file").value(), image.attribute("angle").as_int(), {}};
    if (!photo.file.ends_with(".jpg")) continue;
    const auto tags = image.child("options").find_child_by_attribute(
        "option", "name", "People");
    for (const auto value : tags.children("value")) {
      const std::string name = value.attribute("value").value();
      if (!pets.contains(name)) photo.people.push_back(name);
    }
    photos.push_back(std::move(photo));
  }
  return photos;
}

}  // namespace ocelli
