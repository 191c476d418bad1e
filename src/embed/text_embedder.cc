#include "embed/text_embedder.h"

#include <algorithm>
#include <utility>

#include "core/file.h"
#include "embed/pooling.h"
#include "models/card_session.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kMaxVocabularyBytes = 16 << 20;
constexpr std::string_view kMask = "attention_mask";

Result<ClipTokenizer> OpenTokenizer(const ModelStore& models,
                                    const std::string& name) {
  const auto card = models.Find(name);
  if (!card) return card.Failure();
  const auto path = models.PathOf(*card);
  if (!path) return path.Failure();
  const auto bytes = ReadFileLimited(*path, kMaxVocabularyBytes);
  if (!bytes) return bytes.Failure();
  return ClipTokenizer::Parse(
      {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

bool HasMask(const Session& session) {
  return std::any_of(
      session.inputs().begin(), session.inputs().end(),
      [](const TensorInfo& input) { return input.name == kMask; });
}

}  // namespace

TextEmbedder::TextEmbedder(ModelCard card, ClipTokenizer tokenizer,
                           std::unique_ptr<Session> session)
    : card_(std::move(card)),
      tokenizer_(std::move(tokenizer)),
      session_(std::move(session)) {}

Result<std::unique_ptr<TextEmbedder>> TextEmbedder::Open(
    const ModelStore& models, const ModelCard& card,
    const EmbedderOptions& options) {
  if (card.task != "text-embedding" || card.outputs.size() != 1 ||
      card.needs.size() != 1) {
    return Fail(ErrorCode::kInvalidArgument,
                card.name +
                    " is no text embedder: its card needs task = "
                    "\"text-embedding\", one output and one vocabulary");
  }
  const auto path = models.PathOf(card);
  if (!path) return path.Failure();
  auto tokenizer = OpenTokenizer(models, card.needs[0]);
  if (!tokenizer) return tokenizer.Failure("opening model " + card.name);
  auto session = Session::Open(
      *path, {.threads = options.threads, .provider = options.provider});
  if (!session) return session.Failure("opening model " + card.name);
  return std::unique_ptr<TextEmbedder>(
      new TextEmbedder(card, *std::move(tokenizer), *std::move(session)));
}

Result<std::vector<float>> TextEmbedder::Embed(std::string_view text) const {
  std::vector<std::int64_t> ids = tokenizer_.Encode(text);
  const std::vector<std::int64_t> shape = {
      1, static_cast<std::int64_t>(ids.size())};
  // The first end token counts, those behind it are padding.
  std::vector<std::int64_t> seen(ids.size());
  const auto end = std::find(ids.begin(), ids.end(), ClipTokenizer::kEnd);
  std::fill_n(seen.begin(), end - ids.begin() + 1, 1);
  const Tensor input{shape, std::move(ids)};
  const Tensor mask{shape, std::move(seen)};
  std::vector<NamedTensor> named = {{card_.input.name, input}};
  if (HasMask(*session_)) named.push_back({kMask, mask});
  const std::string_view outputs[] = {card_.outputs[0]};
  const auto answer = session_->Run(named, outputs);
  const std::string doing = "running model " + card_.name;
  if (!answer) return answer.Failure(doing);
  auto pooled = Pool(answer->front(), card_.pooling);
  if (!pooled) return pooled.Failure(doing);
  if (pooled->size() != 1 || !Normalize(pooled->front())) {
    return Fail(ErrorCode::kDataLoss, doing + ": its answer has no direction");
  }
  return std::move(pooled->front());
}

}  // namespace ocelli
