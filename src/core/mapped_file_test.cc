#include "core/mapped_file.h"

#include <gtest/gtest.h>

#include <utility>

#include "core/file.h"

namespace ocelli {
namespace {

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  const auto path = std::filesystem::path(testing::TempDir()) / "mapped_file";
  ASSERT_TRUE(WriteFileAtomically(path, "abc"));
  auto opened = MappedFile::Open(path);
  ASSERT_TRUE(opened) << opened.error().message;
  const MappedFile moved = std::move(*opened);
  ASSERT_EQ(moved.bytes().size(), 3);
  EXPECT_EQ(moved.bytes()[2], std::byte{'c'});
  std::filesystem::remove(path);
}

TEST(MappedFile, WhatIsMissingOrEmptyIsAnError) {
  const auto path = std::filesystem::path(testing::TempDir()) / "mapped_empty";
  EXPECT_EQ(MappedFile::Open(path).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomically(path, ""));
  EXPECT_EQ(MappedFile::Open(path).error().code, ErrorCode::kDataLoss);
  std::filesystem::remove(path);
  EXPECT_FALSE(MappedFile::Open(testing::TempDir()));
}

}  // namespace
}  // namespace ocelli
