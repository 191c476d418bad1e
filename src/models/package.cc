#include "models/package.h"

#include <string_view>
#include <vector>

#include "core/file.h"
#include "models/process.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kMaxArchiveBytes = std::uint64_t{1} << 30;

// What a program prints, which is to be short.
Result<std::string> Output(const std::vector<std::string>& arguments,
                           const FetchOptions& options) {
  std::string text;
  ProcessOptions process;
  process.stop = options.stop;
  process.output = [&](std::span<const std::byte> bytes) -> Result<> {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() <= 64 << 10) return {};
    return Fail(ErrorCode::kInternal, arguments[0] + " prints too much");
  };
  const auto run = RunProcess(arguments, process);
  if (!run) return run.Failure();
  const std::size_t first = text.find_first_not_of(" \n\"");
  if (first == text.npos) return std::string();
  return text.substr(first, text.find_last_not_of(" \n\"") + 1 - first);
}

// Moves the only file of `folder` to `archive` if its hash is right.
Result<> AdoptOnlyFile(const std::filesystem::path& folder,
                       const std::string& sha256,
                       const std::filesystem::path& archive) {
  std::error_code error;
  std::filesystem::path found;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    found = entry.path();
  }
  const auto digest = Sha256OfFile(found);
  if (!digest) return digest.Failure();
  const auto same = CheckSha256(*digest, sha256);
  if (!same) return same.Failure();
  std::filesystem::rename(found, archive, error);
  if (error) return FailWithErrno(archive.string(), error.value());
  return {};
}

// Runs a program that downloads one file into the folder it runs in.
Result<> DownloadWith(const std::vector<std::string>& arguments,
                      const std::string& sha256,
                      const std::filesystem::path& archive,
                      const FetchOptions& options) {
  ProcessOptions process;
  process.directory = archive.string() + ".new";
  process.stop = options.stop;
  std::error_code error;
  std::filesystem::remove_all(process.directory, error);
  std::filesystem::create_directories(process.directory, error);
  if (error) return FailWithErrno(process.directory.string(), error.value());
  auto done = RunProcess(arguments, process);
  if (done) done = AdoptOnlyFile(process.directory, sha256, archive);
  std::filesystem::remove_all(process.directory, error);
  return done;
}

Result<> FetchNpm(const std::string& name, const std::string& sha256,
                  const std::filesystem::path& archive,
                  const FetchOptions& options) {
  const auto address =
      Output({"npm", "view", name, "dist.tarball", "--fetch-retries=1",
              "--loglevel=error", "--no-update-notifier"},
             options);
  if (!address) {
    if (address.error().code != ErrorCode::kNotFound) return address.Failure();
    return Fail(ErrorCode::kFailedPrecondition,
                "npm is not installed: 'apt-get install npm' brings it");
  }
  if (address->empty()) {
    return Fail(ErrorCode::kNotFound, "npm knows no " + name);
  }
  auto done = Download(*address, sha256, kMaxArchiveBytes, archive, options);
  if (done || (done.error().code != ErrorCode::kUnavailable &&
               done.error().code != ErrorCode::kPermissionDenied)) {
    return done;
  }
  // A registry that wants a login, or whose addresses only npm can map.
  return DownloadWith(
      {"npm", "pack", name, "--ignore-scripts", "--loglevel=error"}, sha256,
      archive, options);
}

Result<> FetchDeb(const std::string& name, const std::string& sha256,
                  const std::filesystem::path& archive,
                  const FetchOptions& options) {
  auto done = DownloadWith({"apt-get", "download", "--quiet", name}, sha256,
                           archive, options);
  if (done || done.error().code != ErrorCode::kUnavailable) return done;
  return Fail(ErrorCode::kUnavailable,
              done.error().message +
                  " ('apt-get update' as root renews the list of packages)");
}

}  // namespace

Result<std::filesystem::path> FetchPackage(
    const Source& source, const std::string& sha256,
    const std::filesystem::path& downloads, const FetchOptions& options) {
  const bool npm = source.kind == Source::Kind::kNpm;
  const std::filesystem::path archive =
      downloads / (sha256 + (npm ? ".tgz" : ".deb"));
  std::error_code error;
  if (std::filesystem::exists(archive, error)) {
    const auto digest = Sha256OfFile(archive);
    if (digest && CheckSha256(*digest, sha256)) return archive;
    std::filesystem::remove(archive, error);
  }
  std::filesystem::create_directories(downloads, error);
  if (error) return FailWithErrno(downloads.string(), error.value());
  const std::string name = source.package + (npm ? "@" : "=") + source.version;
  const auto fetched = npm ? FetchNpm(name, sha256, archive, options)
                           : FetchDeb(name, sha256, archive, options);
  if (fetched) return archive;
  if (fetched.error().code == ErrorCode::kCancelled) return fetched.Failure();
  return Fail(fetched.error().code,
              "fetching " + name + ": " + fetched.error().message +
                  "; try again online, or put its archive at " +
                  archive.string());
}

Result<> ReadPackage(const Source& source, const std::filesystem::path& archive,
                     const TarReader::Want& want, const TarReader::Take& take,
                     const FetchOptions& options) {
  const auto inside = [](const std::string& name) {
    return name.substr(name.find('/') + 1);
  };
  TarReader reader([&](const std::string& name,
                       std::uint64_t size) { return want(inside(name), size); },
                   [&](const std::string& name, std::string bytes) {
                     return take(inside(name), std::move(bytes));
                   });
  if (source.kind == Source::Kind::kNpm) return ReadTarGz(archive, reader);
  ProcessOptions process;
  process.stop = options.stop;
  process.output = [&](std::span<const std::byte> bytes) {
    return reader.Feed(bytes);
  };
  const auto unpacked =
      RunProcess({"dpkg-deb", "--fsys-tarfile", archive.string()}, process);
  if (!unpacked) return unpacked.Failure();
  return reader.Finish();
}

}  // namespace ocelli
