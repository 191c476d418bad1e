// ocelli serve: everything as a service, for programs and browsers.

#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "access/request_gate.h"
#include "api/frame_streams.h"
#include "api/grpc_server.h"
#include "api/rest_handler.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/serve_parts.h"
#include "cli/serve_settings.h"
#include "cli/settings.h"
#include "core/log.h"
#include "http/http_server.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

struct ServeFlags {
  std::string address;
  std::string port;
  std::string grpc_port;
  bool insecure = false;
};

// What the flags say counts before files and environment.
void SetFlags(const ServeFlags& flags, Config& config) {
  if (!flags.address.empty()) config.SetFlag("serve.address", flags.address);
  if (!flags.port.empty()) config.SetFlag("serve.port", flags.port);
  if (!flags.grpc_port.empty()) {
    config.SetFlag("serve.grpc_port", flags.grpc_port);
  }
  if (flags.insecure) config.SetFlag("serve.insecure", "true");
}

Result<ServeSettings> SettingsOf(const ServeFlags& flags,
                                 CommandContext& context) {
  SetFlags(flags, context.config);
  std::vector<std::string> mistakes = SettingMistakes(context.config);
  if (mistakes.empty()) {
    auto settings = ReadServeSettings(context.config);
    if (!settings) return settings;
    mistakes = ServeMistakes(*settings);
    if (mistakes.empty()) return settings;
  }
  // All of them, so that they can be mended in one go.
  for (std::size_t i = 0; i + 1 < mistakes.size(); ++i) PrintError(mistakes[i]);
  return Fail(ErrorCode::kInvalidArgument, mistakes.back());
}

// Beyond this machine only with TLS and for those who are known.
Result<> CheckReach(const ServeSettings& settings, bool locked) {
  if (IsLoopback(settings.address) || settings.insecure) return {};
  if (!locked) {
    return Fail(ErrorCode::kInvalidArgument,
                "anybody who reaches " + settings.address +
                    " could use this service: make a key first (ocelli key "
                    "create NAME) or a user (ocelli user add NAME), or say "
                    "--insecure");
  }
  if (settings.certificate.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "keys and faces would be sent in the clear to " +
                    settings.address +
                    ": set serve.certificate and serve.private_key (TLS), or "
                    "say --insecure");
  }
  return {};
}

std::string UrlOf(const ServeSettings& settings, int port) {
  const bool six = settings.address.find(':') != settings.address.npos;
  return (settings.certificate.empty() ? "http://" : "https://") +
         (six ? "[" + settings.address + "]" : settings.address) + ":" +
         std::to_string(port);
}

std::string HostOf(const std::string& url) {
  return url.substr(url.find("://") + 3);
}

void Say(const CommandContext& context, const Json& json,
         const std::string& text) {
  if (context.json) {
    std::puts(JsonText(json).c_str());
    std::fflush(stdout);
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
}

// The servers of one service, from when they listen until they have ended.
class Servers {
 public:
  static Result<std::unique_ptr<Servers>> Start(const ServeSettings& settings,
                                                ServeParts& parts,
                                                AccessStore& access) {
    std::unique_ptr<Servers> servers(new Servers(settings, parts, access));
    HttpServerOptions http;
    http.address = settings.address;
    http.port = static_cast<std::uint16_t>(settings.port);
    http.certificate = settings.certificate;
    http.private_key = settings.private_key;
    auto started =
        HttpServer::Start(std::move(http), *servers->rest_, parts.metrics());
    if (!started) return started.Failure("serve.port");
    servers->http_ = *std::move(started);
    if (settings.grpc_port < 0) return servers;
    GrpcServerOptions grpc;
    grpc.address = settings.address;
    grpc.port = static_cast<std::uint16_t>(settings.grpc_port);
    grpc.certificate = settings.certificate;
    grpc.private_key = settings.private_key;
    auto listening =
        GrpcServer::Start(grpc, {parts.service(), access, parts.live(),
                                 FrameStreamsOf(parts.service().parts()),
                                 servers->gate_, parts.metrics()});
    if (!listening) return listening.Failure("serve.grpc_port");
    servers->grpc_ = *std::move(listening);
    return servers;
  }

  int http_port() const { return http_->port(); }
  int grpc_port() const { return grpc_ ? grpc_->port() : -1; }

  // Whether everything under way was answered in time.
  bool Drain(std::chrono::milliseconds patience) {
    bool grpc_drained = true;
    std::jthread other([&] {
      if (grpc_) grpc_drained = grpc_->Drain(patience);
    });
    const bool http_drained = http_->Drain(patience);
    other.join();
    return http_drained && grpc_drained;
  }

 private:
  Servers(const ServeSettings& settings, ServeParts& parts, AccessStore& access)
      : gate_({.in_flight = settings.in_flight,
               .in_flight_of_client = settings.in_flight_of_client},
              SystemClock()) {
    RestOptions rest;
    rest.hosts = settings.hosts;
    if (!IsLoopback(settings.address)) rest.hosts.push_back(settings.address);
    rest.max_image_bytes = settings.max_image_bytes;
    rest.open_metrics_on_loopback = settings.open_metrics;
    rest.version = OCELLI_VERSION;
    rest_ = MakeRestHandler(
        {parts.service(), access, parts.live(), parts.metrics(), gate_}, rest);
  }

  RequestGate gate_;
  std::unique_ptr<HttpHandler> rest_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<GrpcServer> grpc_;  // Null: not wanted.
};

void Serve(const ServeFlags& flags, CommandContext& context) {
  context.ends_by_stop = true;
  const auto began = std::chrono::steady_clock::now();
  // Each thread that waits would have an arena of its own, and each arena keep
  // what a large picture left.
  mallopt(M_ARENA_MAX, 4);
  const auto settings = SettingsOf(flags, context);
  if (!settings) return context.Fail(settings.error());
  const auto access = AccessStore::Open(context.paths.access());
  if (!access) return context.Fail(access.error());
  const auto locked = (*access)->Locked();
  if (!locked) return context.Fail(locked.error());
  if (auto reach = CheckReach(*settings, *locked); !reach) {
    return context.Fail(reach.error());
  }
  const auto parts = ServeParts::Open(context, *settings, **access);
  if (!parts) return context.Fail(parts.error());
  const auto servers = Servers::Start(*settings, **parts, **access);
  if (!servers) return context.Fail(servers.error());

  const std::string url = UrlOf(*settings, (*servers)->http_port());
  Json json = {{"http", url}, {"locked", *locked}};
  std::string text = "serving: " + url + " (page and REST)";
  if ((*servers)->grpc_port() >= 0) {
    const std::string grpc = HostOf(UrlOf(*settings, (*servers)->grpc_port()));
    json["grpc"] = grpc;
    text += ", " + grpc + " (gRPC)";
  }
  if (!*locked) {
    text +=
        "\nopen to everybody on this machine; a key (ocelli key create "
        "NAME) or a user (ocelli user add NAME) locks it";
  }
  Say(context, json, text);

  (*parts)->StartCameras(*settings);
  // A service that can't recognise still shows what there is.
  if (const auto warm = (*parts)->service().Warm(context.stop);
      !warm && warm.error().code != ErrorCode::kCancelled) {
    PrintError(warm.error().message);
  } else if (warm) {
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began)
            .count();
    char ready[64];
    std::snprintf(ready, sizeof(ready), "ready after %.2f s; Ctrl-C ends it",
                  seconds);
    Say(context, {{"ready", true}, {"seconds", seconds}}, ready);
  }

  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, context.stop, [] { return false; });

  const auto patience = std::chrono::milliseconds(
      static_cast<std::int64_t>(settings->drain_seconds * 1000));
  const bool drained = (*servers)->Drain(patience);
  (*parts)->StopCameras();
  if (!drained) {
    PrintError(
        "some requests were cut off: they took longer than "
        "serve.drain_seconds");
  }
}

}  // namespace

void AddServeCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand(
      "serve", "A web page, REST and gRPC for all of it; locked by keys");
  command->footer(R"(Examples:
  ocelli serve                         http://127.0.0.1:8080, gRPC on 50051
  ocelli serve --config ocelli.toml    cameras, TLS, limits: ocelli config example
  ocelli key create shop --scope read  what programs bring from then on
  ocelli user add Ada --scope read,write
                                       who logs in to the page
  curl -H "Authorization: Bearer $KEY" -H "Content-Type: image/jpeg" \
    --data-binary @photo.jpg http://127.0.0.1:8080/v1/recognize

Ctrl-C or SIGTERM ends it: what is under way is answered first.)");
  command
      ->add_option("--address", flags->address,
                   "Where to listen; not 127.0.0.1: needs TLS and a key")
      ->type_name("IP");
  command->add_option("--port", flags->port, "Of the page and REST (8080)");
  command->add_option("--grpc-port", flags->grpc_port,
                      "Of gRPC (50051); -1: none");
  command->add_flag("--insecure", flags->insecure,
                    "Beyond this machine without TLS or without a key");
  command->callback([flags, &context] { Serve(*flags, context); });
}

}  // namespace ocelli
