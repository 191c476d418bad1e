#include <google/protobuf/empty.pb.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

#include "infer/model_queue.h"
#include "infer/session.h"
#include "ocelli/v1/system.pb.h"
#include "service/limits.h"
#include "service/message_time.h"
#include "service/service_state.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;

// 0 where the system does not say.
std::uint64_t ResidentBytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  if (!file) return 0;
  unsigned long long size = 0, resident = 0;
  const int read = std::fscanf(file, "%llu %llu", &size, &resident);
  std::fclose(file);
  return read == 2
             ? resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))
             : 0;
}

double ProcessorSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Result<v1::ServiceStatus> GetStatus(ServiceState& state, const CallContext&,
                                    v1::GetStatusRequest&) {
  const ServiceParts& parts = state.parts;
  const auto locked = parts.access.Locked();
  if (!locked) return locked.Failure();
  const auto people = parts.gallery.People();
  if (!people) return people.Failure();
  v1::ServiceStatus status;
  status.set_version(parts.version);
  SetTime(state.started, *status.mutable_started());
  SetTime(state.clock.WallTime(), *status.mutable_now());
  status.set_ready(state.ready);
  status.set_locked(*locked);
  status.set_requests(state.requests.requests());
  status.set_failed_requests(state.requests.failed());
  status.set_in_flight(state.requests.in_flight());
  status.set_images(state.image_count);
  status.set_images_cached(state.image_cached_count);
  const FairSlots& models = ModelSlots();
  status.set_waiting_for_models(
      static_cast<std::uint32_t>(parts.images.waiting() + models.waiting()));
  status.set_at_models(static_cast<std::uint32_t>(models.taken()));
  status.set_model_seconds(TotalSessionTimes().running);
  status.set_latency_p50(state.requests.Percentile(.5));
  status.set_latency_p99(state.requests.Percentile(.99));
  status.set_memory_bytes(ResidentBytes());
  status.set_processor_seconds(ProcessorSeconds());
  status.set_people(people->size());
  status.set_videos(static_cast<std::uint32_t>(parts.live.List().size()));
  return status;
}

void Write(const ApiKey& key, v1::ApiKey& to) {
  to.set_name(key.name);
  to.set_id(key.id);
  for (const auto& [scope, word] : {std::pair{Scope::kRead, "read"},
                                    {Scope::kWrite, "write"},
                                    {Scope::kAdmin, "admin"}}) {
    if (key.scopes.bits() & static_cast<std::uint8_t>(scope)) {
      to.add_scopes(word);
    }
  }
  SetTime(key.created, *to.mutable_created());
  if (key.expires) SetTime(*key.expires, *to.mutable_expires());
  if (key.last_used) SetTime(*key.last_used, *to.mutable_last_used());
  if (key.revoked) SetTime(*key.revoked, *to.mutable_revoked());
}

Result<v1::ListKeysResponse> ListKeys(ServiceState& state,
                                      const CallContext& context,
                                      v1::ListKeysRequest&) {
  const auto keys = state.parts.access.Keys(context.caller);
  if (!keys) return keys.Failure();
  v1::ListKeysResponse response;
  for (const ApiKey& key : *keys) Write(key, *response.add_keys());
  return response;
}

Result<v1::CreateKeyResponse> CreateKey(ServiceState& state,
                                        const CallContext& context,
                                        v1::CreateKeyRequest& request) {
  KeyRequest key{.name = request.name(), .scopes = {}, .expires = {}};
  for (const std::string& word : request.scopes()) {
    const auto scope = Scopes::Parse(word);
    if (!scope) return scope.Failure("scopes");
    key.scopes = key.scopes | *scope;
  }
  if (request.has_expires()) {
    const auto expires = TimeOf(request.expires());
    if (!expires) return expires.Failure("expires");
    key.expires = *expires;
  }
  auto made = state.parts.access.CreateKey(context.caller, key);
  if (!made) return made.Failure();
  v1::CreateKeyResponse response;
  Write(made->key, *response.mutable_key());
  response.set_text(std::move(made->text));
  return response;
}

Result<Empty> RevokeKey(ServiceState& state, const CallContext& context,
                        v1::RevokeKeyRequest& request) {
  const auto revoked =
      state.parts.access.RevokeKey(context.caller, request.name());
  if (!revoked) return revoked.Failure();
  return Empty();
}

// As messages and the log name a caller.
std::string NameOf(const AuditEntry& entry) {
  return CallerText({.kind = entry.by_kind,
                     .name = entry.by_name,
                     .id = entry.by_id,
                     .scopes = {},
                     .expires = {}});
}

Result<v1::ListAuditResponse> ListAudit(ServiceState& state,
                                        const CallContext& context,
                                        v1::ListAuditRequest& request) {
  const auto most = ResolveLimit("limit", request.limit(), 100, 1000);
  if (!most) return most.Failure();
  if (request.before() < 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "before: " + std::to_string(request.before()) +
                    " is the id of no entry");
  }
  const auto entries =
      state.parts.access.Audit(context.caller, request.before(), *most);
  if (!entries) return entries.Failure();
  v1::ListAuditResponse response;
  for (const AuditEntry& entry : *entries) {
    v1::ListAuditResponse::Entry& to = *response.add_entries();
    to.set_id(entry.id);
    SetTime(entry.time, *to.mutable_time());
    to.set_by(NameOf(entry));
    to.set_action(entry.action);
    to.set_subject_kind(entry.subject_kind);
    to.set_subject(entry.subject);
  }
  return response;
}

}  // namespace

void AddSystemOperations(OperationTable& table, ServiceState& state) {
  Handlers handlers(table, state);
  handlers.Add("System.GetStatus", GetStatus);
  handlers.Add("System.ListKeys", ListKeys);
  handlers.Add("System.CreateKey", CreateKey);
  handlers.Add("System.RevokeKey", RevokeKey);
  handlers.Add("System.ListAudit", ListAudit);
}

}  // namespace ocelli
