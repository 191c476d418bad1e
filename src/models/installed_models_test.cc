// The imported models as ./dev setup installs them. The expected numbers are
// TensorFlow Lite's own for the same input (tfjs-tflite 0.0.1-alpha.10, which
// lacks the attention mesh's custom operators).
#include <gmock/gmock.h>

#include <cstdlib>

#include "core/paths.h"
#include "infer/session.h"
#include "models/model_store.h"
#include "models/test_graph.h"

namespace ocelli {
namespace {

using Shape = std::vector<std::int64_t>;

// Of raw tensors, whose numbers reach 200.
constexpr float kTolerance = 3e-4F;
constexpr float kBatchTolerance = 1e-4F;

struct Installed {
  const char* name;
  Shape input;
  // First, last, and three evenly spread between, and the mean, per output.
  std::vector<std::vector<float>> values;
};

std::unique_ptr<Session> OpenInstalled(const std::string& name) {
  const char* root = std::getenv("OCELLI_DATA");
  const ModelStore store(
      FindPaths(root == nullptr ? std::nullopt
                                : std::optional<std::filesystem::path>(root))
          .models());
  const auto card = store.Find(name);
  if (!card) {
    ADD_FAILURE() << card.error().message;
    return nullptr;
  }
  const auto path = store.PathOf(*card);
  if (!path) {
    ADD_FAILURE() << path.error().message << ": run ./dev test";
    return nullptr;
  }
  auto session = Session::Open(*path);
  if (!session) {
    ADD_FAILURE() << session.error().message;
    return nullptr;
  }
  return *std::move(session);
}

std::vector<Tensor> RunOn(const Session& session, const Shape& shape,
                          std::vector<float> values) {
  const Tensor input = MakeTensor(shape, std::move(values));
  const NamedTensor named{session.inputs()[0].name, input};
  auto outputs = session.Run(std::span(&named, 1));
  if (!outputs) {
    ADD_FAILURE() << outputs.error().message;
    return {};
  }
  return *std::move(outputs);
}

class InstalledModelTest : public testing::TestWithParam<Installed> {};

TEST_P(InstalledModelTest, AnswersAsTensorFlowLiteDoes) {
  const auto session = OpenInstalled(GetParam().name);
  ASSERT_NE(session, nullptr);
  const Shape& shape = GetParam().input;
  const auto outputs =
      RunOn(*session, shape,
            Noise(static_cast<std::size_t>(shape[1] * shape[2] * shape[3])));
  ASSERT_EQ(outputs.size(), GetParam().values.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto values = outputs[i].floats();
    double sum = 0;
    for (const float value : values) sum += value;
    const std::vector<float>& expected = GetParam().values[i];
    for (std::size_t k = 0; k < 5; ++k) {
      EXPECT_NEAR(values[(values.size() - 1) * k / 4], expected[k], kTolerance);
    }
    EXPECT_NEAR(sum / static_cast<double>(values.size()), expected[5],
                kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, InstalledModelTest,
    testing::Values(Installed{"blazeface-full",
                              {1, 192, 192, 3},
                              {{-3.742243F, -1.103846F, -3.506058F, -0.6783144F,
                                -5.45023F, 3.767699F},
                               {-9.748458F, -7.696626F, -9.605867F, -9.347543F,
                                -9.639087F, -6.772124F}}},
                    Installed{"blazeface-sparse",
                              {1, 192, 192, 3},
                              {{-5.186341F, 1.435428F, 4.100648F, 8.372323F,
                                10.10324F, 1.581934F},
                               {-9.805505F, -11.77555F, -11.36234F, -20.63982F,
                                -202.8418F, -13.86136F}}},
                    Installed{"blazeface-short",
                              {1, 128, 128, 3},
                              {{0.09972411F, -2.770492F, 0.6691704F, -18.53109F,
                                -6.129297F, 5.088181F},
                               {-4.125978F, -4.226185F, -4.019906F, -1.747582F,
                                -48.42701F, -4.91062F}}},
                    Installed{"facemesh",
                              {1, 192, 192, 3},
                              {{108.8295F, 0.8568028F, -1.727774F, 3.37515F,
                                13.51433F, 67.80995F},
                               {-8.74125F, -8.74125F, -8.74125F, -8.74125F,
                                -8.74125F, -8.74125F}}}),
    [](const auto& name_of) {
      std::string name = name_of.param.name;
      std::erase(name, '-');
      return name;
    });

// Where TensorFlow.js 4.22's answer to the same noise is largest, and its mean.
TEST(InstalledModels, ResNet50AnswersAsTensorFlowJsDoes) {
  const auto session = OpenInstalled("resnet50");
  ASSERT_NE(session, nullptr);
  std::vector<float> noise = Noise(std::size_t{3} * 224 * 224);
  for (float& value : noise) value *= 128;
  const Tensor images = MakeTensor({1, 3, 224, 224}, std::move(noise));
  const NamedTensor input{"images", images};
  const std::string_view embedding[] = {"embedding"};
  const auto outputs = session->Run(std::span(&input, 1), embedding);
  ASSERT_TRUE(outputs) << outputs.error().message;
  const auto values = outputs->front().floats();
  ASSERT_EQ(values.size(), 2048);
  EXPECT_NEAR(values[0], 0.4638977F, kTolerance);
  EXPECT_NEAR(values[210], 13.342534F, kTolerance);
  EXPECT_NEAR(values[436], 11.460609F, kTolerance);
  EXPECT_NEAR(values[1148], 11.788096F, kTolerance);
  double sum = 0;
  for (const float value : values) sum += value;
  EXPECT_NEAR(sum / 2048, 0.1873940, kTolerance);
}

class InstalledBatchTest : public testing::TestWithParam<const char*> {};

TEST_P(InstalledBatchTest, ABatchAnswersAsOneByOne) {
  const auto session = OpenInstalled(GetParam());
  ASSERT_NE(session, nullptr);
  Shape shape = session->inputs()[0].shape;
  ASSERT_EQ(shape[0], -1);
  for (std::int64_t& size : shape) {
    if (size < 0) size = 64;
  }
  shape[0] = 1;
  const auto count = static_cast<std::size_t>(shape[1] * shape[2] * shape[3]);
  std::vector<float> both = Noise(2 * count);
  const std::vector<Tensor> first =
      RunOn(*session, shape, {both.data(), both.data() + count});
  const std::vector<Tensor> second =
      RunOn(*session, shape, {both.data() + count, both.data() + 2 * count});
  shape[0] = 2;
  const std::vector<Tensor> together = RunOn(*session, shape, std::move(both));
  ASSERT_EQ(together.size(), session->outputs().size());
  for (std::size_t i = 0; i < together.size(); ++i) {
    std::vector<float> expected = Values(first[i]);
    const std::vector<float> rest = Values(second[i]);
    expected.insert(expected.end(), rest.begin(), rest.end());
    EXPECT_THAT(
        together[i].floats(),
        testing::Pointwise(testing::FloatNear(kBatchTolerance), expected));
  }
}

INSTANTIATE_TEST_SUITE_P(All, InstalledBatchTest,
                         testing::Values("blazeface-full", "blazeface-sparse",
                                         "blazeface-short", "facemesh",
                                         "facemesh-attention", "resnet50",
                                         "sface"),
                         [](const auto& name_of) {
                           std::string name = name_of.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace ocelli
