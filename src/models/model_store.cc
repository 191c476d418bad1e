#include "models/model_store.h"

#include <onnx/onnx.pb.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>

#include "core/file.h"
#include "models/builtin_cards.h"
#include "models/fetch.h"
#include "models/import.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxCardBytes = 1 << 20;

// What Pull() notes beside a model.
struct Receipt {
  std::string origin;  // SHA-256 of the file that was imported.
  int import_version = 0;
  std::string sha256;  // Of the ONNX file.
  std::uint64_t size = 0;
};

std::string ToText(const Receipt& receipt) {
  return "origin " + receipt.origin + "\nimport " +
         std::to_string(receipt.import_version) + "\nsha256 " + receipt.sha256 +
         "\nsize " + std::to_string(receipt.size) + "\n";
}

std::string AsText(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// One that can't be read is like none.
Receipt ReadReceipt(const fs::path& file) {
  Receipt receipt;
  const auto bytes = ReadFileLimited(file, kMaxCardBytes);
  if (!bytes) return receipt;
  std::istringstream words(AsText(*bytes));
  std::string key;
  while (words >> key) {
    if (key == "origin") words >> receipt.origin;
    if (key == "import") words >> receipt.import_version;
    if (key == "sha256") words >> receipt.sha256;
    if (key == "size") words >> receipt.size;
  }
  return receipt;
}

fs::path FileOf(const ModelCard& card) {
  return fs::path(card.name) /
         (card.format == "json" ? "text.txt" : "model.onnx");
}

fs::path ReceiptOf(const fs::path& model) {
  return model.parent_path() / "receipt.txt";
}

std::string PullCommand(const ModelCard& card) {
  return "ocelli models pull " + card.name +
         (card.non_commercial ? " --accept-licence" : "");
}

Result<std::string> Import(const ModelCard& card, const std::string& bytes) {
  if (card.format == "json") {
    const auto text = nlohmann::json::parse(bytes, nullptr, false);
    if (text.is_string()) return text.get<std::string>();
    return Fail(ErrorCode::kDataLoss, "not a JSON string");
  }
  if (card.format == "onnx") {
    const bool wants_embedding =
        std::find(card.outputs.begin(), card.outputs.end(), "embedding") !=
        card.outputs.end();
    if (!wants_embedding) {
      return RewriteForSpeed(std::as_bytes(std::span(bytes)));
    }
    const auto named = NameEmbedding(bytes);
    if (!named) return named.Failure();
    return RewriteForSpeed(std::as_bytes(std::span(*named)));
  }
  const auto file = std::as_bytes(std::span(bytes));
  const auto onnx =
      card.format == "tfjs" ? TfjsToOnnx(file) : TfliteToOnnx(file);
  if (!onnx) return onnx.Failure();
  return RewriteForSpeed(std::as_bytes(std::span(*onnx)));
}

// kInvalidArgument where the card names inputs or outputs that the graph lacks.
Result<> CheckNames(const ModelCard& card, const std::string& bytes) {
  if (card.format == "json") return {};
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) {
    return Fail(ErrorCode::kDataLoss, "the imported model can't be read");
  }
  const auto check = [](const char* what, const auto& values,
                        const std::string& name) -> Result<> {
    std::string names;
    for (const onnx::ValueInfoProto& value : values) {
      if (value.name() == name) return {};
      names += (names.empty() ? "" : ", ") + value.name();
    }
    return Fail(ErrorCode::kInvalidArgument,
                std::string("the card names the ") + what + " '" + name +
                    "', the model has " + names);
  };
  auto same = check("input", model.graph().input(), card.input.name);
  for (const std::string& output : card.outputs) {
    if (same) same = check("output", model.graph().output(), output);
  }
  return same;
}

Result<> Install(const ModelCard& card, const std::string& onnx,
                 const fs::path& model) {
  std::error_code error;
  fs::create_directories(model.parent_path(), error);
  if (error) {
    return FailWithErrno(model.parent_path().string(), error.value());
  }
  auto written = WriteFileAtomically(model, onnx);
  if (!written) return written;
  const Receipt receipt{card.sha256, kImportVersion, Sha256(onnx).ToHex(),
                        onnx.size()};
  written = WriteFileAtomically(ReceiptOf(model), ToText(receipt));
  if (!written) fs::remove(model, error);
  return written;
}

}  // namespace

ModelStore::ModelStore(std::filesystem::path directory)
    : directory_(std::move(directory)) {
  const auto note = [&](const std::string& where, const Result<>& added) {
    if (added) return;
    bad_cards_.push_back(added.Failure(where).value());
  };
  for (const std::string_view card : BuiltinCards()) {
    note("built-in model card", AddCard(card));
  }
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(directory_ / "cards", error)) {
    if (entry.path().extension() != ".toml") continue;
    const auto text = ReadFileLimited(entry.path(), kMaxCardBytes);
    note(entry.path().string(),
         text ? AddCard(AsText(*text)) : Result<>(text.Failure()));
  }
  std::sort(cards_.begin(), cards_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
}

Result<> ModelStore::AddCard(std::string_view toml) {
  auto card = ParseModelCard(toml);
  if (!card) return card.Failure();
  std::erase_if(cards_,
                [&](const auto& other) { return other.name == card->name; });
  cards_.push_back(std::move(*card));
  return {};
}

Result<ModelCard> ModelStore::Find(std::string_view name) const {
  std::string message = "no model is called '" + std::string(name) + "', but ";
  for (const ModelCard& card : cards_) {
    if (card.name == name) return card;
    message += (&card == cards_.data() ? "" : ", ") + card.name;
  }
  for (const Error& bad : bad_cards_) message += "; " + bad.message;
  return Fail(ErrorCode::kNotFound, std::move(message));
}

Result<std::filesystem::path> ModelStore::PathOf(const ModelCard& card) const {
  fs::path model = directory_ / FileOf(card);
  const Receipt receipt = ReadReceipt(ReceiptOf(model));
  const auto fail = [&](ErrorCode code, const char* how) {
    return Fail(code,
                "model " + card.name + " is " + how + ": " + PullCommand(card));
  };
  if (receipt.origin.empty()) {
    return fail(ErrorCode::kNotFound, "not installed");
  }
  if (receipt.origin != card.sha256 ||
      receipt.import_version != kImportVersion) {
    return fail(ErrorCode::kFailedPrecondition, "installed in another version");
  }
  std::error_code error;
  if (fs::file_size(model, error) != receipt.size || error) {
    return fail(ErrorCode::kDataLoss, "damaged");
  }
  return model;
}

bool ModelStore::IsInstalled(const ModelCard& card) const {
  return PathOf(card) && std::all_of(card.needs.begin(), card.needs.end(),
                                     [&](const std::string& name) {
                                       const auto need = Find(name);
                                       return need && PathOf(*need);
                                     });
}

Result<> ModelStore::Pull(const ModelCard& card,
                          const PullOptions& options) const {
  if (card.non_commercial && !options.accept_licence) {
    return Fail(ErrorCode::kPermissionDenied,
                "model " + card.name + " is not for commercial use (" +
                    card.licence +
                    "); if you accept that: " + PullCommand(card));
  }
  const std::string doing = "installing " + card.name;
  for (const std::string& name : card.needs) {
    auto need = Find(name);
    if (!need) return need.Failure(doing);
    need->needs.clear();  // One step is enough, and can't be a circle.
    if (auto pulled = Pull(*need, options); !pulled) return pulled;
  }
  if (!options.force && PathOf(card)) return {};
  const auto lock = FolderLock::Take(directory_, options.stop);
  if (!lock) return lock.Failure(doing);
  if (!options.force && PathOf(card)) return {};  // Another was faster.

  const auto bytes = FetchModel(card, directory_ / "downloads", options);
  if (!bytes) return bytes.Failure(doing);
  const auto onnx = Import(card, *bytes);
  if (!onnx) return onnx.Failure(doing);
  const auto named = CheckNames(card, *onnx);
  if (!named) return named.Failure(doing);
  const auto done = Install(card, *onnx, directory_ / FileOf(card));
  if (!done) return done.Failure(doing);
  return {};
}

void ModelStore::RemoveDownloads() const {
  // A stop token that has been asked to: whoever is pulling goes first, and
  // removes them in the end.
  std::stop_source now;
  now.request_stop();
  std::error_code ignored;
  const fs::path downloads = directory_ / "downloads";
  if (!fs::exists(downloads, ignored)) return;
  const auto lock = FolderLock::Take(directory_, now.get_token());
  if (!lock) return;
  for (const auto& entry : fs::directory_iterator(downloads, ignored)) {
    if (entry.path().extension() != ".part") fs::remove(entry, ignored);
  }
  fs::remove(downloads, ignored);
}

Result<> ModelStore::Verify(const ModelCard& card) const {
  const auto model = PathOf(card);
  if (!model) return model.Failure();
  const auto digest = Sha256OfFile(*model);
  if (!digest) return digest.Failure();
  const auto same = CheckSha256(*digest, ReadReceipt(ReceiptOf(*model)).sha256);
  if (same) return {};
  return Fail(ErrorCode::kDataLoss, "model " + card.name +
                                        " is damaged: " + same.error().message +
                                        ": " + PullCommand(card) + " --force");
}

}  // namespace ocelli
