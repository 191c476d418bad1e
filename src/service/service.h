#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "access/access.h"
#include "archive/task.h"
#include "cache/result_cache.h"
#include "core/fair_slots.h"
#include "faces/gallery.h"
#include "faces/unknown_people.h"
#include "index/collection.h"
#include "live/live_board.h"
#include "live/session_store.h"
#include "media/still_image.h"
#include "metrics/metrics.h"
#include "models/model_store.h"
#include "recognize/recognizer.h"
#include "recognize/referenced_images.h"
#include "service/operation.h"
#include "store/object_store.h"

namespace ocelli {

// What the service works with; the command line opens it. All outlive it.
struct ServiceParts {
  const ModelStore& models;
  ResultCache* cache = nullptr;  // Null: none.
  Recognizer& recognizer;
  Gallery& gallery;
  IdentifyOptions identify;
  AccessStore& access;
  LiveBoard& live;
  SessionStore& sessions;  // Of frame streams.
  const Tasks& archives;
  // Where an archive's frames are: its root, reached as its arguments say.
  std::function<Result<std::unique_ptr<ObjectStore>>(const Task& task)>
      open_store;
  std::filesystem::path collections;  // Folder.
  CollectionOptions collection_options;
  ReferencedImages& references;  // Pictures by address.
  FairSlots& images;             // Pictures that are computed at a time.
  MetricsRegistry& metrics;
  ImageLimits limits;                // Of pictures that come in.
  UnknownPeople* unknown = nullptr;  // Null: nobody is remembered.
  // Whether Recognize adds to them whom nobody knows in a new picture.
  bool remember_unknown = false;
  std::string default_embedder = "efficientnet-lite0";
  std::string version;
};

// What requests did so far, for GetStatus; the transports fill it. Thread-safe.
class RequestCounters {
 public:
  RequestCounters(MetricsRegistry& metrics, const Clock& clock);
  ~RequestCounters();

  // One request that has begun; counts its end when it goes.
  class Running {
   public:
    Running(RequestCounters& counters, std::string operation,
            std::string transport);
    ~Running();
    Running(Running&&) noexcept;
    // "ok", or the word of an ErrorCode.
    void Ended(std::string outcome);

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

  std::uint64_t requests() const;
  std::uint64_t failed() const;
  std::uint32_t in_flight() const;
  // Seconds, of those that ended within the last minute.
  double Percentile(double share) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Every operation of proto/ocelli/v1 over these parts.
class Service {
 public:
  // Checks that models are installed, opens none.
  static Result<std::unique_ptr<Service>> Open(
      const ServiceParts& parts, const Clock& clock = SystemClock());
  virtual ~Service() = default;

  virtual const OperationTable& operations() const = 0;
  virtual const ServiceParts& parts() const = 0;
  virtual RequestCounters& requests() = 0;

  // Opens the models and runs each once. ready() is true from then on.
  virtual Result<> Warm(const std::stop_token& stop) = 0;
  virtual bool ready() const = 0;
};

// Each adds the operations of one .proto; each is a file.
struct ServiceState;
void AddVisionOperations(OperationTable& table, ServiceState& state);
void AddPeopleOperations(OperationTable& table, ServiceState& state);
void AddCollectionOperations(OperationTable& table, ServiceState& state);
void AddArchiveOperations(OperationTable& table, ServiceState& state);
void AddLiveOperations(OperationTable& table, ServiceState& state);
void AddSystemOperations(OperationTable& table, ServiceState& state);

}  // namespace ocelli
