#include "api/grpc_certificates.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/file.h"
#include "core/log.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;

// By which a file is known to be another one, or to have changed.
struct Stamp {
  std::array<std::int64_t, 5> values{};
  bool operator==(const Stamp&) const = default;
};

Stamp StampOf(const std::filesystem::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return {};
  return {{static_cast<std::int64_t>(status.st_dev),
           static_cast<std::int64_t>(status.st_ino), status.st_size,
           status.st_mtim.tv_sec, status.st_mtim.tv_nsec}};
}

class CertificateFiles final : public grpc::ServerCredentials {
 public:
  CertificateFiles(std::filesystem::path certificate,
                   std::filesystem::path private_key)
      : certificate_(std::move(certificate)),
        private_key_(std::move(private_key)) {}

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address,
                      grpc_server* server) override {
    grpc_server_credentials* const credentials =
        grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, &Fetch, this));
    const int port =
        grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<CertificateFiles*>(self)->Read(config);
  }

  grpc_ssl_certificate_config_reload_status Read(
      grpc_ssl_server_certificate_config** config) {
    const std::lock_guard lock(mutex_);
    const std::pair stamps(StampOf(certificate_), StampOf(private_key_));
    if (seen_ == stamps) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const bool first = !std::exchange(seen_, stamps);
    const auto chain = ReadFileLimited(certificate_, kMostBytes);
    const auto key = ReadFileLimited(private_key_, kMostBytes);
    if (!chain || !key) {
      Log(LogLevel::kError, "a TLS certificate can't be read",
          {{"error", (chain ? key : chain).error().message}});
      return first ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL
                   : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const std::string chain_text(reinterpret_cast<const char*>(chain->data()),
                                 chain->size());
    const std::string key_text(reinterpret_cast<const char*>(key->data()),
                               key->size());
    const grpc_ssl_pem_key_cert_pair pair{key_text.c_str(), chain_text.c_str()};
    // gRPC wants roots (an assertion of 1.51), but asks no client for a
    // certificate that they would be for.
    *config =
        grpc_ssl_server_certificate_config_create(chain_text.c_str(), &pair, 1);
    if (!first) Log(LogLevel::kInfo, "reading changed TLS certificates");
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::filesystem::path certificate_;
  const std::filesystem::path private_key_;
  std::mutex mutex_;
  std::optional<std::pair<Stamp, Stamp>> seen_;  // Guarded by mutex_.
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ReloadedCertificates(
    std::filesystem::path certificate, std::filesystem::path private_key) {
  return std::make_shared<CertificateFiles>(std::move(certificate),
                                            std::move(private_key));
}

}  // namespace ocelli
