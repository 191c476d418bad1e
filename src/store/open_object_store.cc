#include "core/clock.h"
#include "store/aws_settings.h"
#include "store/directory_store.h"
#include "store/object_store.h"
#include "store/s3_store.h"

namespace ocelli {

Result<std::unique_ptr<ObjectStore>> ObjectStore::Open(
    const std::string& url, const ObjectStoreOptions& options) {
  constexpr std::string_view kFolder = "dir:";
  if (url.starts_with(kFolder)) {
    return MakeDirectoryStore(url.substr(kFolder.size()));
  }
  if (url.starts_with("s3://")) {
    return MakeS3Store(url, options, ProcessEnvironment(), SystemClock());
  }
  // An address of another kind may hold a password.
  const std::string shown =
      url.find('@') == url.npos ? url : url.substr(0, url.find(':')) + ":...";
  return Fail(ErrorCode::kInvalidArgument,
              "no store \"" + shown +
                  "\": it is dir:FOLDER, s3://BUCKET or s3://BUCKET/PREFIX");
}

}  // namespace ocelli
