#include "collect/file_names.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

TEST(SafeFileName, LeavesReadableNamesAlone) {
  for (const char* name : {"Chad", "Côte d'Ivoire", "São Tomé & Príncipe",
                           "日本", "St. Helena", "Korea (North)", "-1"}) {
    EXPECT_EQ(SafeFileName(name), name);
  }
}

TEST(SafeFileName, RemovesWhatIsDangerous) {
  EXPECT_EQ(SafeFileName("../../etc/passwd"), "-..-etc-passwd");
  EXPECT_EQ(SafeFileName("a\\b:c*d?e\"f<g>h|i"), "a-b-c-d-e-f-g-h-i");
  EXPECT_EQ(SafeFileName(std::string_view("a\0b\nc\x7f", 6)), "a-b-c-");
  EXPECT_EQ(SafeFileName("..hidden"), "hidden");
  EXPECT_EQ(SafeFileName(" end. . "), "end");
  EXPECT_EQ(SafeFileName("gnp\u202eexe\u200b\ufeff\u0085"), "gnpexe");
}

TEST(SafeFileName, IsNeverEmpty) {
  for (const char* name : {"", ".", "..", " ", "\u200b"}) {
    EXPECT_EQ(SafeFileName(name), "image");
  }
}

TEST(SafeFileName, AvoidsTheDevicesOfWindows) {
  EXPECT_EQ(SafeFileName("CON"), "CON_");
  EXPECT_EQ(SafeFileName("nul.x"), "nul_.x");
  EXPECT_EQ(SafeFileName("Com7"), "Com7_");
  EXPECT_EQ(SafeFileName("Congo"), "Congo");
  EXPECT_EQ(SafeFileName("comb"), "comb");
}

TEST(SafeFileName, CutsBetweenCharacters) {
  EXPECT_EQ(SafeFileName(std::string(500, 'a')).size(), 120);
  std::string long_name = "a";
  for (int i = 0; i < 100; ++i) long_name += "ô";
  const std::string cut = SafeFileName(long_name);
  EXPECT_EQ(cut.size(), 119);
  EXPECT_TRUE(cut.ends_with("ô"));
}

TEST(FileNames, AreEachAnother) {
  FileNames names;
  EXPECT_EQ(names.Choose("Chad"), "Chad");
  EXPECT_EQ(names.Choose("chad"), "chad 2");
  EXPECT_EQ(names.Choose("Chad 2"), "Chad 2 2");
  EXPECT_EQ(names.Choose("Chad"), "Chad 3");
  EXPECT_EQ(names.Choose("/"), "-");
  EXPECT_EQ(names.Choose("?"), "- 2");
}

}  // namespace
}  // namespace ocelli
