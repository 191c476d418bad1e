#include "collect/html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

std::string TextOf(const std::string& html) {
  const auto page = HtmlPage::Parse(html, {});
  EXPECT_TRUE(page) << page.error().message;
  return VisibleText(page->root());
}

TEST(VisibleText, IsWhatAReaderSees) {
  EXPECT_EQ(TextOf("<p> C&ocirc;te \n d&#39;Ivoire&nbsp;<b>!</b></p>"),
            "Côte d'Ivoire !");
  EXPECT_EQ(TextOf("a<script>x</script><style>y</style><sup "
                   "class='reference'>[1]</sup><sup>2</sup>"),
            "a2");
  EXPECT_EQ(TextOf("<span style='display: none'>x</span><i hidden>y</i>z"),
            "z");
  EXPECT_EQ(TextOf("a<br>b<div>c</div>d"), "a b cd");
  EXPECT_EQ(TextOf("a<!-- x --><template>y</template><noscript>z</noscript>"),
            "a");
  EXPECT_EQ(TextOf(""), "");
}

TEST(ToUtf8, TakesWhatIsNotUtf8ForLatin1) {
  EXPECT_EQ(ToUtf8("C\xf4te"), "Côte");
  EXPECT_EQ(ToUtf8("Côte 日本 😀"), "Côte 日本 😀");
  for (const char* text : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                           "\xe0\x80\x80", "\xc3", "\x80"}) {
    EXPECT_NE(ToUtf8(text), text);
  }
}

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(HtmlPage, DepthIsNoProblem) {
  const auto page =
      HtmlPage::Parse(Repeat("<font>", 20'000) + "deep", HtmlLimits{});
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(VisibleText(page->root()), "deep");
}

TEST(HtmlPage, HoldsItsLimitOfBytes) {
  HtmlLimits limits;
  limits.max_bytes = 10;
  const auto page = HtmlPage::Parse("<p>12345678", limits);
  EXPECT_EQ(page.error().code, ErrorCode::kResourceExhausted);
}

// Each paragraph takes up all of the open <b>s again.
TEST(HtmlPage, ElementsThatMultiplyAreStopped) {
  std::string html = "<p>";
  for (int i = 0; i < 2000; ++i) html += "<b id=" + std::to_string(i) + ">";
  html += "</p>" + Repeat("<p>x</p>", 20'000);
  HtmlLimits limits;
  limits.max_memory = 64 << 20;
  const auto page = HtmlPage::Parse(html, limits);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(page.error().message, HasSubstr("more than 64 MiB"));
}

// A second goes by whenever somebody looks.
class HastyClock final : public Clock {
 public:
  std::chrono::system_clock::time_point WallTime() const override { return {}; }
  std::chrono::steady_clock::time_point MonotonicTime() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(++now_));
  }

 private:
  mutable int now_ = 0;
};

TEST(HtmlPage, HoldsItsLimitOfTime) {
  const HastyClock clock;
  HtmlLimits limits;
  limits.clock = &clock;
  limits.max_time = milliseconds(100'000);
  EXPECT_TRUE(HtmlPage::Parse("<p>", limits));
  std::string attributes;
  for (int i = 0; i < 1000; ++i) attributes += " a" + std::to_string(i);
  const auto page = HtmlPage::Parse("<p" + attributes + ">", limits);
  ASSERT_FALSE(page);
  EXPECT_THAT(page.error().message, HasSubstr("more than 100 s to parse"));
}

TEST(HtmlPage, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  HtmlLimits limits;
  limits.stop = stop.get_token();
  EXPECT_EQ(HtmlPage::Parse("<p>", limits).error().code, ErrorCode::kCancelled);
}

TEST(HtmlPage, AnyBytesAreAPage) {
  std::uint32_t seed = 3;
  for (int round = 0; round < 500; ++round) {
    std::string html;
    for (int i = 0; i < 200; ++i) {
      seed = seed * 1664525 + 1013904223;
      constexpr std::string_view kPieces[] = {
          "<table>", "<tr>", "<td>",      "</table>", "<svg>",
          "<!--",    "&",    "<img src=", "\"",       "<template>",
          "</",      "\x80", "<",         ">",        "x"};
      html += kPieces[(seed >> 16) % std::size(kPieces)];
    }
    const auto page = HtmlPage::Parse(html, {});
    ASSERT_TRUE(page);
    VisibleText(page->root());
  }
}

}  // namespace
}  // namespace ocelli
