#include "api/grpc_reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <utility>

#include "api/grpc_status.h"

namespace ocelli {
namespace {

namespace wire = grpc::reflection::v1alpha;
using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

const DescriptorPool& Pool() { return *DescriptorPool::generated_pool(); }

void Collect(const FileDescriptor& file, std::set<const FileDescriptor*>& all) {
  if (!all.insert(&file).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    Collect(*file.dependency(i), all);
  }
}

// The file and, after it, what it imports.
void AddFiles(const FileDescriptor& file, std::set<const FileDescriptor*>& sent,
              wire::FileDescriptorResponse& response) {
  if (!sent.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFiles(*file.dependency(i), sent, response);
  }
}

const FieldDescriptor* FindExtension(const std::string& type, int number) {
  const Descriptor* const containing = Pool().FindMessageTypeByName(type);
  return containing ? Pool().FindExtensionByNumber(containing, number)
                    : nullptr;
}

}  // namespace

GrpcReflection::GrpcReflection(std::vector<std::string> services)
    : services_(std::move(services)) {
  for (const std::string& name : services_) {
    if (const auto* const service = Pool().FindServiceByName(name)) {
      Collect(*service->file(), files_);
    }
  }
}

wire::ServerReflectionResponse GrpcReflection::Answer(
    const wire::ServerReflectionRequest& request) const {
  wire::ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  const auto files_of = [&](const FileDescriptor* file, const auto& what) {
    if (!file || !files_.contains(file)) {
      auto& error = *response.mutable_error_response();
      error.set_error_code(GrpcStatusOf(ErrorCode::kNotFound));
      error.set_error_message("there is no " + std::string(what));
      return;
    }
    std::set<const FileDescriptor*> sent;
    AddFiles(*file, sent, *response.mutable_file_descriptor_response());
  };
  switch (request.message_request_case()) {
    case wire::ServerReflectionRequest::kListServices:
      for (const std::string& name : services_) {
        response.mutable_list_services_response()->add_service()->set_name(
            name);
      }
      break;
    case wire::ServerReflectionRequest::kFileByFilename:
      files_of(Pool().FindFileByName(request.file_by_filename()),
               request.file_by_filename());
      break;
    case wire::ServerReflectionRequest::kFileContainingSymbol:
      files_of(
          Pool().FindFileContainingSymbol(request.file_containing_symbol()),
          request.file_containing_symbol());
      break;
    case wire::ServerReflectionRequest::kFileContainingExtension: {
      const auto& asked = request.file_containing_extension();
      const auto* const field =
          FindExtension(asked.containing_type(), asked.extension_number());
      files_of(field ? field->file() : nullptr,
               "such extension of " + asked.containing_type());
      break;
    }
    case wire::ServerReflectionRequest::kAllExtensionNumbersOfType: {
      const std::string& type = request.all_extension_numbers_of_type();
      const Descriptor* const descriptor = Pool().FindMessageTypeByName(type);
      if (!descriptor || !files_.contains(descriptor->file())) {
        files_of(nullptr, type);
        break;
      }
      auto& answer = *response.mutable_all_extension_numbers_response();
      answer.set_base_type_name(type);
      std::vector<const FieldDescriptor*> fields;
      Pool().FindAllExtensions(descriptor, &fields);
      for (const FieldDescriptor* const field : fields) {
        if (files_.contains(field->file())) {
          answer.add_extension_number(field->number());
        }
      }
      break;
    }
    case wire::ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET: {
      auto& error = *response.mutable_error_response();
      error.set_error_code(GrpcStatusOf(ErrorCode::kInvalidArgument));
      error.set_error_message("the request asks for nothing");
    }
  }
  return response;
}

}  // namespace ocelli
