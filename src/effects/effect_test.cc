#include "effects/effect.h"

#include <gmock/gmock.h>

namespace ocelli {
namespace {

using ::testing::HasSubstr;

class Nothing final : public Effect {
 public:
  Result<> Apply(Frame&, std::vector<TrackedFace>&) override { return {}; }
};

EffectRegistry Registry() {
  EffectRegistry registry;
  registry.Add(
      {.name = "tint",
       .help = "Colours the picture",
       .parameters = {{.name = "strength",
                       .help = "How much",
                       .fallback = "0.5"},
                      {.name = "shift",
                       .help = "Which way",
                       .least = -1,
                       .most = 1,
                       .fallback = "0"},
                      {.name = "mode",
                       .help = "How",
                       .kind = EffectParameter::Kind::kChoice,
                       .choices = {"soft", "hard"},
                       .fallback = "soft"},
                      {.name = "show",
                       .help = "What, joined by +",
                       .kind = EffectParameter::Kind::kChoice,
                       .choices = {"boxes", "names"},
                       .fallback = "boxes",
                       .several = true},
                      {.name = "path",
                       .help = "A picture",
                       .kind = EffectParameter::Kind::kText,
                       .fallback = ""}},
       .need =
           [](const EffectValues& values) {
             return values.Number("strength") > 0 ? EffectNeed::kFaces
                                                  : EffectNeed::kNothing;
           },
       .make = [](const EffectValues& values,
                  const EffectContext&) -> Result<std::unique_ptr<Effect>> {
         if (values.Text("path") == "missing.png") {
           return Fail(ErrorCode::kNotFound, "no file missing.png");
         }
         return std::make_unique<Nothing>();
       },
       .output_size =
           [](const EffectValues&, FrameSize input) {
             return FrameSize{input.width / 2, input.height};
           }});
  registry.Add({.name = "plain", .help = "Does nothing"});
  return registry;
}

std::string ErrorOf(std::string_view text) {
  const EffectRegistry registry = Registry();
  const auto chosen = registry.Parse(text);
  if (chosen) return "accepted";
  EXPECT_EQ(chosen.error().code, ErrorCode::kInvalidArgument);
  return chosen.error().message;
}

TEST(EffectRegistry, ANameAloneHasItsFallbacks) {
  const EffectRegistry registry = Registry();
  const auto chosen = registry.Parse("tint");
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->kind->name, "tint");
  EXPECT_EQ(chosen->values.Number("strength"), .5);
  EXPECT_EQ(chosen->values.Text("mode"), "soft");
  EXPECT_EQ(chosen->values.Text("path"), "");
  EXPECT_EQ(chosen->need(), EffectNeed::kFaces);
  EXPECT_EQ(chosen->OutputSize({640, 360}), (FrameSize{320, 360}));
  const auto plain = registry.Parse("plain");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->need(), EffectNeed::kNothing);
  EXPECT_EQ(plain->OutputSize({640, 360}), (FrameSize{640, 360}));
}

TEST(EffectRegistry, ValuesAreReadWithTheirEscapes) {
  const EffectRegistry registry = Registry();
  const auto chosen = registry.Parse(
      R"(tint:path=a\,b\:c\\d=e:f,strength=0,shift=-1e-1,mode=hard,show=names+boxes)");
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->values.Text("path"), R"(a,b:c\d=e:f)");
  EXPECT_EQ(chosen->values.Number("shift"), -.1);
  EXPECT_EQ(chosen->values.Text("mode"), "hard");
  EXPECT_EQ(chosen->values.Text("show"), "names+boxes");
  EXPECT_EQ(chosen->need(), EffectNeed::kNothing);
}

TEST(EffectRegistry, AnErrorListsWhatThereIs) {
  EXPECT_EQ(ErrorOf("tent"), "no effect \"tent\"; there are: tint, plain");
  EXPECT_THAT(ErrorOf(""), HasSubstr("tint, plain"));
  EXPECT_THAT(ErrorOf("tint:strong=1"),
              HasSubstr("no parameter \"strong\"; its parameters: strength (0 "
                        "to 1), shift (-1 to 1), mode (soft, hard), show "
                        "(boxes, names), path"));
  EXPECT_EQ(ErrorOf("tint:strength=2"),
            "effect tint: strength is a number from 0 to 1, not \"2\"");
  EXPECT_EQ(ErrorOf("tint:mode=loud"),
            "effect tint: mode is one of soft, hard, not \"loud\"");
  EXPECT_THAT(ErrorOf("tint:show=boxes+loud"),
              HasSubstr("some, joined by +, of boxes, names"));
  EXPECT_THAT(ErrorOf("plain:x=1"), HasSubstr("it has no parameters"));
}

TEST(EffectRegistry, RefusesWhatIsNotWellFormed) {
  for (const char* text :
       {"tint:strength", "tint:strength=", "tint:strength=nan",
        "tint:strength=inf", "tint:strength=0.5x", "tint:strength= 0.5",
        "tint:,", "tint:mode=", "tint:mode=soft+hard", "tint:show=boxes+",
        "tint:strength=0,strength=1", "tint:=1", " tint", "Tint"}) {
    EXPECT_NE(ErrorOf(text), "accepted") << text;
  }
}

TEST(ChosenEffect, AFailureToMakeItNamesTheEffect) {
  const EffectRegistry registry = Registry();
  const auto chosen = registry.Parse("tint:path=missing.png");
  ASSERT_TRUE(chosen);
  const auto made = chosen->Make({});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(made.error().message, "effect tint: no file missing.png");
  EXPECT_TRUE(registry.Parse("tint")->Make({}));
}

}  // namespace
}  // namespace ocelli
