#include "service/service.h"

#include <utility>

#include "core/work_scope.h"
#include "service/service_state.h"

namespace ocelli {
namespace {

class AllOperations final : public Service {
 public:
  AllOperations(const ServiceParts& parts, const Clock& clock)
      : state_(parts, clock) {
    AddVisionOperations(table_, state_);
    AddPeopleOperations(table_, state_);
    AddCollectionOperations(table_, state_);
    AddArchiveOperations(table_, state_);
    AddLiveOperations(table_, state_);
    AddSystemOperations(table_, state_);
  }

  const OperationTable& operations() const override { return table_; }
  const ServiceParts& parts() const override { return state_.parts; }
  RequestCounters& requests() override { return state_.requests; }

  Result<> Warm(const std::stop_token& stop) override {
    const WorkScope scope("warming", stop);
    auto warm = state_.parts.recognizer.Warm();
    if (warm) state_.ready = true;
    return warm;
  }
  bool ready() const override { return state_.ready; }

 private:
  ServiceState state_;
  OperationTable table_;
};

}  // namespace

Result<> Record(ServiceState& state, const CallContext& context,
                std::string_view action, std::string_view subject_kind,
                std::string_view subject) {
  const auto recorded =
      state.parts.access.Record(context.caller, action, subject_kind, subject);
  if (recorded) return {};
  return recorded.Failure("done, but not noted in the audit log");
}

Result<std::unique_ptr<Service>> Service::Open(const ServiceParts& parts,
                                               const Clock& clock) {
  return std::make_unique<AllOperations>(parts, clock);
}

}  // namespace ocelli
