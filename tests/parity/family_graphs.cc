#include "family_graphs.h"

#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "models/onnx_graph.h"

namespace ocelli {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::int64_t kWidth = 48;  // Of tokens.

// A graph under construction whose weights are random.
class Builder {
 public:
  OnnxGraph graph;

  // Even between -limit and limit, of a variance that keeps that of what `fan`
  // of them weigh.
  std::string Weights(const Shape& shape, std::int64_t fan) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) {
      count *= static_cast<std::size_t>(size);
    }
    const double limit = std::sqrt(3.0 / static_cast<double>(fan));
    std::vector<float> values(count);
    for (float& value : values) {
      random_ = random_ * 6364136223846793005U + 1442695040888963407U;
      value = static_cast<float>(
          limit * (static_cast<double>(random_ >> 33) / (1U << 30) - 1));
    }
    return graph.Floats(shape, values);
  }

  // What sees the picture: every other channel the finest detail, which is what
  // an inexact resize changes, `gain` times.
  std::string PictureConv(const std::string& input, std::int64_t to,
                          std::int64_t size, std::int64_t stride,
                          std::int64_t pad, float gain = 1) {
    const std::string detail =
        graph.Floats({1, 1, 2, 2}, {gain, -gain, -gain, gain});
    std::string fine = graph.Node(
        "Conv",
        {input, graph.Node("Expand", {detail, graph.Integers({3, 1, 2, 2})})},
        {{"pads", Shape{0, 0, 1, 1}}, {"group", std::int64_t{3}}});
    return graph.Node("Concat",
                      {Conv(input, 3, to / 2, size, stride, pad),
                       Conv(fine, 3, to / 2, size, stride, pad)},
                      {{"axis", std::int64_t{1}}});
  }
  std::string Conv(const std::string& input, std::int64_t from, std::int64_t to,
                   std::int64_t size, std::int64_t stride, std::int64_t pad,
                   std::int64_t group = 1) {
    const std::int64_t each = from / group;
    return graph.Node(
        "Conv", {input, Weights({to, each, size, size}, each * size * size)},
        {{"kernel_shape", Shape{size, size}},
         {"strides", Shape{stride, stride}},
         {"pads", Shape{pad, pad, pad, pad}},
         {"group", group}});
  }
  std::string Silu(const std::string& x) {
    return graph.Node("Mul", {x, graph.Node("Sigmoid", {x})});
  }
  std::string Linear(const std::string& x, std::int64_t from, std::int64_t to) {
    return graph.Node("MatMul", {x, Weights({from, to}, from)});
  }
  std::string LayerNorm(const std::string& x) {
    const auto mean = [&](const std::string& of) {
      return graph.Node("ReduceMean", {of}, {{"axes", Shape{-1}}});
    };
    const std::string centred = graph.Node("Sub", {x, mean(x)});
    const std::string variance = mean(graph.Node("Mul", {centred, centred}));
    return graph.Node(
        "Div",
        {centred,
         graph.Node("Sqrt", {graph.Node("Add", {variance,
                                                graph.Floats({}, {1e-6F})})})});
  }
  // One head; `queries` look at `tokens`.
  std::string Attention(const std::string& queries, const std::string& tokens) {
    const std::string keys =
        graph.Node("Transpose", {Linear(tokens, kWidth, kWidth)},
                   {{"perm", Shape{0, 2, 1}}});
    const std::string scores = graph.Node(
        "Mul", {graph.Node("MatMul", {Linear(queries, kWidth, kWidth), keys}),
                graph.Floats({}, {1 / std::sqrt(static_cast<float>(kWidth))})});
    return Linear(
        graph.Node("MatMul", {graph.Node("Softmax", {scores},
                                         {{"axis", std::int64_t{-1}}}),
                              Linear(tokens, kWidth, kWidth)}),
        kWidth, kWidth);
  }
  std::string Mlp(const std::string& x) {
    return Linear(Silu(Linear(x, kWidth, 2 * kWidth)), 2 * kWidth, kWidth);
  }
  std::string Add(const std::string& a, const std::string& b) {
    return graph.Node("Add", {a, b});
  }
  // A pre-norm transformer's block.
  std::string Block(std::string x) {
    const std::string seen = LayerNorm(x);
    x = Add(x, Attention(seen, seen));
    return Add(x, Mlp(LayerNorm(x)));
  }
  // Constant rows for each picture of the batch: [N, rows, width]. The batch is
  // that of `tokens`, whose numbers don't matter.
  std::string Rows(const std::string& tokens, std::int64_t rows,
                   std::int64_t fan) {
    const std::string zero = graph.Node(
        "Mul", {graph.Node("ReduceMean", {tokens}, {{"axes", Shape{1}}}),
                graph.Floats({}, {0})});
    return Add(zero, Weights({1, rows, kWidth}, fan));
  }
  // Patches of a picture of 224 x 224 as tokens, after a class token.
  std::string Patches(std::int64_t patch) {
    graph.AddInput("pixel_values", Shape{-1, 3, 224, 224});
    const std::int64_t count = 224 / patch * (224 / patch);
    const std::string map =
        PictureConv("pixel_values", kWidth, patch, patch, 0);
    const std::string tokens = graph.Node(
        "Transpose",
        {graph.Node("Reshape", {map, graph.Integers({0, kWidth, count})})},
        {{"perm", Shape{0, 2, 1}}});
    const std::string all = graph.Node("Concat", {Rows(tokens, 1, 16), tokens},
                                       {{"axis", std::int64_t{1}}});
    return Add(all, Weights({1, count + 1, kWidth}, 4));
  }

 private:
  std::uint64_t random_ = 1;
};

}  // namespace

std::string VitGraph(int patch) {
  Builder builder;
  const std::string tokens =
      builder.LayerNorm(builder.Block(builder.Block(builder.Patches(patch))));
  const std::int64_t count = 224 / patch * (224 / patch) + 1;
  builder.graph.AddOutput("last_hidden_state", tokens,
                          Shape{-1, count, kWidth});
  return builder.graph.Serialize();
}

std::string ClipVisionGraph() {
  Builder builder;
  const std::string tokens =
      builder.Block(builder.LayerNorm(builder.Patches(32)));
  const std::string first =
      builder.graph.Node("Gather", {tokens, builder.graph.Integers({0})},
                         {{"axis", std::int64_t{1}}});
  const std::string row =
      builder.graph.Node("Flatten", {builder.LayerNorm(first)});
  builder.graph.AddOutput("image_embeds", builder.Linear(row, kWidth, 64),
                          Shape{-1, 64});
  return builder.graph.Serialize();
}

std::string ClipTextGraph() {
  constexpr std::int64_t kTokens = 77;
  Builder builder;
  OnnxGraph& graph = builder.graph;
  graph.AddInput("input_ids", Shape{-1, kTokens}, onnx::TensorProto::INT64);
  std::string x =
      graph.Node("Gather", {builder.Weights({49408, kWidth}, 4), "input_ids"});
  x = builder.Add(x, builder.Weights({1, kTokens, kWidth}, 16));
  x = builder.LayerNorm(builder.Block(x));
  const std::string end =
      graph.Node("ArgMax", {"input_ids"}, {{"axis", std::int64_t{1}}});
  Shape places(kTokens);
  std::iota(places.begin(), places.end(), 0);
  const std::string is_end =
      graph.Node("Cast", {graph.Node("Equal", {end, graph.Integers(places)})},
                 {{"to", std::int64_t{onnx::TensorProto::FLOAT}}});
  x = graph.Node("Mul",
                 {x, graph.Node("Unsqueeze", {is_end, graph.Integers({2})})});
  x = graph.Node("ReduceSum", {x, graph.Integers({1})},
                 {{"keepdims", std::int64_t{0}}});
  graph.AddOutput("text_embeds", builder.Linear(x, kWidth, 64), Shape{-1, 64});
  return graph.Serialize();
}

std::string QFormerGraph() {
  Builder builder;
  const std::string tokens =
      builder.LayerNorm(builder.Block(builder.Patches(14)));
  std::string queries = builder.Rows(tokens, 32, 16);
  queries = builder.Add(queries,
                        builder.Attention(builder.LayerNorm(queries), tokens));
  queries = builder.LayerNorm(builder.Block(queries));
  builder.graph.AddOutput("last_hidden_state", queries, Shape{-1, 32, kWidth});
  return builder.graph.Serialize();
}

std::string EfficientNetGraph() {
  Builder builder;
  builder.graph.AddInput("pixel_values", Shape{-1, 3, 600, 600});
  std::string x =
      builder.Silu(builder.PictureConv("pixel_values", 16, 3, 2, 1, 10));
  for (const std::int64_t stride : {2, 2, 2, 2}) {
    x = builder.Silu(builder.Conv(x, 16, 16, 3, stride, 1, 16));
    x = builder.Conv(x, 16, 16, 1, 1, 0);
  }
  x = builder.Silu(builder.Conv(x, 16, 64, 1, 1, 0));
  builder.graph.AddOutput("last_hidden_state", x, Shape{-1, 64, 19, 19});
  return builder.graph.Serialize();
}

std::string VggGraph() {
  Builder builder;
  builder.graph.AddInput("data", Shape{-1, 3, 224, 224});
  std::string x = "data";
  std::int64_t channels = 0;
  for (const std::int64_t next : {8, 8, 16, 16, 16}) {
    x = channels == 0 ? builder.PictureConv(x, next, 3, 1, 1)
                      : builder.Conv(x, channels, next, 3, 1, 1);
    x = builder.graph.Node("Relu", {x});
    x = builder.graph.Node(
        "MaxPool", {x},
        {{"kernel_shape", Shape{2, 2}}, {"strides", Shape{2, 2}}});
    channels = next;
  }
  constexpr std::int64_t kSeen = std::int64_t{16} * 7 * 7;
  x = builder.graph.Node("Flatten", {x});
  x = builder.graph.Node("Relu", {builder.Linear(x, kSeen, 128)});
  builder.graph.AddOutput("vgg0_dense2_fwd", builder.Linear(x, 128, 1000),
                          Shape{-1, 1000});
  return builder.graph.Serialize();
}

}  // namespace ocelli
