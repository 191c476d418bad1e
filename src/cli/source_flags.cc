#include "cli/source_flags.h"

#include <CLI/CLI.hpp>
#include <cmath>

namespace ocelli {
namespace {

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

}  // namespace

void AddSourceFlags(CLI::App& command, SourceFlags& flags) {
  const std::string group = "Video in";
  command
      .add_option("--rtsp-transport", flags.rtsp_transport,
                  "auto (TCP, then UDP), tcp or udp")
      ->check(CLI::IsMember({"auto", "tcp", "udp"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--decoder", flags.options.decoder,
                  "auto, cpu, vaapi or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "vaapi", "cuda"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--open-timeout", flags.open_timeout,
                  "Seconds to wait for a source to open")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--read-timeout", flags.read_timeout,
                  "Seconds without a frame after which a source is lost")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--reconnects", flags.options.reconnects,
                  "How often in a row to try a lost camera again; -1: for ever")
      ->check(CLI::Range(-1, 1000000))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--frame-rate", flags.options.frame_rate,
                  "Of a folder of pictures, frames a second")
      ->check(CLI::Range(0.01, 240.0))
      ->capture_default_str()
      ->group(group);
}

VideoSourceOptions SourceOptionsFrom(const SourceFlags& flags) {
  using Transport = VideoSourceOptions::RtspTransport;
  VideoSourceOptions options = flags.options;
  options.rtsp_transport = flags.rtsp_transport == "tcp"   ? Transport::kTcp
                           : flags.rtsp_transport == "udp" ? Transport::kUdp
                                                           : Transport::kAuto;
  options.open_timeout = Milliseconds(flags.open_timeout);
  options.read_timeout = Milliseconds(flags.read_timeout);
  return options;
}

}  // namespace ocelli
