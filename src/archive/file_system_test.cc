#include "archive/file_system.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/test_folder.h"

namespace ocelli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

std::span<const std::byte> BytesOfText(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string ReadText(const SpoolFile& file, std::uint64_t offset,
                     std::size_t size) {
  std::string text(size, '\0');
  const auto count = file.Read(offset, std::as_writable_bytes(std::span(text)));
  EXPECT_TRUE(count);
  text.resize(count.value_or(0));
  return text;
}

TEST(SpoolFolderTest, FilesAreWrittenReadCutRenamedAndRemoved) {
  const TestFolder folder;
  const auto files = OpenSpoolFolder(folder / "a/b/spool").value();
  const auto file = files->Open("1.frames").value();
  ASSERT_TRUE(file->Write(0, BytesOfText("0123456789")));
  ASSERT_TRUE(file->Write(20, BytesOfText("ab")));
  EXPECT_EQ(file->Size().value(), 22u);
  EXPECT_EQ(ReadText(*file, 8, 4), std::string("89\0\0", 4));
  EXPECT_EQ(ReadText(*file, 20, 10), "ab");
  EXPECT_EQ(ReadText(*file, 30, 10), "");
  ASSERT_TRUE(file->Truncate(5));
  ASSERT_TRUE(file->Sync());
  ASSERT_TRUE(files->Rename("1.frames", "2.frames"));
  ASSERT_TRUE(files->SyncFolder());
  EXPECT_THAT(files->List().value(), ElementsAre("2.frames", "lock"));
  ASSERT_TRUE(files->Remove("2.frames"));
  EXPECT_EQ(ReadText(*file, 0, 10), "01234");  // As long as it is open.
  EXPECT_EQ(files->Remove("2.frames").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(files->Remove("2.frames").error().message,
              HasSubstr(folder / "a/b/spool/2.frames"));
}

TEST(SpoolFolderTest, NobodyElseMayReadIt) {
  const TestFolder folder;
  const auto files = OpenSpoolFolder(folder / "a/spool").value();
  ASSERT_TRUE(files->Open("1.frames"));
  EXPECT_EQ(ModeOf(folder / "a"), 0700u);
  EXPECT_EQ(ModeOf(folder / "a/spool"), 0700u);
  EXPECT_EQ(ModeOf(folder / "a/spool/1.frames"), 0600u);
  EXPECT_EQ(ModeOf(folder / "a/spool/lock"), 0600u);
}

TEST(SpoolFolderTest, TheSecondToOpenItIsRefusedAndToldWhoHasIt) {
  const TestFolder folder;
  EXPECT_EQ(HolderOfSpoolFolder(folder.path()).value(), std::nullopt);
  auto files = OpenSpoolFolder(folder.path()).value();
  const auto second = OpenSpoolFolder(folder.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(second.error().message,
              HasSubstr("process " + std::to_string(getpid()) + " has it"));
  EXPECT_EQ(HolderOfSpoolFolder(folder.path()).value(), getpid());
  // Asking takes nothing.
  EXPECT_EQ(HolderOfSpoolFolder(folder.path()).value(), getpid());
  files.reset();
  EXPECT_EQ(HolderOfSpoolFolder(folder.path()).value(), std::nullopt);
  EXPECT_TRUE(OpenSpoolFolder(folder.path()));
}

TEST(SpoolFolderTest, AnotherProcessIsRefusedUntilThisOneIsGone) {
  const TestFolder folder;
  int told[2] = {};
  ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    // Holds it until it is killed.
    const auto files = OpenSpoolFolder(folder.path());
    const char fine = files ? 'y' : 'n';
    if (write(told[1], &fine, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char fine = 0;
  ASSERT_EQ(read(told[0], &fine, 1), 1);
  EXPECT_EQ(fine, 'y');
  const auto refused = OpenSpoolFolder(folder.path());
  EXPECT_EQ(HolderOfSpoolFolder(folder.path()).value(), child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(told[0]);
  close(told[1]);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("process " + std::to_string(child)));
  EXPECT_TRUE(OpenSpoolFolder(folder.path()));
}

TEST(SpoolFolderTest, WhatIsNoFolderOrNoFileIsRefused) {
  const TestFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_FALSE(OpenSpoolFolder(folder / "file"));
  EXPECT_FALSE(OpenSpoolFolder(folder / "file/spool"));
  const auto files = OpenSpoolFolder(folder / "spool").value();
  ASSERT_EQ(mkfifo((folder / "spool/1.frames").c_str(), 0600), 0);
  EXPECT_EQ(files->Open("1.frames").error().code, ErrorCode::kInvalidArgument);
  std::filesystem::create_symlink(folder / "file", folder / "spool/2.frames");
  EXPECT_FALSE(files->Open("2.frames"));
}

TEST(SpoolFolderTest, AWriteThatFailsNamesItsFile) {
  const TestFolder folder;
  const auto files = OpenSpoolFolder(folder.path()).value();
  const auto file = files->Open("1.frames").value();
  // More than any file system takes.
  const auto failed = file->Write(INT64_MAX - 1, BytesOfText("ab"));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr(folder / "1.frames"));
}

}  // namespace
}  // namespace ocelli
