// Recognition of pictures whose results are all in Redis already, on one
// thread. Prints one JSON line.
//
//   cached_recognition ADDRESS FOLDER fill FACES POINTS  made-up results
//   cached_recognition ADDRESS FOLDER files TOGETHER     files to results
//   cached_recognition ADDRESS FOLDER parts              one after the other:
//       what a bare GET through hiredis, the hash, and all of it take
//
// FOLDER has files of any content; their results are looked up TOGETHER at a
// time. Times are medians of single pictures, or of TOGETHER divided by them,
// so that what else the machine does shows little.

#include <hiredis/hiredis.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cache/redis_key.h"
#include "core/file.h"
#include "models/model_store.h"
#include "recognize/recognizer.h"

namespace ocelli {
namespace {

using Bytes = std::vector<std::byte>;
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::unique_ptr<ResultCache> OpenCache(const RedisUrl& url) {
  return MakeRedisCache(RedisClient::Open(url).value(), {});
}

std::string MadeUp(const Digest& digest, int faces, int points) {
  Analysis analysis{digest, 1920, 1280, {}};
  unsigned random = 1;
  const auto next = [&random] {
    random = random * 1664525 + 1013904223;
    return static_cast<float>(random >> 8) * 1e-4f;
  };
  for (int f = 0; f < faces; ++f) {
    Face face;
    face.box = {next(), next(), next(), next()};
    face.score = .9f;
    for (PointF& point : face.keypoints) point = {next(), next()};
    for (int i = 0; i < points; ++i) {
      face.mesh.push_back({next(), next(), next()});
    }
    for (int i = 0; i < (points > 0 ? 128 : 32); ++i) {
      face.descriptor.push_back(next());
    }
    face.quality = {1, .5f, .5f, .5f};
    analysis.faces.push_back(std::move(face));
  }
  return SerializeAnalysis(analysis);
}

class Bench {
 public:
  Bench(const std::string& address, const std::string& folder)
      : url_(ParseRedisUrl(address).value()), cache_(OpenCache(url_)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      files_.push_back(entry.path());
    }
    std::ranges::sort(files_);
    recognizer_ = Recognizer::Open(models_, cache_.get(), {}).value();
  }

  void Fill(int faces, int points) {
    std::string value;
    for (const auto& file : files_) {
      const Digest digest = Sha256(ReadFileLimited(file, 1 << 30).value());
      value = MadeUp(digest, faces, points);
      Must(
          cache_->Put({digest, recognizer_->fingerprint()}, value).has_value());
    }
    std::printf("{\"files\":%zu,\"value_bytes\":%zu}\n", files_.size(),
                value.size());
  }

  void Files(std::size_t together) {
    std::vector<double> seconds;
    for (int round = 0; round < 3; ++round) {
      for (std::size_t begin = 0; begin + together <= files_.size();
           begin += together) {
        const auto start = Clock::now();
        std::vector<Bytes> read;
        for (std::size_t i = begin; i < begin + together; ++i) {
          read.push_back(ReadFileLimited(files_[i], 1 << 30).value());
        }
        Recognize(read);
        seconds.push_back(SecondsSince(start));
      }
    }
    std::printf("{\"per_s\":%.1f}\n",
                static_cast<double>(together) / Median(seconds));
  }

  void Parts() {
    std::vector<Bytes> images;
    for (const auto& file : files_) {
      images.push_back(ReadFileLimited(file, 1 << 30).value());
    }
    redisContext* bare =
        redisConnect(url_.hosts[0].name.c_str(), url_.hosts[0].port);
    Must(bare != nullptr && bare->err == 0);
    std::vector<std::string> keys;
    for (const Bytes& image : images) {
      keys.push_back(
          RedisKeyOf("ocelli:r:", {Sha256(image), recognizer_->fingerprint()}));
    }
    std::vector<double> get, hash, whole;
    for (int round = 0; round < 5; ++round) {
      for (const std::string& key : keys) {
        const auto start = Clock::now();
        auto* reply = static_cast<redisReply*>(
            redisCommand(bare, "GET %b", key.data(), key.size()));
        Must(reply != nullptr && reply->type == REDIS_REPLY_STRING);
        freeReplyObject(reply);
        get.push_back(SecondsSince(start));
      }
      for (const Bytes& image : images) {
        const auto start = Clock::now();
        Must(Sha256(image) != Digest());
        hash.push_back(SecondsSince(start));
      }
      for (const Bytes& image : images) {
        const auto start = Clock::now();
        const auto done = recognizer_->Recognize(image);
        Must(done && done->cached);
        whole.push_back(SecondsSince(start));
      }
    }
    redisFree(bare);
    const double get_us = Median(get) * 1e6, hash_us = Median(hash) * 1e6,
                 whole_us = Median(whole) * 1e6;
    std::printf(
        "{\"get_us\":%.2f,\"hash_us\":%.2f,\"whole_us\":%.2f,"
        "\"ratio\":%.3f}\n",
        get_us, hash_us, whole_us, (whole_us - hash_us) / get_us);
  }

 private:
  static void Must(bool good) {
    if (good) return;
    std::fprintf(stderr, "cached_recognition: not in the cache, or no Redis\n");
    std::exit(1);
  }

  void Recognize(const std::vector<Bytes>& images) {
    if (images.size() == 1) {
      const auto done = recognizer_->Recognize(images[0]);
      Must(done && done->cached);
      return;
    }
    const std::vector<std::span<const std::byte>> spans(images.begin(),
                                                        images.end());
    for (const auto& done : recognizer_->RecognizeMany(spans)) {
      Must(done && done->cached);
    }
  }

  const RedisUrl url_;
  const std::unique_ptr<ResultCache> cache_;
  const ModelStore models_{"/nowhere"};  // Cards are enough.
  std::unique_ptr<Recognizer> recognizer_;
  std::vector<std::filesystem::path> files_;
};

int Main(const std::vector<std::string>& words) {
  if (words.size() < 4) return 2;
  Bench bench(words[1], words[2]);
  if (words[3] == "fill" && words.size() == 6) {
    bench.Fill(std::stoi(words[4]), std::stoi(words[5]));
  } else if (words[3] == "files" && words.size() == 5) {
    bench.Files(std::stoul(words[4]));
  } else if (words[3] == "parts" && words.size() == 4) {
    bench.Parts();
  } else {
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace ocelli

int main(int argc, char** argv) {
  // As the program does (cli/main/main.cc).
  mallopt(M_MMAP_THRESHOLD, 16 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  return ocelli::Main({argv, argv + argc});
}
