#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"
#include "faces/gallery.h"
#include "faces/gallery_matching.h"
#include "faces/gallery_table.h"

namespace ocelli {

// A gallery by the rules of gallery_rules.h; what derives from it says how a
// table is read, changed and remembered.
class TableGallery : public Gallery {
 public:
  Result<std::int64_t> Add(std::string_view name, const Face& face,
                           const Digest& image, std::string_view source,
                           const FacePicture& picture) final;
  Result<> Reject(std::string_view name, const Face& face,
                  const Digest& image) final;
  Result<> RejectFace(std::int64_t face_id) final;
  Result<std::vector<PersonSummary>> People() const final;
  Result<std::vector<EnrolledFace>> FacesOf(std::string_view name) const final;
  Result<FacePicture> PictureOf(std::int64_t face_id) const final;
  Result<> Rename(std::string_view from, std::string_view to) final;
  Result<> Merge(std::string_view from, std::string_view into) final;
  Result<> Move(std::int64_t face_id, std::string_view to) final;
  Result<> Remove(std::string_view name) final;
  Result<> RemoveFace(std::int64_t face_id) final;
  Result<std::vector<std::optional<Identity>>> Identify(
      const std::vector<Face>& faces, const Digest& image,
      const IdentifyOptions& options) const final;
  Result<> Export(std::ostream& out) const final;
  Result<std::uint64_t> Import(std::istream& in) final;

 protected:
  // `clock` outlives it.
  TableGallery(const Digest& model, const Clock& clock)
      : model_(model), clock_(clock) {}

  const Digest& model() const { return model_; }
  const Clock& clock() const { return clock_; }

 private:
  using ReadTable = std::function<Result<>(const GalleryTable&)>;
  using ChangeTable = std::function<Result<>(GalleryTable&)>;

  // Calls `read` with the table as it is now.
  virtual Result<> Read(const ReadTable& read) const = 0;
  // All that `change` does or, where it fails, nothing. It may be called again
  // where another program was faster; what it then did before is gone.
  virtual Result<> Change(const ChangeTable& change) = 0;
  // Of a face; empty: none.
  virtual Result<FacePicture> ReadPicture(std::int64_t face) const = 0;
  // What faces are compared with now.
  virtual Result<std::shared_ptr<const KnownFaces>> Known() const = 0;
  // Something was removed for good; `what` begins the message of an error.
  virtual Result<> Removed(const std::string& what) = 0;

  GalleryLine LineOf(std::string_view name, const Face& face,
                     const Digest& image) const;

  const Digest model_;
  const Clock& clock_;
};

}  // namespace ocelli
