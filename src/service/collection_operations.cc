#include <google/protobuf/empty.pb.h>

#include <utility>

#include "core/file.h"
#include "core/log.h"
#include "index/item_pictures.h"
#include "ocelli/v1/collections.pb.h"
#include "recognize/small_picture.h"
#include "service/limits.h"
#include "service/pictures.h"
#include "service/queries.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;

constexpr int kPictureSide = 320;
// Searches compare with each item that the index lacks.
constexpr std::uint64_t kItemsBetweenIndexes = 1024;

ItemPictures PicturesOf(const ServiceState& state, const std::string& name) {
  return {state.parts.collections, name};
}

void Write(const Item& item, const ItemPictures& pictures,
           v1::CollectionItem& to) {
  to.set_id(item.id);
  if (item.digest != Digest()) to.set_digest(item.digest.ToHex());
  for (const auto& [key, value] : item.metadata) {
    (*to.mutable_metadata())[key] = value;
  }
  std::error_code ignored;
  to.set_has_picture(pictures.Has(item.id, item.digest) ||
                     (!item.path.empty() && item.digest != Digest() &&
                      std::filesystem::is_regular_file(item.path, ignored)));
}

Result<v1::CollectionSummary> SummaryOf(ServiceState& state,
                                        const std::string& name) {
  const auto stats = state.collections.With(
      name, [](Collection& collection) { return collection.Stats(); });
  if (!stats) return stats.Failure();
  v1::CollectionSummary summary;
  summary.set_name(name);
  summary.set_model(stats->spec.embedder);
  summary.set_dimension(stats->spec.dimension);
  summary.set_items(stats->items);
  summary.set_bytes(stats->bytes);
  summary.set_approximate(stats->approximate);
  summary.set_recall_at_10(stats->recall_at_10);
  summary.set_shared(stats->shared);
  const auto card = state.parts.models.Find(stats->spec.embedder);
  summary.set_reads_text(card && ReadsTextNow(*card, state.parts.models));
  return summary;
}

Result<v1::ListCollectionsResponse> List(ServiceState& state,
                                         const CallContext&,
                                         v1::ListCollectionsRequest&) {
  const auto names = ListCollections(state.parts.collections);
  if (!names) return names.Failure();
  v1::ListCollectionsResponse response;
  for (const std::string& name : *names) {
    auto summary = SummaryOf(state, name);
    if (!summary && summary.error().code == ErrorCode::kCancelled) {
      return summary.Failure();
    }
    v1::CollectionSummary& to = *response.add_collections();
    if (summary) {
      to = std::move(*summary);
    } else {  // One that can't be used hides no other.
      to.set_name(name);
      to.set_error(summary.error().message);
    }
  }
  return response;
}

Result<v1::CollectionSummary> Create(ServiceState& state,
                                     const CallContext& context,
                                     v1::CreateCollectionRequest& request) {
  if (auto checked = CheckCollectionName(request.name()); !checked) {
    return checked.Failure();
  }
  const std::string& model =
      request.model().empty() ? state.parts.default_embedder : request.model();
  const auto pictures = state.embedders.OfPictures(model);
  if (!pictures) return pictures.Failure();
  const auto made =
      Collection::Create(state.parts.collections,
                         {.name = request.name(),
                          .embedder = model,
                          .fingerprint = (*pictures)->fingerprint(),
                          .dimension = (*pictures)->dimension()},
                         state.parts.collection_options);
  if (!made) return made.Failure();
  if (auto noted =
          Record(state, context, "create", "collection", request.name());
      !noted) {
    return noted.Failure();
  }
  return SummaryOf(state, request.name());
}

Result<v1::CollectionSummary> Get(ServiceState& state, const CallContext&,
                                  v1::GetCollectionRequest& request) {
  return SummaryOf(state, request.name());
}

// A shared one stays in Redis for the other machines.
Result<Empty> Remove(ServiceState& state, const CallContext& context,
                     v1::RemoveCollectionRequest& request) {
  state.collections.Forget(request.name());
  const auto removed =
      RemoveCollection(state.parts.collections, request.name());
  if (!removed) return removed.Failure();
  const auto noted =
      Record(state, context, "remove", "collection", request.name());
  if (!noted) return noted.Failure();
  return Empty();
}

// What is looked for.
struct Query {
  std::vector<float> vector;
  std::optional<Digest> digest = {};
  std::string own_id = {};  // Of the collection's picture that is the query.
  bool cached = false;
};

Result<Query> QueryById(Collection& collection, const std::string& id) {
  const auto item = collection.Find(id);
  if (!item) return item.Failure();
  if (!*item) {
    return Fail(ErrorCode::kNotFound,
                "no picture " + id + " in " + collection.spec().name);
  }
  auto vector = collection.VectorOf(id);
  if (!vector) return vector.Failure();
  return Query{.vector = std::move(*vector),
               .digest = (*item)->digest,
               .own_id = id,
               .cached = true};
}

Result<Query> QueryByText(ServiceState& state, Collection& collection,
                          const std::string& text) {
  const auto texts = state.embedders.OfTextsIn(collection);
  if (!texts) return texts.Failure();
  auto vector = EmbedText(**texts, text, state);
  if (!vector) return vector.Failure();
  return Query{.vector = std::move(*vector)};
}

Result<Query> QueryByImage(ServiceState& state, Collection& collection,
                           v1::Image& image) {
  const auto pictures = state.embedders.OfPicturesIn(collection);
  if (!pictures) return pictures.Failure();
  auto embedding = EmbedImage(**pictures, image, "image", state);
  if (!embedding) return embedding.Failure();
  return Query{.vector = std::move(embedding->vector),
               .digest = embedding->digest,
               .own_id = {},
               .cached = embedding->cached};
}

Result<Query> MakeQuery(ServiceState& state, Collection& collection,
                        v1::SearchRequest& request) {
  const int ways = request.has_image() + !request.text().empty() +
                   !request.id().empty() + (request.vector_size() > 0);
  if (ways != 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "one of image, text, id and vector is to be searched for");
  }
  if (request.has_image()) {
    return QueryByImage(state, collection, *request.mutable_image());
  }
  if (!request.text().empty()) {
    return QueryByText(state, collection, request.text());
  }
  if (!request.id().empty()) return QueryById(collection, request.id());
  return Query{.vector = {request.vector().begin(), request.vector().end()},
               .digest = {},
               .own_id = {},
               .cached = true};
}

Result<std::vector<Condition>> ConditionsOf(const v1::SearchRequest& request) {
  constexpr int kMost = 64;
  constexpr std::size_t kMostBytes = 4096;
  if (request.where_size() > kMost) {
    return Fail(ErrorCode::kInvalidArgument,
                "where: " + std::to_string(request.where_size()) +
                    " conditions; at most " + std::to_string(kMost));
  }
  std::vector<Condition> conditions;
  for (const std::string& text : request.where()) {
    if (text.size() > kMostBytes) {
      return Fail(ErrorCode::kInvalidArgument,
                  "where: a condition of " + std::to_string(text.size()) +
                      " bytes; at most " + std::to_string(kMostBytes));
    }
    auto condition = Condition::Parse(text);
    if (!condition) return condition.Failure("where");
    conditions.push_back(std::move(*condition));
  }
  return conditions;
}

Result<v1::SearchResponse> Search(ServiceState& state, const CallContext&,
                                  v1::SearchRequest& request) {
  const auto most = ResolveLimit("k", request.k(), 10, 1000);
  if (!most) return most.Failure();
  auto conditions = ConditionsOf(request);
  if (!conditions) return conditions.Failure();
  return state.collections.With(
      request.name(),
      [&](Collection& collection) -> Result<v1::SearchResponse> {
        auto query = MakeQuery(state, collection, request);
        if (!query) return query.Failure();
        auto hits = collection.Search(query->vector,
                                      {.k = static_cast<int>(*most),
                                       .where = std::move(*conditions),
                                       .query_digest = query->digest,
                                       .exclude_id = std::move(query->own_id),
                                       .exact = request.exact()});
        if (!hits) return hits.Failure();
        v1::SearchResponse response;
        response.set_model(collection.spec().embedder);
        response.set_cached(query->cached);
        const ItemPictures pictures = PicturesOf(state, request.name());
        for (const Hit& hit : *hits) {
          v1::SearchResponse::Hit& to = *response.add_hits();
          Write(hit.item, pictures, *to.mutable_item());
          to.set_similarity(hit.similarity);
          to.set_identical(hit.identical);
        }
        return response;
      });
}

Result<> CheckMetadata(const v1::PutItemRequest& request) {
  constexpr std::size_t kMostKeys = 256;
  constexpr std::size_t kMostKeyBytes = 256;
  constexpr std::size_t kMostBytes = 64 << 10;
  if (request.metadata().size() > kMostKeys) {
    return Fail(ErrorCode::kInvalidArgument,
                "metadata: " + std::to_string(request.metadata().size()) +
                    " keys; at most " + std::to_string(kMostKeys));
  }
  for (const auto& [key, value] : request.metadata()) {
    if (key.empty() || key.size() > kMostKeyBytes ||
        value.size() > kMostBytes) {
      return Fail(ErrorCode::kInvalidArgument,
                  "metadata: a key of " + std::to_string(key.size()) +
                      " bytes with a value of " + std::to_string(value.size()) +
                      "; 1 to " + std::to_string(kMostKeyBytes) +
                      " and at most " + std::to_string(kMostBytes) +
                      " are allowed");
    }
  }
  return {};
}

// Small, for the page; the item is there without it, too.
void KeepPicture(ServiceState& state, const std::string& collection,
                 const Item& item, std::span<const std::byte> encoded) {
  const auto keep = [&]() -> Result<> {
    const auto slot = state.parts.images.Take();
    if (!slot) return slot.Failure();
    auto image = DecodeSentImage(encoded, state.parts.limits);
    if (!image) return image.Failure();
    const auto jpeg = SmallJpeg(*std::move(image), kPictureSide);
    if (!jpeg) return jpeg.Failure();
    return PicturesOf(state, collection).Keep(item.id, item.digest, *jpeg);
  };
  const auto kept = keep();
  if (kept || kept.error().code == ErrorCode::kCancelled) return;
  Log(LogLevel::kWarning, "no picture is kept of an item",
      {{"collection", collection}, {"reason", kept.error().message}});
}

Result<v1::CollectionItem> Put(ServiceState& state, const CallContext&,
                               v1::PutItemRequest& request) {
  if (auto checked = CheckMetadata(request); !checked) {
    return checked.Failure();
  }
  return state.collections.With(
      request.name(),
      [&](Collection& collection) -> Result<v1::CollectionItem> {
        const auto pictures = state.embedders.OfPicturesIn(collection);
        if (!pictures) return pictures.Failure();
        const auto picture =
            TakePicture(*request.mutable_image(), "image", state);
        if (!picture) return picture.Failure();
        auto embedding = (*pictures)->Embed(picture->bytes());
        if (!embedding) return embedding.Failure("image");
        state.CountImage(embedding->cached);
        Entry entry;
        entry.item.id = request.id();
        entry.item.digest = embedding->digest;
        entry.item.metadata.insert(request.metadata().begin(),
                                   request.metadata().end());
        entry.vector = std::move(embedding->vector);
        const auto put = collection.Put(std::span(&entry, 1));
        if (!put) return put.Failure();
        if (++state.items_put % kItemsBetweenIndexes == 0) {
          const auto updated = collection.UpdateIndex();
          if (!updated) {  // Searches do without.
            Log(LogLevel::kWarning, "an index is not up to date",
                {{"collection", request.name()},
                 {"reason", updated.error().message}});
          }
        }
        KeepPicture(state, request.name(), entry.item, picture->bytes());
        v1::CollectionItem item;
        Write(entry.item, PicturesOf(state, request.name()), item);
        return item;
      });
}

Result<Empty> RemoveItem(ServiceState& state, const CallContext&,
                         v1::RemoveItemRequest& request) {
  return state.collections.With(
      request.name(), [&](Collection& collection) -> Result<Empty> {
        const auto removed = collection.Remove(std::span(&request.id(), 1));
        if (!removed) return removed.Failure();
        const auto gone =
            PicturesOf(state, request.name()).Remove(request.id());
        if (!gone) return gone.Failure();
        if (*removed == 0) {
          return Fail(ErrorCode::kNotFound,
                      "no picture " + request.id() + " in " + request.name());
        }
        return Empty();
      });
}

// What the item shows: the picture that is kept of it, or its file, where that
// is still the one that was added.
Result<std::vector<std::byte>> PictureOf(const Item& item,
                                         const ItemPictures& pictures,
                                         const ImageLimits& limits) {
  auto kept = pictures.Get(item.id, item.digest);
  if (kept || kept.error().code != ErrorCode::kNotFound) return kept;
  const auto none = Fail(ErrorCode::kNotFound,
                         "the picture of " + item.id + " is not here any more");
  if (item.path.empty()) return none;
  auto file = ReadFileLimited(item.path, limits.max_bytes);
  // Paths are the server's own affair.
  if (!file || Sha256(*file) != item.digest) return none;
  return file;
}

Result<v1::Picture> GetPicture(ServiceState& state, const CallContext&,
                               v1::GetItemPictureRequest& request) {
  if (auto checked = CheckMaxSide(request.max_side()); !checked) {
    return checked.Failure();
  }
  const int side = request.max_side() == 0 ? kPictureSide : request.max_side();
  const auto item = state.collections.With(
      request.name(), [&](Collection& collection) -> Result<Item> {
        auto found = collection.Find(request.id());
        if (!found) return found.Failure();
        if (*found) return **std::move(found);
        return Fail(ErrorCode::kNotFound,
                    "no picture " + request.id() + " in " + request.name());
      });
  if (!item) return item.Failure();
  const auto encoded =
      PictureOf(*item, PicturesOf(state, request.name()), state.parts.limits);
  if (!encoded) return encoded.Failure();
  const auto slot = state.parts.images.Take();
  if (!slot) return slot.Failure();
  auto image = DecodeImage(*encoded, state.parts.limits);
  if (!image) {
    return Fail(ErrorCode::kNotFound,
                "the picture of " + item->id +
                    " can't be read: " + image.error().message);
  }
  const auto jpeg = SmallJpeg(*std::move(image), side);
  if (!jpeg) return jpeg.Failure();
  return JpegPicture(*jpeg, item->digest.ToHex() + "-" + std::to_string(side));
}

}  // namespace

void AddCollectionOperations(OperationTable& table, ServiceState& state) {
  Handlers handlers(table, state);
  handlers.Add("Collections.ListCollections", List);
  handlers.Add("Collections.CreateCollection", Create);
  handlers.Add("Collections.GetCollection", Get);
  handlers.Add("Collections.RemoveCollection", Remove);
  handlers.Add("Collections.Search", Search);
  handlers.Add("Collections.PutItem", Put);
  handlers.Add("Collections.RemoveItem", RemoveItem);
  handlers.Add("Collections.GetItemPicture", GetPicture);
}

}  // namespace ocelli
