#pragma once

#include <filesystem>
#include <memory>

namespace grpc {
class ServerCredentials;
}  // namespace grpc

namespace ocelli {

// TLS 1.2 and later with what these PEM files hold. Each handshake looks
// whether they have changed; what can't be used is logged and the old ones
// stay. Owners: gRPC, and who hands it over; must outlive the server.
std::shared_ptr<grpc::ServerCredentials> ReloadedCertificates(
    std::filesystem::path certificate, std::filesystem::path private_key);

}  // namespace ocelli
