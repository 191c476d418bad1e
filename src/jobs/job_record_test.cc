#include "jobs/job_record.h"

#include <gtest/gtest.h>

#include <random>

namespace ocelli {
namespace {

Job FullJob() {
  Job job;
  job.batch = "batch7";
  job.index = 1234567890123;
  job.name = std::string("caf\xe9/\0.jpg", 10);  // Not UTF-8.
  job.reference = "s3://bucket/key";
  job.digest = Sha256("image");
  return job;
}

JobResult Failed() {
  return {.index = 3,
          .name = "a.jpg",
          .value = {},
          .error = Error{ErrorCode::kDataLoss, "a.jpg is no image"},
          .attempts = 2};
}

TEST(JobRecordTest, AJobComesBack) {
  const Job job = FullJob();
  const Job read = DecodeJob(EncodeJob(job)).value();
  EXPECT_EQ(read.batch, job.batch);
  EXPECT_EQ(read.index, job.index);
  EXPECT_EQ(read.name, job.name);
  EXPECT_EQ(read.reference, job.reference);
  EXPECT_EQ(read.digest, job.digest);
  Job plain;
  plain.batch = "b";
  EXPECT_EQ(DecodeJob(EncodeJob(plain))->digest, std::nullopt);
}

TEST(JobRecordTest, AResultComesBack) {
  JobResult result;
  result.index = 9;
  result.name = "x";
  result.value = std::string("\0\1\2", 3);
  result.attempts = 3;
  const JobResult read = DecodeResult(EncodeResult(result)).value();
  EXPECT_EQ(read.index, 9u);
  EXPECT_EQ(read.name, "x");
  EXPECT_EQ(read.value, result.value);
  EXPECT_FALSE(read.error);
  EXPECT_EQ(read.attempts, 3);
}

TEST(JobRecordTest, EveryErrorComesBack) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    JobResult result = Failed();
    result.error->code = static_cast<ErrorCode>(code);
    const JobResult read = DecodeResult(EncodeResult(result)).value();
    EXPECT_EQ(read.error->code, result.error->code);
    EXPECT_EQ(read.error->message, "a.jpg is no image");
  }
}

TEST(JobRecordTest, ForeignAndOtherVersionsAreSaidToBe) {
  EXPECT_EQ(DecodeJob("").error().message, "not a job of Ocelli");
  EXPECT_EQ(DecodeJob("{\"task\": 1}").error().message, "not a job of Ocelli");
  EXPECT_EQ(DecodeJob(EncodeResult(Failed())).error().message,
            "not a job of Ocelli");
  std::string record = EncodeJob(FullJob());
  record[3] = '\x02';
  EXPECT_EQ(DecodeJob(record).error().message,
            "a job of another version of Ocelli (2, this one knows 1)");
  EXPECT_EQ(DecodeResult("OcR\x01\xff\xff").error().message,
            "a damaged result");
}

TEST(JobRecordTest, NamesThatWouldLeaveTheirKeyAreRefused) {
  Job job = FullJob();
  job.batch = "a}:b";
  EXPECT_EQ(DecodeJob(EncodeJob(job)).error().message, "a damaged job");
  job.batch.assign(65, 'a');
  EXPECT_FALSE(DecodeJob(EncodeJob(job)));
  job = FullJob();
  job.name.assign(20'000, 'n');
  EXPECT_FALSE(DecodeJob(EncodeJob(job)));
}

// Whatever is read is an error or within bounds, never a crash.
TEST(JobRecordTest, DamagedRecordsAreNeverMoreThanAnError) {
  std::mt19937 random(6);
  for (const std::string& whole :
       {EncodeJob(FullJob()), EncodeResult(Failed())}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      (void)DecodeJob(whole.substr(0, size)).has_value();
      (void)DecodeResult(whole.substr(0, size)).has_value();
    }
    for (int round = 0; round < 20'000; ++round) {
      std::string record = whole;
      for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
        record[4 + random() % (record.size() - 4)] =
            static_cast<char>(random());
      }
      if (const auto job = DecodeJob(record)) {
        EXPECT_LE(job->name.size(), 16u << 10);
        EXPECT_EQ(job->batch.find_first_of("{}: \n"), std::string::npos);
      }
      if (const auto result = DecodeResult(record)) {
        EXPECT_LE(result->attempts, 1'000'000);
        EXPECT_GE(result->attempts, 0);
      }
    }
  }
}

TEST(JobRecordTest, NoiseIsAnError) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string noise(random() % 64, ' ');
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_FALSE(DecodeJob(noise));
    EXPECT_FALSE(DecodeResult(noise));
  }
}

}  // namespace
}  // namespace ocelli
