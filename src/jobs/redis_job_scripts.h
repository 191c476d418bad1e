#pragma once

#include "redis/redis_client.h"

namespace ocelli {

// What changes jobs in Redis, each in one step. All may be sent twice. Times
// are milliseconds of Redis's own clock.
//
// In a partition, a job is an entry of the stream (field "job": its record),
// pending in the consumer group "workers" once it was taken. One that waits for
// another try stays pending, with the consumer "(later)", and stands in the
// sorted set of delayed ids with the time it is due (0: handed back). So the
// group's own delivery count is the number of attempts. The batch's hash of
// results has, by index, "?" from Submit() to the first result; and the fields
// "submitted", "done", "failed".
struct RedisJobScripts {
  // KEYS batch. ARGV ttl, description. When it was made, or 0: it exists.
  RedisScript begin;
  // KEYS batch. ARGV ttl, description. Makes it if it is lost, not if it was
  // purged. When it was made, or 0.
  RedisScript restore;
  // KEYS batch. ARGV ttl, total, channel of news. 1: it is there,
  // 0: not, or it was purged.
  RedisScript complete;
  // KEYS batch. ARGV ttl, channel of news. 1: it was there.
  RedisScript bury;
  // KEYS stream, results. ARGV ttl, bell, partition, then index and record of
  // each. For each 1: new, 0: it waits already, 2: it has its result.
  RedisScript submit;
  // KEYS stream, delayed. ARGV worker, count, takeover or -1, cursor of the
  // search for silent workers, idle time of consumers to be forgotten or -1.
  // {until the next is due or -1, cursor, {id, {field, value...}, deliveries,
  // 0: new, 1: again, 2: taken over}...}
  RedisScript take;
  // KEYS stream. ARGV worker, ids.
  RedisScript renew;
  // KEYS stream, delayed, results, dead, images that go. ARGV ttl, channel of
  // news, worker, dead letters kept, how many ended, index, result, id of each;
  // how many of these failed, which, its record, reason, attempts of each;
  // how many to be tried again, id and delay of each.
  // {results kept, of them failed, to be tried again}
  RedisScript finish;
  // KEYS stream, delayed. ARGV worker, bell, partition, then id and deliveries
  // of each.
  RedisScript hand_back;
  // KEYS stream, delayed, dead. ARGV dead letters kept, id, reason, what it is.
  RedisScript reject;
  // KEYS stream, results, dead. ARGV ttl, bell, partition, then dead letter,
  // index, record of each. How many go again.
  RedisScript retry;
  // KEYS stream, delayed, dead. ARGV idle time of a worker that is not counted.
  // {entries, pending, delayed, of them handed back, dead, {workers}}
  RedisScript status;
};

const RedisJobScripts& JobScripts();

}  // namespace ocelli
