#include "cli/archive_setup.h"

#include <CLI/CLI.hpp>

namespace ocelli {

void AddStoreFlags(CLI::App& command, StoreFlags& flags) {
  command
      .add_option("--endpoint", flags.endpoint,
                  "Address of an S3-compatible server (or AWS_ENDPOINT_URL_S3)")
      ->type_name("URL");
  command
      .add_option("--region", flags.region,
                  "Region of the bucket (or AWS_REGION)")
      ->type_name("NAME");
  auto* path_style = command.add_flag(
      "--path-style", flags.path_style,
      "The bucket in the path of addresses, not in the host name");
  command
      .add_flag("--virtual-host", flags.virtual_host,
                "The bucket in the host name of addresses")
      ->excludes(path_style);
  command
      .add_option("--ca-file", flags.ca_file,
                  "Certificates to trust, PEM (or AWS_CA_BUNDLE)")
      ->type_name("FILE");
}

Result<std::unique_ptr<ObjectStore>> OpenStore(const std::string& url,
                                               const StoreFlags& flags) {
  ObjectStoreOptions options;
  options.region = flags.region;
  options.endpoint = flags.endpoint;
  if (flags.path_style) options.path_style = true;
  if (flags.virtual_host) options.path_style = false;
  options.ca_file = flags.ca_file;
  const bool has_kind = url.starts_with("dir:") || url.find("://") != url.npos;
  return ObjectStore::Open(has_kind ? url : "dir:" + url, options);
}

}  // namespace ocelli
