#pragma once

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>
#include <vector>

#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace ocelli {

// Says what a server offers, from the descriptors in the program: `services`
// and what they refer to, nothing else. Thread-safe.
class GrpcReflection {
 public:
  explicit GrpcReflection(std::vector<std::string> services);

  grpc::reflection::v1alpha::ServerReflectionResponse Answer(
      const grpc::reflection::v1alpha::ServerReflectionRequest& request) const;

 private:
  const std::vector<std::string> services_;
  // Theirs and what these import.
  std::set<const google::protobuf::FileDescriptor*> files_;
};

}  // namespace ocelli
