#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "jobs/job_queue.h"

namespace ocelli {

// Jobs and results as they are kept in Redis: a magic, a version, a protobuf
// message (proto/ocelli/v1/job.proto). What is read is taken for hostile:
// kDataLoss says in which way it is not one of ours.

std::string EncodeJob(const Job& job);  // Without its image.
Result<Job> DecodeJob(std::string_view record);

std::string EncodeResult(const JobResult& result);
Result<JobResult> DecodeResult(std::string_view record);

}  // namespace ocelli
