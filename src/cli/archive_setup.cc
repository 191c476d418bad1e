#include "cli/archive_setup.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <utility>

#include "cli/duration.h"

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

namespace {

bool IsUrl(const std::string& text) {
  return text.starts_with("dir:") || text.find("://") != text.npos;
}

// Each where it is not given.
StoreFlags Filled(StoreFlags flags, const StoreFlags& from) {
  if (flags.region.empty()) flags.region = from.region;
  if (flags.endpoint.empty()) flags.endpoint = from.endpoint;
  if (flags.ca_file.empty()) flags.ca_file = from.ca_file;
  if (!flags.path_style && !flags.virtual_host) {
    flags.path_style = from.path_style;
    flags.virtual_host = from.virtual_host;
  }
  return flags;
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenStore(const std::string& url,
                                               const StoreFlags& flags) {
  ObjectStoreOptions options;
  options.region = flags.region;
  options.endpoint = flags.endpoint;
  if (flags.path_style) options.path_style = true;
  if (flags.virtual_host) options.path_style = false;
  options.ca_file = flags.ca_file;
  return ObjectStore::Open(IsUrl(url) ? url : "dir:" + url, options);
}

Result<StoreArguments> StoreArgumentsOf(
    const std::vector<std::string>& arguments) {
  StoreArguments found;
  std::string presign;
  CLI::App command;
  command.set_help_flag();
  command.allow_extras();
  AddStoreFlags(command, found.store);
  command.add_option("--presign", presign);
  try {
    // CLI11 takes arguments from the back.
    command.parse(
        std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return Fail(ErrorCode::kInvalidArgument,
                std::string("options of the task: ") + error.what());
  }
  if (!presign.empty()) {
    const auto valid = ParseDuration(presign);
    if (!valid) return valid.Failure("--presign");
    found.presign = std::chrono::duration_cast<std::chrono::seconds>(*valid);
  }
  return found;
}

Result<OpenedArchive> OpenArchive(const std::string& url_or_task,
                                  const StoreFlags& flags,
                                  const CommandContext& context) {
  OpenedArchive archive;
  StoreFlags all = flags;
  std::string url = url_or_task;
  if (!IsUrl(url) && url.find('/') == url.npos) {
    auto task = Tasks(context.paths.archives()).Find(url);
    std::error_code error;
    const bool is_folder = std::filesystem::is_directory(url, error);
    if (task) {
      const auto own = StoreArgumentsOf(task->settings.arguments);
      if (!own) return own.Failure();
      all = Filled(flags, own->store);
      archive.presign = own->presign;
      url = task->settings.root;
      archive.task = std::move(*task);
    } else if (task.error().code != ErrorCode::kNotFound || !is_folder) {
      return task.Failure();
    }
  }
  auto store = OpenStore(url, all);
  if (!store) return store.Failure();
  archive.store = std::move(*store);
  return archive;
}

}  // namespace ocelli
