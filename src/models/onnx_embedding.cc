#include <algorithm>
#include <string>

#include "models/import.h"
#include "models/onnx_axes.h"
#include "models/onnx_graph.h"

namespace ocelli {
namespace {

constexpr char kName[] = "embedding";

// The fully connected layer that comes last, or nullptr.
const onnx::NodeProto* LastGemm(const onnx::GraphProto& graph) {
  const auto last =
      std::find_if(graph.node().rbegin(), graph.node().rend(),
                   [](const onnx::NodeProto& node) {
                     return node.op_type() == "Gemm" && node.input_size() >= 2;
                   });
  return last == graph.node().rend() ? nullptr : &*last;
}

// How many numbers it sees; 0 where that is not known.
std::int64_t InputsOf(const onnx::NodeProto& gemm,
                      const onnx::GraphProto& graph) {
  const auto weights = std::find_if(
      graph.initializer().begin(), graph.initializer().end(),
      [&](const auto& tensor) { return tensor.name() == gemm.input(1); });
  if (weights == graph.initializer().end() || weights->dims_size() != 2) {
    return 0;
  }
  const auto* transposed = FindAttribute(gemm, "transB");
  return weights->dims(transposed != nullptr && transposed->i() != 0 ? 1 : 0);
}

}  // namespace

Result<std::string> NameEmbedding(std::string onnx) {
  onnx::ModelProto model;
  if (!model.ParseFromString(onnx)) {
    return Fail(ErrorCode::kDataLoss, "bad ONNX model: not in the format");
  }
  onnx::GraphProto& graph = *model.mutable_graph();
  if (std::any_of(graph.output().begin(), graph.output().end(),
                  [](const auto& output) { return output.name() == kName; })) {
    return onnx;
  }
  const onnx::NodeProto* gemm = LastGemm(graph);
  const std::int64_t size = gemm == nullptr ? 0 : InputsOf(*gemm, graph);
  if (size < 1 || size > 1 << 20) {
    return Fail(ErrorCode::kUnimplemented,
                "the model has no output \"embedding\", and no fully connected "
                "layer to take its input for one");
  }
  onnx::NodeProto identity;
  identity.set_op_type("Identity");
  identity.add_input(gemm->input(0));
  identity.add_output(kName);
  *graph.add_node() = std::move(identity);
  onnx::ValueInfoProto& info = *graph.add_output();
  info.set_name(kName);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  // As many as there are pictures, which the first output knows.
  auto& batch = *type.mutable_shape()->add_dim();
  const auto& first = graph.output(0).type().tensor_type().shape();
  if (first.dim_size() > 0) batch = first.dim(0);
  type.mutable_shape()->add_dim()->set_dim_value(size);
  return model.SerializeAsString();
}

}  // namespace ocelli
