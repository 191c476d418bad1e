#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "infer/session.h"
#include "models/model_card.h"

namespace ocelli {

// The card's model, with its input and outputs checked against the card:
// kDataLoss names what differs.
Result<std::unique_ptr<Session>> OpenModel(const std::filesystem::path& model,
                                           const ModelCard& card,
                                           const SessionOptions& options);

// Runs the graph on the card's input; the card's outputs in its order.
Result<std::vector<Tensor>> RunModel(const Session& session,
                                     const ModelCard& card,
                                     const Tensor& input);

// The largest batch of the card's input: many, or 1.
int BatchLimit(const Session& session);

// The card's number called `name`, or `fallback`.
float ParameterOf(const ModelCard& card, const std::string& name,
                  float fallback);

}  // namespace ocelli
