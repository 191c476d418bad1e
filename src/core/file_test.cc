#include "core/file.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string name = (fs::temp_directory_path() / "ocelli-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FileTest() override { fs::remove_all(folder_); }

  std::string Read(const fs::path& path) {
    const auto bytes = ReadFileLimited(path, 1 << 20);
    if (!bytes) return "failed: " + bytes.error().message;
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }
  std::size_t FileCount() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path folder_;
};

TEST_F(FileTest, WhatIsWrittenIsRead) {
  for (const char* text : {"", "x", "several\nlines\n"}) {
    ASSERT_TRUE(WriteFileAtomically(folder_ / "file", text));
    EXPECT_EQ(Read(folder_ / "file"), text);
  }
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(FileTest, AMissingFileIsNotFound) {
  const auto bytes = ReadFileLimited(folder_ / "none", 10);
  EXPECT_EQ(bytes.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(bytes.error().message, HasSubstr("none: No such file"));
}

TEST_F(FileTest, AFileThatMayNotBeReadIsPermissionDenied) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "file", "x"));
  fs::permissions(folder_, fs::perms(0755));
  fs::permissions(folder_ / "file", fs::perms::none);
  // Root may read everything, so be somebody else meanwhile.
  constexpr uid_t kNobody = 65534;
  const uid_t self = geteuid();
  if (self == 0) {
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const auto bytes = ReadFileLimited(folder_ / "file", 10);
  if (self == 0) {
    ASSERT_EQ(seteuid(self), 0);
  }
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::kPermissionDenied);
}

TEST_F(FileTest, AFolderAndAFifoAreRefusedWithoutWaiting) {
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  for (const fs::path& path :
       {folder_, folder_ / "fifo", fs::path("/dev/zero")}) {
    EXPECT_EQ(ReadFileLimited(path, 10).error().code,
              ErrorCode::kInvalidArgument)
        << path;
  }
}

TEST_F(FileTest, OnlyFilesUpToTheLimitAreRead) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "file", "12345"));
  EXPECT_TRUE(ReadFileLimited(folder_ / "file", 5));
  EXPECT_EQ(ReadFileLimited(folder_ / "file", 4).error().code,
            ErrorCode::kResourceExhausted);
}

TEST_F(FileTest, AFileThatClaimsNoSizeIsReadToItsEnd) {
  const auto bytes = ReadFileLimited("/proc/self/status", 1 << 20);
  ASSERT_TRUE(bytes);
  EXPECT_GT(bytes->size(), 100u);
  EXPECT_EQ(ReadFileLimited("/proc/self/status", 10).error().code,
            ErrorCode::kResourceExhausted);
}

TEST_F(FileTest, AWriteThatFailsLeavesTheOldFileAndNothingElse) {
  const fs::path path = folder_ / "file";
  ASSERT_TRUE(WriteFileAtomically(path, "old"));

  // The nearest to a full disk that needs no disk of its own.
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = WriteFileAtomically(path, std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);

  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(Read(path), "old");
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(FileTest, AMissingFolderIsNamed) {
  const auto written = WriteFileAtomically(folder_ / "none" / "file", "x");
  EXPECT_EQ(written.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(written.error().message, HasSubstr("none/file"));
}

TEST_F(FileTest, AFolderIsNotReplaced) {
  EXPECT_FALSE(WriteFileAtomically(folder_, "x"));
  EXPECT_TRUE(fs::is_directory(folder_));
}

TEST_F(FileTest, ANewFileHasOrdinaryPermissions) {
  const mode_t mask = umask(022);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "file", "x"));
  umask(mask);
  struct stat status = {};
  ASSERT_EQ(stat((folder_ / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0644u);
}

}  // namespace
}  // namespace ocelli
