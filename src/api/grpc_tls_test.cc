#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "api/test_grpc.h"
#include "api/test_grpc_client.h"
#include "core/test_folder.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

// A certificate for 127.0.0.1 that signs itself.
void MakeCertificate(const fs::path& certificate, const fs::path& key) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
      "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -days 2 "
      "-keyout '" +
      key.string() + "' -out '" + certificate.string() + "' 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

std::string Text(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool Answers(TestGrpc& grpc, const std::string& trusted) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = trusted;
  GrpcClient client(grpc.target(), grpc::SslCredentials(options));
  return client
      .Call<v1::RecognizeResponse>("/ocelli.v1.Vision/Recognize",
                                   v1::RecognizeRequest())
      .ok();
}

TEST(GrpcTls, TakesChangedCertificatesAndKeepsTheOldWhereTheyAreNone) {
  const TestFolder folder;
  GrpcServerOptions options;
  options.certificate = folder / "certificate.pem";
  options.private_key = folder / "key.pem";
  MakeCertificate(options.certificate, options.private_key);
  const std::string first = Text(options.certificate);
  TestGrpc grpc(options);
  EXPECT_TRUE(Answers(grpc, first));

  std::ofstream(options.certificate) << "no certificate";
  EXPECT_TRUE(Answers(grpc, first));

  MakeCertificate(options.certificate, options.private_key);
  const std::string second = Text(options.certificate);
  EXPECT_TRUE(Answers(grpc, second));
  EXPECT_FALSE(Answers(grpc, first));

  GrpcClient plain(grpc.target());
  EXPECT_FALSE(plain
                   .Call<v1::RecognizeResponse>("/ocelli.v1.Vision/Recognize",
                                                v1::RecognizeRequest())
                   .ok());
}

TEST(GrpcTls, DoesNotStartWithoutAUsableCertificate) {
  const TestFolder folder;
  TestGrpc grpc;
  GrpcServerOptions options;
  options.port = 0;
  options.certificate = folder / "certificate.pem";
  options.private_key = folder / "key.pem";
  const GrpcParts parts{grpc.service, *grpc.access.store, grpc.board,
                        {},           grpc.gate,          grpc.metrics};
  EXPECT_EQ(GrpcServer::Start(options, parts).error().code,
            ErrorCode::kInvalidArgument);
  MakeCertificate(options.certificate, folder / "other.pem");
  MakeCertificate(folder / "another.pem", options.private_key);
  EXPECT_EQ(GrpcServer::Start(options, parts).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ocelli
