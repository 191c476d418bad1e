#include "models/card_session.h"

#include <algorithm>

namespace ocelli {

Result<std::unique_ptr<Session>> OpenModel(const std::filesystem::path& model,
                                           const ModelCard& card,
                                           const SessionOptions& options) {
  auto session = Session::Open(model, options);
  if (!session) return session.Failure("opening model " + card.name);
  const auto has = [](const std::vector<TensorInfo>& tensors,
                      const std::string& name, std::size_t rank) {
    return std::any_of(
        tensors.begin(), tensors.end(), [&](const TensorInfo& tensor) {
          return tensor.name == name &&
                 (tensor.type.starts_with("float") || tensor.type == "uint8") &&
                 (rank == 0 || tensor.shape.size() == rank);
        });
  };
  if ((*session)->inputs().size() != 1 ||
      !has((*session)->inputs(), card.input.name, 4)) {
    return Fail(ErrorCode::kDataLoss,
                "model " + card.name + " at " + model.string() +
                    " does not have its card's input " + card.input.name);
  }
  for (const std::string& output : card.outputs) {
    if (!has((*session)->outputs(), output, 0)) {
      return Fail(ErrorCode::kDataLoss,
                  "model " + card.name + " at " + model.string() +
                      " does not have its card's output " + output);
    }
  }
  return session;
}

Result<std::vector<Tensor>> RunModel(const Session& session,
                                     const ModelCard& card,
                                     const Tensor& input) {
  const NamedTensor named[] = {{card.input.name, input}};
  const std::vector<std::string_view> outputs(card.outputs.begin(),
                                              card.outputs.end());
  auto tensors = session.Run(named, outputs);
  if (!tensors) return tensors.Failure("running model " + card.name);
  return tensors;
}

int BatchLimit(const Session& session) {
  constexpr int kMany = 16;  // Bounds memory; more gains nothing.
  return session.inputs()[0].shape[0] < 0 ? kMany : 1;
}

float ParameterOf(const ModelCard& card, const std::string& name,
                  float fallback) {
  const auto found = card.parameters.find(name);
  return found == card.parameters.end() ? fallback
                                        : static_cast<float>(found->second);
}

}  // namespace ocelli
