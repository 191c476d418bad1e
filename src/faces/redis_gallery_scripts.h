#pragma once

#include "redis/redis_client.h"

namespace ocelli {

// What RedisGalleryStore runs inside Redis, each in one slot and at one
// moment; KEYS and ARGV are explained in redis_gallery_scripts.cc.
struct GalleryScripts {
  GalleryScripts();

  RedisScript news;
  RedisScript page;
  RedisScript write;
  // Also where Redis is over its maxmemory: for changes that only remove.
  RedisScript remove;
};

}  // namespace ocelli
