#pragma once

#include <cstdint>
#include <string>

#include "redis/redis_client.h"

namespace ocelli {

// Where a group's things are in Redis. All keys of a partition have one hash
// tag, so that one script may touch them and a Cluster spreads partitions.
struct RedisJobLayout {
  std::string group;
  int partitions = 1;

  // Neighbours share a partition: one script takes several jobs, and whoever
  // waits asks few nodes for the next results.
  int PartitionOf(const std::string& batch, std::uint64_t index) const {
    const std::uint64_t block = index / 16 + RedisSlotOf(batch);
    return static_cast<int>(block % static_cast<std::uint64_t>(partitions));
  }

  std::string Stream(int partition) const { return Key(partition, "stream"); }
  std::string Delayed(int partition) const { return Key(partition, "delayed"); }
  std::string Dead(int partition) const { return Key(partition, "dead"); }
  std::string Results(int partition, const std::string& batch) const {
    return Key(partition, "result:") + batch;
  }
  std::string Image(int partition, const std::string& batch,
                    std::uint64_t index) const {
    return Key(partition, "image:") + batch + ":" + std::to_string(index);
  }

  std::string Batch(const std::string& batch) const {
    return "ocelli:jobs:" + group + ":batch:" + batch;
  }
  std::string Batches() const { return "ocelli:jobs:" + group + ":batches"; }
  std::string Partitions() const {
    return "ocelli:jobs:" + group + ":partitions";
  }

  // Channels: a job is there to be taken; results of a batch are there.
  std::string Bell() const { return "ocelli:jobs:" + group + ":bell"; }
  std::string News(const std::string& batch) const {
    return "ocelli:jobs:" + group + ":news:" + batch;
  }

 private:
  std::string Key(int partition, const char* what) const {
    return "ocelli:{jobs:" + group + ":" + std::to_string(partition) +
           "}:" + what;
  }
};

}  // namespace ocelli
