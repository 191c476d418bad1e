#include "cli/collection_making.h"

#include "cli/json_output.h"
#include "cli/open_collection.h"
#include "redis/redis_url.h"

namespace ocelli {
namespace {

// On this machine, or in Redis where --index says so.
Result<std::unique_ptr<Collection>> MakeCollection(
    const CollectionFlags& flags, const CollectionSpec& spec,
    const CommandContext& context) {
  const auto folder = context.paths.collections();
  const auto options = CollectionOptionsOf(context);
  if (flags.place.address.empty()) {
    return Collection::Create(folder, spec, options);
  }
  SharedPlace place = flags.place;
  const auto quantization = ParseQuantization(flags.quantization);
  if (!quantization) return quantization.Failure();
  place.quantization = *quantization;
  return Collection::CreateShared(folder, spec, place, options);
}

// " in redis://10.0.0.1:6379".
std::string InRedis(const CollectionFlags& flags) {
  const auto url = ParseRedisUrl(flags.place.address);
  return url ? " in " + url->ForMessage() : "";
}

void NotePassword(const CollectionFlags& flags) {
  const auto url = ParseRedisUrl(flags.place.address);
  if (!url || url->password.empty()) return;
  PrintError(
      "the password is not kept; other commands need it as redis.password of "
      "the configuration, or OCELLI_REDIS_PASSWORD");
}

// For vectors that come from elsewhere.
void CreateWithoutModel(const CollectionFlags& flags, CommandContext& context) {
  const auto made = MakeCollection(
      flags,
      {.name = flags.name,
       .embedder = {},
       .fingerprint = {},
       .dimension = flags.dimension,
       .metric = flags.metric == "l2" ? Metric::kL2 : Metric::kCosine},
      context);
  if (!made) return context.Fail(made.error());
  NotePassword(flags);
  Report(context, {{"collection", flags.name}, {"dimension", flags.dimension}},
         "made " + flags.name + InRedis(flags) +
             "; to fill it: ocelli collection import " + flags.name +
             " --npy FILE");
}

}  // namespace

void CreateCollection(const CollectionFlags& flags, CommandContext& context) {
  if (flags.dimension > 0) return CreateWithoutModel(flags, context);
  const ModelStore models(context.paths.models());
  const auto recognizer =
      EmbeddingRecognizer::Open(models, nullptr, flags.embedder);
  if (!recognizer) return context.Fail(recognizer.error());
  const auto made = MakeCollection(flags,
                                   {.name = flags.name,
                                    .embedder = flags.embedder,
                                    .fingerprint = (*recognizer)->fingerprint(),
                                    .dimension = (*recognizer)->dimension()},
                                   context);
  if (!made) return context.Fail(made.error());
  const auto installed = models.PathOf((*recognizer)->card());
  if (!installed) PrintError(installed.error().message);
  NotePassword(flags);
  Report(context,
         {{"collection", flags.name},
          {"embedder", flags.embedder},
          {"dimension", (*recognizer)->dimension()}},
         "made " + flags.name + InRedis(flags) +
             "; to fill it: ocelli collection add " + flags.name + " FOLDER");
}

void AttachCollection(const CollectionFlags& flags, CommandContext& context) {
  const auto attached =
      Collection::Attach(context.paths.collections(), flags.name,
                         flags.place.address, CollectionOptionsOf(context));
  if (!attached) return context.Fail(attached.error());
  NotePassword(flags);
  const CollectionSpec& spec = (*attached)->spec();
  Report(context,
         {{"collection", flags.name},
          {"embedder", spec.embedder},
          {"dimension", spec.dimension}},
         flags.name + InRedis(flags) +
             " can be used here; to search it: ocelli search " + flags.name +
             " --image FILE");
}

void RemoveWholeCollection(const CollectionFlags& flags,
                           CommandContext& context) {
  const auto folder = context.paths.collections();
  const std::string address = SharedAddressOf(folder, flags.name);
  const auto removed =
      flags.everywhere ? RemoveSharedCollection(folder, flags.name,
                                                CollectionOptionsOf(context))
                       : RemoveCollection(folder, flags.name);
  if (!removed) return context.Fail(removed.error());
  std::string text = "removed the collection " + flags.name;
  if (!address.empty()) text += flags.everywhere ? " everywhere" : " here";
  if (!address.empty() && !flags.everywhere) {
    text += "; it is still in " + address +
            ", for other machines. To remove it there too, attach it again, "
            "then: ocelli collection remove " +
            flags.name + " --whole --everywhere";
  }
  Report(context, {{"removed", flags.name}}, text);
}

}  // namespace ocelli
