// collection, search, compare, duplicates and eval retrieval, on a model that
// tells colours apart.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/test_command.h"
#include "core/file.h"
#include "embed/test_embedder.h"
#include "index/vector_files.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

void AddSearchCommands(CLI::App& app, CommandContext& context) {
  AddCollectionCommand(app, context);
  AddSearchCommand(app, context);
  AddCompareCommand(app, context);
  AddDuplicatesCommand(app, context);
  AddEvalCommand(app, context);
}

class SearchCommandsTest : public testing::Test {
 protected:
  SearchCommandsTest() {
    InstallTestEmbedder(command_.paths().models(), "colour");
    Paint("red.png", {250, 10, 10});
    Paint("rose.png", {250, 60, 60});
    Paint("green.png", {10, 250, 10});
    Paint("lime.png", {60, 250, 10});
    Paint("blue.png", {10, 10, 250});
  }

  void Paint(const std::string& name, std::array<std::uint8_t, 3> colour,
             int side = 16) {
    Image image(side, side, PixelFormat::kRgb8);
    for (std::size_t i = 0; i < image.size_bytes(); ++i) {
      image.view().data[i] = colour[i % 3];
    }
    std::filesystem::create_directories(photos_);
    ASSERT_TRUE(WriteFileAtomically(photos_ / name, EncodePng(image).value()));
  }

  TestCommand::Outcome Run(std::vector<std::string> arguments) {
    return command_.Run(std::move(arguments));
  }
  // With --json, which has to succeed.
  json RunJson(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const auto ran = Run(std::move(arguments));
    EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
    return json::parse(ran.out);
  }
  // The collection c of all photos.
  void Fill() {
    EXPECT_EQ(
        Run({"collection", "create", "c", "--embedder", "colour"}).exit_code,
        kExitDone);
    EXPECT_EQ(RunJson({"collection", "add", "c", photos_})["added"], 5);
  }

  const TestCommand command_{AddSearchCommands};
  const std::filesystem::path photos_ = command_.folder().path() / "photos";
};

std::vector<std::string> Ids(const json& found) {
  std::vector<std::string> ids;
  for (const json& hit : found["hits"]) ids.push_back(hit["id"]);
  return ids;
}

TEST_F(SearchCommandsTest, FindsByIdAndLeavesTheQueryOut) {
  Fill();
  const json found = RunJson({"search", "c", "--id", "red", "-k", "2"});
  EXPECT_EQ(found["query"], "red");
  EXPECT_EQ(found["hits"][0]["rank"], 1);
  EXPECT_EQ(found["hits"][0]["id"], "rose");
  EXPECT_FALSE(found["hits"][0]["identical"]);
  EXPECT_EQ(found["hits"].size(), 2u);
  // cos of (250, 10, 10) and (250, 60, 60).
  EXPECT_NEAR(found["hits"][0]["similarity"], .9636, 1e-3);
}

TEST_F(SearchCommandsTest, AFileOfTheCollectionIsTheQueryItselfACopyIsNot) {
  Fill();
  EXPECT_THAT(
      Ids(RunJson({"search", "c", "--image", photos_ / "red.png", "-k", "1"})),
      ElementsAre("rose"));
  const auto copy = command_.folder().path() / "copy.png";
  std::filesystem::copy_file(photos_ / "red.png", copy);
  const json found = RunJson({"search", "c", "--image", copy, "-k", "2"});
  EXPECT_THAT(Ids(found), ElementsAre("red", "rose"));
  EXPECT_TRUE(found["hits"][0]["identical"]);
}

TEST_F(SearchCommandsTest, AddingAgainEmbedsNothingAndUpdatesMetadata) {
  Fill();
  EXPECT_EQ(RunJson({"collection", "add", "c", photos_})["unchanged"], 5);
  const auto csv = command_.folder().path() / "c.csv";
  WriteTestFile(csv, "id,kind\nred,warm\nrose,warm\nblue,cold\n");
  const auto ran = Run({"collection", "add", "c", photos_, "--csv", csv});
  EXPECT_THAT(ran.out, HasSubstr("3 updated, 2 unchanged"));
  EXPECT_THAT(ran.out, HasSubstr("2 have no row"));
  EXPECT_THAT(Ids(RunJson({"search", "c", "--id", "green", "--where",
                           "kind=warm", "-k", "9"})),
              ElementsAre("rose", "red"));
  const std::vector<std::string> ask_cold = {"search", "c",       "--id",
                                             "green",  "--where", "kind=cold"};
  EXPECT_EQ(RunJson(ask_cold)["hits"][0]["metadata"]["kind"], "cold");
  // Without a table, what is known stays.
  EXPECT_EQ(RunJson({"collection", "add", "c", photos_})["unchanged"], 5);
  EXPECT_EQ(RunJson(ask_cold)["hits"].size(), 1u);
}

TEST_F(SearchCommandsTest, ImportingOwnVectorsChangesNothing) {
  const auto csv = command_.folder().path() / "c.csv";
  WriteTestFile(csv, "id,kind\nred,warm\n");
  Fill();
  Run({"collection", "add", "c", photos_, "--csv", csv});
  const auto npy = command_.folder().path() / "c.npy";
  const json before = RunJson({"search", "c", "--id", "rose"});
  Run({"collection", "export", "c", "--npy", npy});
  EXPECT_EQ(RunJson({"collection", "import", "c", "--npy", npy})["unchanged"],
            5);
  EXPECT_EQ(RunJson({"search", "c", "--id", "rose"}), before);
}

TEST_F(SearchCommandsTest, AFileGivenTwiceIsOne) {
  Run({"collection", "create", "c", "--embedder", "colour"});
  EXPECT_EQ(RunJson({"collection", "add", "c", photos_,
                     photos_ / "red.png"})["added"],
            5);
  EXPECT_EQ(Run({"duplicates", photos_, photos_ / "red.png", "--embedder",
                 "colour", "--threshold", ".9999"})
                .out,
            "");
}

TEST_F(SearchCommandsTest, OneRefusedPictureDoesNotStopTheOthers) {
  Run({"collection", "create", "c", "--embedder", "colour"});
  Paint("two\nlines.png", {200, 200, 10});
  const auto ran = Run({"collection", "add", "c", photos_});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_THAT(ran.out, HasSubstr("5 added"));
  EXPECT_THAT(ran.err, HasSubstr("control character"));
}

TEST_F(SearchCommandsTest, AChangedPictureIsEmbeddedAnew) {
  Fill();
  Paint("rose.png", {10, 240, 10});
  const json added = RunJson({"collection", "add", "c", photos_});
  EXPECT_EQ(added["updated"], 1);
  EXPECT_THAT(Ids(RunJson({"search", "c", "--id", "green", "-k", "1"})),
              ElementsAre("rose"));
}

TEST_F(SearchCommandsTest, WhatCannotBeAddedIsNamedAndTheRestIsKept) {
  Run({"collection", "create", "c", "--embedder", "colour"});
  WriteTestFile(photos_ / "broken.png", "no picture");
  std::filesystem::create_directories(photos_ / "more");
  std::filesystem::copy_file(photos_ / "red.png", photos_ / "more/red.png");
  Paint("black.png", {0, 0, 0});
  const auto csv = command_.folder().path() / "c.csv";
  WriteTestFile(csv, "id,kind\nred,warm\nbad row\nnobody,warm\n");
  const auto ran = Run({"collection", "add", "c", photos_, "--csv", csv});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_THAT(ran.out, HasSubstr("5 added"));
  EXPECT_THAT(ran.err, HasSubstr("broken.png: not an image"));
  EXPECT_THAT(ran.err, HasSubstr("its id red is also that of"));
  EXPECT_THAT(ran.err, HasSubstr("black.png"));
  EXPECT_THAT(ran.err, HasSubstr("line 3"));
  EXPECT_THAT(ran.err, HasSubstr("line 4 names a picture that is not here"));
}

TEST_F(SearchCommandsTest, MistakesSayWhatToDo) {
  const std::tuple<std::vector<std::string>, int, std::string> mistakes[] = {
      {{"collection", "create", "c", "--embedder", "nope"},
       kExitSomeFailed,
       "efficientnet-lite0"},
      {{"collection", "create", "c", "--embedder", "sface"},
       kExitUsage,
       "not for image embeddings"},
      {{"collection", "create", "../c", "--embedder", "colour"},
       kExitUsage,
       "../c"},
      {{"search", "none", "--id", "x"}, kExitSomeFailed, "none"},
      {{"search", "none"}, kExitUsage, ""},
      {{"collection", "add", "none", photos_}, kExitSomeFailed, "none"},
      {{"compare", photos_, "--models", "colour"}, kExitUsage, "two models"},
      {{"duplicates", photos_, "--embedder", "vgg16"}, kExitSomeFailed, ""},
  };
  for (const auto& [arguments, exit_code, message] : mistakes) {
    const auto ran = Run(arguments);
    EXPECT_EQ(ran.exit_code, exit_code) << arguments[1] << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(message));
  }
  Fill();
  EXPECT_THAT(Run({"search", "c", "--id", "nope"}).err,
              HasSubstr("no picture nope in c"));
  EXPECT_THAT(Run({"search", "c", "--text", "red"}).err,
              HasSubstr("knows no words"));
  EXPECT_THAT(Run({"search", "c", "--id", "red", "--where", "warm"}).err,
              HasSubstr("warm"));
  for (const std::vector<std::string>& usage :
       {std::vector<std::string>{"--id", "red", "-k", "0"},
        {"--id", ""},
        {"--text", ""},
        {"--id", "red", "-k", "5000", "--sheet", "x.png"}}) {
    std::vector<std::string> arguments = {"search", "c"};
    arguments.insert(arguments.end(), usage.begin(), usage.end());
    EXPECT_EQ(Run(arguments).exit_code, kExitUsage);
  }
  EXPECT_THAT(Run({"collection", "create", "c", "--embedder", "colour"}).err,
              HasSubstr("c"));
}

TEST_F(SearchCommandsTest, AModelThatIsNotInstalledIsNamedWithItsCommand) {
  WriteTestEmbedderCard(command_.paths().models(), "absent");
  ASSERT_EQ(
      Run({"collection", "create", "c", "--embedder", "absent"}).exit_code,
      kExitDone);
  const auto ran = Run({"collection", "add", "c", photos_});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_THAT(ran.err, HasSubstr("ocelli models pull absent"));
}

TEST_F(SearchCommandsTest, AnotherVersionOfTheModelIsRefused) {
  Fill();
  WriteTestEmbedderCard(command_.paths().models(), "colour", "mean = 0",
                        "mean = 1");
  const ModelStore store(command_.paths().models());
  ASSERT_TRUE(store.Pull(store.Find("colour").value(), {}));
  for (const auto& ran :
       {Run({"collection", "add", "c", photos_}),
        Run({"search", "c", "--image", photos_ / "red.png"})}) {
    EXPECT_EQ(ran.exit_code, kExitSomeFailed);
    EXPECT_THAT(ran.err, HasSubstr("colour"));
  }
  // What is there can still be searched.
  EXPECT_EQ(Run({"search", "c", "--id", "red"}).exit_code, kExitDone);
}

TEST_F(SearchCommandsTest, PagesAndSheetsHoldThePictures) {
  Fill();
  const auto html = command_.folder().path() / "out.html";
  const auto sheet = command_.folder().path() / "out.png";
  EXPECT_EQ(
      Run({"search", "c", "--id", "red", "--html", html, "--sheet", sheet})
          .exit_code,
      kExitDone);
  const auto page = ReadFileLimited(html, 1 << 20).value();
  const std::string text(reinterpret_cast<const char*>(page.data()),
                         page.size());
  EXPECT_THAT(text, HasSubstr("data:image/jpeg;base64,"));
  EXPECT_THAT(text, HasSubstr("rose"));
  const Image picture =
      DecodeImage(ReadFileLimited(sheet, 1 << 22).value()).value();
  // The query and four hits in one row; the first is red.
  EXPECT_GT(picture.width(), 5 * 240);
  EXPECT_EQ(Run({"search", "c", "--id", "red", "--sheet", "x.gif"}).exit_code,
            kExitUsage);
}

TEST_F(SearchCommandsTest, StatsListRemoveCompact) {
  Fill();
  json stats = RunJson({"collection", "stats", "c"});
  EXPECT_EQ(stats["items"], 5);
  EXPECT_EQ(stats["search"], "exact");
  EXPECT_EQ(RunJson({"collection", "remove", "c", "red", "rose"})["removed"],
            2);
  EXPECT_EQ(RunJson({"collection", "compact", "c"})["items"], 3);
  EXPECT_EQ(RunJson({"collection", "list"})["collection"], "c");
  EXPECT_EQ(Run({"collection", "remove", "c", "red"}).exit_code,
            kExitSomeFailed);
  EXPECT_EQ(Run({"collection", "remove", "c"}).exit_code, kExitUsage);
  EXPECT_EQ(Run({"collection", "remove", "c", "--whole"}).exit_code, kExitDone);
  EXPECT_THAT(Run({"collection", "list"}).out, HasSubstr("no collections"));
}

TEST_F(SearchCommandsTest, VectorsGoOutAndComeBack) {
  Fill();
  const auto csv = command_.folder().path() / "c.csv";
  WriteTestFile(csv, "id,kind\nred,\"warm, very\"\n");
  Run({"collection", "add", "c", photos_, "--csv", csv});
  const json before = RunJson({"search", "c", "--id", "red"});
  for (const std::string kind : {"csv", "npy", "fvecs"}) {
    const auto file = command_.folder().path() / ("out." + kind);
    EXPECT_EQ(
        RunJson({"collection", "export", "c", "--" + kind, file})["exported"],
        5);
    ASSERT_EQ(Run({"collection", "create", kind, "--dimension", "3"}).exit_code,
              kExitDone);
    EXPECT_EQ(
        RunJson({"collection", "import", kind, "--" + kind, file})["added"], 5);
    const json after = RunJson({"search", kind, "--id", "red"});
    EXPECT_EQ(Ids(after), Ids(before));
    EXPECT_NEAR(after["hits"][3]["similarity"], before["hits"][3]["similarity"],
                1e-6);
    if (kind == "csv") {
      EXPECT_EQ(RunJson({"search", kind, "--id", "lime", "--where",
                         "kind=warm, very"})["hits"]
                    .size(),
                1u);
      EXPECT_EQ(after["hits"][0]["path"], before["hits"][0]["path"]);
    }
  }
}

TEST_F(SearchCommandsTest, BrokenVectorsAreNamedAndLeftOut) {
  const auto csv = command_.folder().path() / "v.csv";
  WriteTestFile(csv,
                "id,embedding\na,1 0 0\nb,1 0\nc,nan 0 0\nd,0 x 0\ne,0 1 0\n"
                "f,0 0 0\na,0 0 1\n");
  Run({"collection", "create", "v", "--dimension", "3"});
  const auto ran = Run({"collection", "import", "v", "--csv", csv});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_THAT(ran.out, HasSubstr("2 added"));
  EXPECT_THAT(ran.out, HasSubstr("5 skipped"));
  for (const char* line : {"line 3", "line 4", "line 5", "line 7", "line 8"}) {
    EXPECT_THAT(ran.err, HasSubstr(line));
  }
  // Nothing to embed pictures with.
  EXPECT_THAT(Run({"search", "v", "--image", photos_ / "red.png"}).err,
              HasSubstr("made without a model"));
  EXPECT_EQ(Run({"collection", "import", "v", "--npy", csv}).exit_code,
            kExitUsage);
}

TEST_F(SearchCommandsTest, WordsAskWhereTheModelKnowsThem) {
  InstallTestTextTower(command_.paths().models(), "tower");
  WriteTestEmbedderCard(command_.paths().models(), "colour",
                        "family = \"test\"",
                        "family = \"test\"\ntext = \"tower\"");
  Fill();
  const json found = RunJson({"search", "c", "--text", "a red cross"});
  EXPECT_EQ(found["query"], "a red cross");
  EXPECT_THAT(Ids(found),
              ElementsAre("red", "rose", "lime", testing::_, testing::_));
  // Vectors of another version are not comparable with its words.
  WriteTestEmbedderCard(command_.paths().models(), "colour", "mean = 0",
                        "mean = 1\n# text");
  EXPECT_EQ(Run({"search", "c", "--text", "red"}).exit_code, kExitSomeFailed);
  // A tower that is not installed is named with its command.
  std::filesystem::remove_all(command_.paths().models() / "tower");
  WriteTestEmbedderCard(command_.paths().models(), "colour",
                        "family = \"test\"",
                        "family = \"test\"\ntext = \"tower\"");
  EXPECT_THAT(Run({"search", "c", "--text", "red"}).err,
              HasSubstr("ocelli models pull tower"));
}

TEST_F(SearchCommandsTest, TheArticlesCsvComesIn) {
  const auto csv = command_.folder().path() / "flags.csv";
  WriteTestFile(csv,
                "country,image,features\n"
                "Chad,https://a.org/td.png,\"[1.0 2.0\n 3.0e-1]\"\n"
                "\"Korea, North\",https://a.org/kp.png,\"[-1.0\n -2.0 .3]\"\n");
  Run({"collection", "create", "v", "--dimension", "3"});
  EXPECT_EQ(RunJson({"collection", "import", "v", "--csv", csv, "--id-column",
                     "country"})["added"],
            2);
  const json found = RunJson({"search", "v", "--id", "Chad"});
  EXPECT_THAT(Ids(found), ElementsAre("Korea, North"));
  EXPECT_EQ(found["hits"][0]["metadata"]["image"], "https://a.org/kp.png");
  EXPECT_THAT(
      Run({"collection", "import", "v", "--csv", csv, "--id-column", "state"})
          .err,
      HasSubstr("no column state"));
}

TEST_F(SearchCommandsTest, AVectorAsksToo) {
  Fill();
  const auto one = command_.folder().path() / "one.npy";
  auto writer = VectorFileWriter::Create(one, 3).value();
  ASSERT_TRUE(writer.Append(std::vector<float>{0, 0, 7}));
  ASSERT_TRUE(writer.Finish());
  EXPECT_THAT(Ids(RunJson({"search", "c", "--vector", one, "-k", "1"})),
              ElementsAre("blue"));
  auto two = VectorFileWriter::Create(one, 2).value();
  ASSERT_TRUE(two.Append(std::vector<float>{0, 1}));
  ASSERT_TRUE(two.Finish());
  EXPECT_EQ(Run({"search", "c", "--vector", one}).exit_code, kExitUsage);
}

TEST_F(SearchCommandsTest, AnEmptyCollectionFindsNothing) {
  Run({"collection", "create", "c", "--embedder", "colour"});
  const json found = RunJson({"search", "c", "--image", photos_ / "red.png"});
  EXPECT_TRUE(found["hits"].empty());
}

TEST_F(SearchCommandsTest, RetrievalIsScoredByLabels) {
  Fill();
  const auto labels = command_.folder().path() / "labels.tsv";
  WriteTestFile(labels, "red\twarm\nrose\twarm\ngreen\tlive\nlime\tlive\n");
  const json score = RunJson({"eval", "retrieval", "c", "--labels", labels});
  EXPECT_EQ(score["images"], 4);
  EXPECT_EQ(score["p_at_1"], 1);
  EXPECT_EQ(score["map"], 1);
  WriteTestFile(labels, "red\twarm\nrose warm\n");
  EXPECT_THAT(Run({"eval", "retrieval", "c", "--labels", labels}).err,
              HasSubstr("line 2"));
  WriteTestFile(labels, "red\twarm\nred\tcold\n");
  EXPECT_THAT(Run({"eval", "retrieval", "c", "--labels", labels}).err,
              HasSubstr("line 2 labels red again"));
  WriteTestFile(labels, "nobody\twarm\n");
  EXPECT_THAT(Run({"eval", "retrieval", "c", "--labels", labels}).err,
              HasSubstr("nobody"));
}

TEST_F(SearchCommandsTest, DuplicatesAreGrouped) {
  Paint("red_large.png", {250, 10, 10}, 32);
  std::filesystem::copy_file(photos_ / "blue.png", photos_ / "blue2.png");
  const auto ran =
      Run({"duplicates", photos_, "--embedder", "colour", "--threshold", ".999",
           "--json", "--html", command_.folder().path() / "d.html"});
  ASSERT_EQ(ran.exit_code, kExitDone) << ran.err;
  const std::size_t line = ran.out.find('\n');
  const json first = json::parse(ran.out.substr(0, line));
  const json second = json::parse(ran.out.substr(line + 1));
  const json& same = first["identical"] ? first : second;
  const json& near = first["identical"] ? second : first;
  EXPECT_TRUE(same["identical"]);
  EXPECT_THAT(std::string(same["images"][1]["path"]), HasSubstr("blue2.png"));
  EXPECT_FALSE(near["identical"]);
  EXPECT_EQ(near["images"].size(), 2u);
  EXPECT_THAT(ran.err, HasSubstr("4 of them in 2 groups"));
}

TEST_F(SearchCommandsTest, CompareShowsEachModelAndHowFarTheyAgree) {
  InstallTestEmbedder(command_.paths().models(), "colour2");
  const auto html = command_.folder().path() / "compare.html";
  const json compared =
      RunJson({"compare", photos_, "--models", "colour,colour2", "--query",
               "red,green", "-k", "2", "--html", html});
  EXPECT_EQ(compared["pictures"], 5);
  EXPECT_EQ(compared["models"][1]["dimension"], 3);
  EXPECT_EQ(compared["queries"][1]["answers"][0]["hits"][0]["id"], "lime");
  EXPECT_EQ(compared["agreement"][0]["overlap_at_k"], 1);
  EXPECT_EQ(compared["agreement"][0]["rank_correlation"], 1);
  EXPECT_TRUE(std::filesystem::exists(html));
  EXPECT_EQ(Run({"compare", photos_, "--models", "colour,colour2", "--query",
                 "nobody"})
                .exit_code,
            kExitSomeFailed);
  // Every picture asks where none is named.
  EXPECT_TRUE(
      RunJson({"compare", photos_, "--models", "colour,colour2"})["queries"]
          .empty());
}

}  // namespace
}  // namespace ocelli
