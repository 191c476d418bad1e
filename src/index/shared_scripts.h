#pragma once

#include "redis/redis_client.h"

namespace ocelli {

// What happens in Redis in one step each. A heading is what stands under the
// empty id of a partition; a script answers -1 instead where it is another's.

// KEYS spec; ARGV field, value, ...: 1, or 0 where there is one.
const RedisScript& CreateSpecScript();
// KEYS spec; ARGV token: deletes it; 0 where it is another's or not there.
const RedisScript& DropSpecScript();
// KEYS spec; ARGV token, count: the first of so many new numbers; 0 where it is
// another's or not there.
const RedisScript& TakeNumbersScript();

// KEYS spec; ARGV token, field, value, ...: 1; 0 where it is another's or not
// there.
const RedisScript& WriteSettingsScript();

// KEYS items, vectors; ARGV heading, what each heading begins with, "1" where
// an older collection's remains are to be cleared away. 1; -2 where the keys
// are another program's.
const RedisScript& ReadyPartitionScript();
// KEYS items, vectors; ARGV what each heading begins with, heading or "" for
// whatever it is: deletes both.
const RedisScript& DropPartitionScript();

// KEYS items, vectors; ARGV heading, quantization, then for each entry: id,
// record, attributes, vector or "". An array: 2 added, 1 updated, 0 unchanged;
// 3 nothing done: new and without a vector.
const RedisScript& PutScript();
// KEYS items, vectors; ARGV heading, ids...: how many there were.
const RedisScript& RemoveScript();
// KEYS items, vectors; ARGV heading, "1" with vectors, ids...: an array with
// for each nil, or an array of its record and what VEMB ... RAW says.
const RedisScript& ReadScript();

}  // namespace ocelli
