#include "models/source.h"

#include <gtest/gtest.h>

namespace ocelli {
namespace {

TEST(Source, OfAnNpmPackage) {
  const Source source =
      ParseSource("npm:@scope/some.name@1.2.3-beta.1!a/b.data#5-17").value();
  EXPECT_EQ(source.kind, Source::Kind::kNpm);
  EXPECT_EQ(source.package, "@scope/some.name");
  EXPECT_EQ(source.version, "1.2.3-beta.1");
  EXPECT_EQ(source.path, "a/b.data");
  EXPECT_EQ(source.range->first, 5);
  EXPECT_EQ(source.range->end, 17);
}

TEST(Source, OfADebianPackage) {
  const Source source =
      ParseSource("deb:lib-x++=1:5.9~rc1+dfsg-1!usr/share/x").value();
  EXPECT_EQ(source.kind, Source::Kind::kDeb);
  EXPECT_EQ(source.package, "lib-x++");
  EXPECT_EQ(source.version, "1:5.9~rc1+dfsg-1");
  EXPECT_EQ(source.path, "usr/share/x");
}

TEST(Source, OfTheWebOrAFile) {
  EXPECT_EQ(ParseSource("https://a.org/b")->kind, Source::Kind::kWeb);
  EXPECT_EQ(ParseSource("http://127.0.0.1:80/b")->kind, Source::Kind::kWeb);
  EXPECT_EQ(ParseSource("file:/a/b c")->path, "/a/b c");
}

TEST(Source, ThatCouldMeanSomethingElseIsRefused) {
  for (const char* text : {"",
                           "sface.onnx",
                           "http://a.org/b",
                           "https://user@a.org/",
                           "file:a",
                           "file:",
                           "npm:x@1",
                           "npm:x!y",
                           "npm:x@1!",
                           "npm:x@1!/etc/passwd",
                           "npm:x@1!a/../../b",
                           "npm:x@1!..",
                           "npm:--registry@1!a",
                           "npm:@-scope/x@1!a",
                           "npm:@scope@1!a",
                           "npm:x@-1!a",
                           "npm:x@1 2!a",
                           "npm:../x@1!a",
                           "npm:x@http://a!b",
                           "npm:x@1!a#",
                           "npm:x@1!a#5",
                           "npm:x@1!a#7-5",
                           "npm:x@1!a#5-5",
                           "npm:x@1!a#a-b",
                           "deb:x!a",
                           "deb:-o=1!a",
                           "deb:x=1!../a",
                           "deb:x=/etc!a"}) {
    const auto source = ParseSource(text);
    ASSERT_FALSE(source) << text;
    EXPECT_EQ(source.error().code, ErrorCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace ocelli
