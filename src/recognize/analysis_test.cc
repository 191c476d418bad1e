#include "recognize/analysis.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <ocelli/v1/analysis.pb.h>

#include <limits>
#include <random>

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::Not;

Analysis Example() {
  Analysis analysis{Sha256("photo"), 640, 480, {}};
  for (int i = 0; i < 2; ++i) {
    Face face;
    const float shift = static_cast<float>(i) * 100.3f;
    face.box = {10.25f + shift, 1e-7f, 33.3f, 44};
    face.score = 0.875f;
    for (std::size_t k = 0; k < 6; ++k) {
      face.keypoints[k] = {static_cast<float>(k), 2.5f};
    }
    face.mesh.assign(478, {1, -2, 0.1f});
    face.descriptor.assign(128, 0.0883883f);
    face.quality = {1, 0.5f, 0.25f, 0};
    analysis.faces.push_back(face);
  }
  return analysis;
}

v1::Analysis ExampleMessage() {
  v1::Analysis message;
  EXPECT_TRUE(message.ParseFromString(SerializeAnalysis(Example())));
  return message;
}

TEST(Analysis, ReadsBackAsItWasWritten) {
  const Analysis written = Example();
  const auto read = ParseAnalysis(SerializeAnalysis(written));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->digest, written.digest);
  EXPECT_EQ(read->width, 640);
  EXPECT_EQ(read->height, 480);
  ASSERT_EQ(read->faces.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read->faces[i].box, written.faces[i].box);
    EXPECT_EQ(read->faces[i].score, written.faces[i].score);
    EXPECT_EQ(read->faces[i].keypoints, written.faces[i].keypoints);
    EXPECT_EQ(read->faces[i].mesh, written.faces[i].mesh);
    EXPECT_EQ(read->faces[i].descriptor, written.faces[i].descriptor);
    EXPECT_EQ(read->faces[i].quality.frontality, 0.25f);
  }
}

TEST(Analysis, NoCutOffValueIsTakenForTheWhole) {
  const std::string whole = SerializeAnalysis(Example());
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    const auto read = ParseAnalysis(std::string_view(whole).substr(0, size));
    EXPECT_TRUE(!read || read->faces.size() < 2);
  }
}

TEST(Analysis, FlippedBitsNeverCrashTheReader) {
  const std::string whole = SerializeAnalysis(Example());
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 131) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    (void)ParseAnalysis(damaged).has_value();
  }
}

TEST(Analysis, WhatNoModelMakesIsDataLoss) {
  const auto refused = [](const v1::Analysis& message) {
    const auto read = ParseAnalysis(message.SerializeAsString());
    return !read && read.error().code == ErrorCode::kDataLoss;
  };
  ASSERT_FALSE(refused(ExampleMessage()));
  v1::Analysis message = ExampleMessage();
  message.set_digest("not hex");
  EXPECT_TRUE(refused(message));
  message = ExampleMessage();
  message.set_width(4'000'000'000u);
  EXPECT_TRUE(refused(message));
  message = ExampleMessage();
  message.mutable_faces(0)->add_mesh();
  EXPECT_TRUE(refused(message));
  message = ExampleMessage();
  message.mutable_faces(1)->mutable_keypoints()->RemoveLast();
  EXPECT_TRUE(refused(message));
  message = ExampleMessage();
  message.mutable_faces(1)->set_face_descriptor(
      3, std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(refused(message));
  message = ExampleMessage();
  message.mutable_faces(0)->mutable_box()->set_x(
      std::numeric_limits<float>::infinity());
  EXPECT_TRUE(refused(message));
}

TEST(Analysis, WhatALaterVersionAddsIsPassedOver) {
  const std::string later(
      "\xf8\x7f\x05\xf2\x7f\x02hi\xf5\x7f"
      "1234"
      "\xf1\x7f"
      "12345678",
      24);
  const auto read = ParseAnalysis(SerializeAnalysis(Example()) + later);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->faces.size(), 2u);
}

// Whatever is taken, protobuf takes too, and reads the same in it.
TEST(Analysis, OfDamagedBytesNothingIsReadThatIsNotThere) {
  Analysis example = Example();
  for (Face& face : example.faces) face.mesh.clear();
  const std::string good = SerializeAnalysis(example);
  std::minstd_rand random(11);
  int taken = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (unsigned change = 0; change <= random() % 3; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random() >> 8);
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const auto read = ParseAnalysis(bytes);
    if (!read) continue;
    v1::Analysis message;
    if (!message.ParseFromString(bytes)) {
      // Protobuf also refuses names that are not UTF-8, which are not read.
      continue;
    }
    ++taken;
    ASSERT_EQ(read->digest, Digest::FromHex(message.digest()).value());
    ASSERT_EQ(read->width, static_cast<int>(message.width()));
    ASSERT_EQ(read->faces.size(),
              static_cast<std::size_t>(message.faces_size()));
    for (int f = 0; f < message.faces_size(); ++f) {
      const Face& face = read->faces[static_cast<std::size_t>(f)];
      ASSERT_EQ(face.score, message.faces(f).score());
      ASSERT_EQ(face.keypoints[5].y, message.faces(f).keypoints(5).y());
    }
  }
  EXPECT_GT(taken, 1000);
}

TEST(AnalysisJson, IsProtobufsJsonMapping) {
  const Analysis analysis = Example();
  const std::vector<std::optional<Identity>> people = {
      Identity{"Zoë \"Z\" \\ O'Neil\n", 0.5f}, std::nullopt};
  const std::string line = AnalysisJson("a/b.jpg", analysis, people,
                                        {.mesh = true, .descriptors = true});
  v1::Analysis expected = ExampleMessage();
  expected.set_path("a/b.jpg");
  expected.mutable_faces(0)->mutable_person()->set_name(people[0]->name);
  expected.mutable_faces(0)->mutable_person()->set_similarity(0.5f);
  v1::Analysis read;
  const auto status = google::protobuf::util::JsonStringToMessage(line, &read);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(read.SerializeAsString(), expected.SerializeAsString());
}

TEST(AnalysisJson, LeavesOutMeshAndDescriptorUnlessAsked) {
  const std::string line = AnalysisJson("x", Example(), {}, {});
  EXPECT_THAT(line, Not(HasSubstr("mesh")));
  EXPECT_THAT(line, Not(HasSubstr("descriptor")));
  EXPECT_THAT(line, Not(HasSubstr("person")));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST(AnalysisJson, APathThatIsNotUtf8StillMakesJson) {
  for (const char* path : {"\xff\xfe.jpg", "\xc0\xaf", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "cut \xe2\x82", "\x01\x1f"}) {
    const std::string line = AnalysisJson(path, {}, {}, {});
    v1::Analysis read;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &read).ok())
        << line;
  }
}

}  // namespace
}  // namespace ocelli
