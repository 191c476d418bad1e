// Asks a running `ocelli serve` to recognise pictures and says how long each
// answer took:
//
//   service_load rest|grpc PORT CLIENTS REQUESTS FILE... [--distinct]
//
// Each of CLIENTS threads has a connection of its own and asks REQUESTS times,
// over the files in turn. --distinct: no two requests have the same bytes (a
// number behind the picture's end), so that nothing is cached. Prints one line
// of JSON: seconds, a second, p50_us, p99_us, and the least and greatest p99 of
// the clients.
#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ocelli/v1/vision.pb.h"

namespace {

using std::chrono::steady_clock;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "service_load: %s\n", why.c_str());
  std::exit(1);
}

// One connection.
class Client {
 public:
  virtual ~Client() = default;
  virtual void Ask(const std::string& picture) = 0;
};

class RestClient final : public Client {
 public:
  explicit RestClient(int port) {
    socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) != 0) {
      Die("no connection");
    }
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  ~RestClient() override { close(socket_); }

  void Ask(const std::string& picture) override {
    std::string head =
        "POST /v1/recognize HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: image/jpeg\r\nContent-Length: " +
        std::to_string(picture.size()) + "\r\n\r\n";
    Send(head);
    Send(picture);
    answer_.clear();
    std::size_t body = std::string::npos;
    std::size_t wanted = 0;
    while (body == std::string::npos || answer_.size() < wanted) {
      char part[65536];
      const ssize_t size = recv(socket_, part, sizeof(part), 0);
      if (size <= 0) Die("the connection was closed");
      answer_.append(part, static_cast<std::size_t>(size));
      if (body != std::string::npos) continue;
      body = answer_.find("\r\n\r\n");
      if (body == std::string::npos) continue;
      if (answer_.compare(0, 12, "HTTP/1.1 200") != 0) Die(answer_);
      const std::size_t length = answer_.find("Content-Length: ");
      if (length == std::string::npos) Die("no length: " + answer_);
      wanted =
          body + 4 + std::strtoul(answer_.c_str() + length + 16, nullptr, 10);
    }
  }

 private:
  void Send(const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t size =
          send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) Die("the connection was closed");
      sent += static_cast<std::size_t>(size);
    }
  }

  int socket_ = -1;
  std::string answer_;
};

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(int port) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    // A connection of its own, not one shared with the other clients.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                         grpc::InsecureChannelCredentials(),
                                         arguments);
  }

  void Ask(const std::string& picture) override {
    ocelli::v1::RecognizeRequest request;
    request.mutable_image()->set_data(picture);
    ocelli::v1::RecognizeResponse response;
    grpc::ClientContext context;
    const grpc::Status status =
        grpc::internal::BlockingUnaryCall<ocelli::v1::RecognizeRequest,
                                          ocelli::v1::RecognizeResponse>(
            channel_.get(), method_, &context, request, &response);
    if (!status.ok()) Die(status.error_message());
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  const grpc::internal::RpcMethod method_{
      "/ocelli.v1.Vision/Recognize", grpc::internal::RpcMethod::NORMAL_RPC};
};

std::string Contents(const char* path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) Die(std::string("can't read ") + path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

double At(std::vector<double>& sorted, double share) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(share * last)];
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool distinct = std::erase(words, "--distinct") > 0;
  if (words.size() < 5) Die("rest|grpc PORT CLIENTS REQUESTS FILE...");
  const bool rest = words[0] == "rest";
  const int port = std::atoi(words[1].c_str());
  const auto clients = static_cast<std::size_t>(std::atoi(words[2].c_str()));
  const auto requests = static_cast<std::size_t>(std::atoi(words[3].c_str()));
  std::vector<std::string> pictures;
  for (std::size_t i = 4; i < words.size(); ++i) {
    pictures.push_back(Contents(words[i].c_str()));
  }

  std::vector<std::vector<double>> times(clients);
  std::atomic<std::uint64_t> number{static_cast<std::uint64_t>(
      steady_clock::now().time_since_epoch().count())};
  const auto begun = steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t c = 0; c < clients; ++c) {
      threads.emplace_back([&, c] {
        std::unique_ptr<Client> client;
        if (rest) {
          client = std::make_unique<RestClient>(port);
        } else {
          client = std::make_unique<GrpcClient>(port);
        }
        for (std::size_t i = 0; i < requests; ++i) {
          std::string other;
          const std::string* picture = &pictures[(c + i) % pictures.size()];
          if (distinct) {
            const std::uint64_t mark = number++;
            other = *picture;
            other.append(reinterpret_cast<const char*>(&mark), sizeof(mark));
            picture = &other;
          }
          const auto asked = steady_clock::now();
          client->Ask(*picture);
          times[c].push_back(std::chrono::duration<double, std::micro>(
                                 steady_clock::now() - asked)
                                 .count());
        }
      });
    }
  }
  const double seconds =
      std::chrono::duration<double>(steady_clock::now() - begun).count();
  std::vector<double> all;
  double least = 1e18, greatest = 0;
  for (std::vector<double>& of_client : times) {
    std::sort(of_client.begin(), of_client.end());
    least = std::min(least, At(of_client, .99));
    greatest = std::max(greatest, At(of_client, .99));
    all.insert(all.end(), of_client.begin(), of_client.end());
  }
  std::sort(all.begin(), all.end());
  std::printf(
      "{\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
      "\"least_p99_us\":%.1f,\"greatest_p99_us\":%.1f}\n",
      seconds, static_cast<double>(all.size()) / seconds, At(all, .5),
      At(all, .99), least, greatest);
}
