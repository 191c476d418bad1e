#include <gmock/gmock.h>

#include <array>

#include "models/import.h"
#include "models/onnx_graph.h"
#include "models/test_graph.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class NameEmbeddingTest : public GraphTest {
 protected:
  // Doubles its two inputs, then adds them.
  static std::string Classifier(const char* output) {
    OnnxGraph graph;
    graph.AddInput("x", std::array<std::int64_t, 2>{1, 2});
    const std::string twice = graph.Node("Mul", {"x", graph.Floats({1}, {2})});
    graph.AddOutput(output,
                    graph.Node("Gemm", {twice, graph.Floats({1, 2}, {1, 1})},
                               {{"transB", std::int64_t{1}}}),
                    std::array<std::int64_t, 2>{1, 1});
    return graph.Serialize();
  }
};

TEST_F(NameEmbeddingTest, IsWhatTheLastLayerSees) {
  const auto named = NameEmbedding(Classifier("logits"));
  ASSERT_TRUE(named) << named.error().message;
  const auto rewritten = RewriteForSpeed(std::as_bytes(std::span(*named)));
  ASSERT_TRUE(rewritten) << rewritten.error().message;
  const auto outputs =
      Run(*rewritten, {{"x", MakeTensor({2, 2}, {1, 2, 3, 4})}});
  ASSERT_EQ(outputs.size(), 2);
  EXPECT_THAT(outputs[0].floats(), ElementsAre(6, 14));
  EXPECT_THAT(outputs[1].floats(), ElementsAre(2, 4, 6, 8));
}

TEST_F(NameEmbeddingTest, OneThatIsThereIsKept) {
  const std::string model = Classifier("embedding");
  EXPECT_EQ(*NameEmbedding(model), model);
}

TEST_F(NameEmbeddingTest, AGraphWithoutSuchALayerIsRefused) {
  OnnxGraph graph;
  graph.AddInput("x", std::array<std::int64_t, 2>{1, 2});
  graph.AddOutput("y", graph.Node("Relu", {"x"}),
                  std::array<std::int64_t, 2>{1, 2});
  EXPECT_THAT(NameEmbedding(graph.Serialize()).error().message,
              HasSubstr("no fully connected layer"));
  EXPECT_EQ(NameEmbedding("not a model").error().code, ErrorCode::kDataLoss);
}

}  // namespace
}  // namespace ocelli
