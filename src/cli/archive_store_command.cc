// ocelli archive verify, prune.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "archive/archive_reader.h"
#include "cli/archive_setup.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "core/utc_time.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::system_clock;

struct StoreCommandFlags {
  std::string archive;
  std::string head;
  bool quick = false;
  int parallel = 16;
  std::string older_than;
  bool dry_run = false;
  StoreFlags store;
};

std::string N(std::uint64_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

const char* NameOf(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kBrokenLine:
      return "broken line";
    case Finding::Kind::kBrokenChain:
      return "broken chain";
    case Finding::Kind::kOutOfOrder:
      return "out of order";
    case Finding::Kind::kMissing:
      return "missing";
    case Finding::Kind::kChanged:
      return "changed";
    case Finding::Kind::kAdded:
      return "added";
    case Finding::Kind::kWrongHead:
      return "wrong head";
  }
  return "";
}

Json ToJson(const std::string& root, const VerifyReport& report, bool quick) {
  Json json = {{"root", root},
               {"clean", report.findings.empty()},
               {"contents", !quick},
               {"frames", report.frames},
               {"objects", report.objects},
               {"bytes", report.bytes},
               {"duplicates", report.duplicates},
               {"dropped", report.dropped},
               {"pruned", report.pruned},
               {"in_flight", report.in_flight},
               {"ended", report.ended},
               {"head", report.head.ToHex()},
               {"after_head", report.after_head}};
  const auto time = [](const ManifestLine& line) {
    return UtcText(line.frame.time, UtcPrecision::kMicroseconds);
  };
  if (report.first) {
    json["first_seq"] = report.first->frame.seq;
    json["first_time"] = time(*report.first);
  }
  if (report.last) {
    json["last_seq"] = report.last->frame.seq;
    json["last_time"] = time(*report.last);
  }
  Json& findings = json["findings"] = Json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back({{"finding", NameOf(finding.kind)},
                        {"where", finding.where},
                        {"message", finding.message}});
  }
  json["more_findings"] = report.more_findings;
  return json;
}

std::string ToText(const std::string& root, const VerifyReport& report,
                   bool quick) {
  std::string text;
  for (const Finding& finding : report.findings) {
    text += std::string(NameOf(finding.kind)) + ": " + finding.where + ": " +
            finding.message + "\n";
  }
  if (report.more_findings > 0) {
    text += "... and " + N(report.more_findings, "finding") + " more\n";
  }
  text += root + ": " + N(report.frames, "frame") + ", " +
          N(report.objects, "object") + ", " + Megabytes(report.bytes);
  if (report.duplicates > 0) {
    text += ", " + N(report.duplicates, "duplicate");
  }
  if (report.dropped > 0) {
    text += ", " + std::to_string(report.dropped) + " dropped";
  }
  if (report.pruned > 0) {
    text += ", " + std::to_string(report.pruned) + " pruned";
  }
  if (report.in_flight > 0) {
    text += ", " + std::to_string(report.in_flight) + " on their way";
  }
  if (report.first && report.last) {
    text += "\nfrom " + UtcText(report.first->frame.time) + " to " +
            UtcText(report.last->frame.time) +
            (report.ended ? "" : ", without an end yet");
  }
  text += "\nhead " + report.head.ToHex();
  if (report.after_head > 0) {
    text += "\n" + N(report.after_head, "line") +
            " came after the head that was given";
  }
  const std::uint64_t findings = report.findings.size() + report.more_findings;
  text += findings > 0 ? "\n" + N(findings, "finding") +
                             ": this is not as it was archived"
          : quick ? "\norder, chain and sizes are as they were archived; "
                    "contents were not read"
                  : "\nevery frame is as it was archived";
  return text;
}

// The head that this machine knows: of a task that ended, so that all of its
// lines are stored.
std::optional<Digest> HeadOf(const std::optional<Task>& task) {
  using State = TaskStatus::State;
  if (!task || task->running || !task->status) return std::nullopt;
  const State state = task->status->state;
  const auto& last = task->status->archive.last;
  if (!last || (state != State::kFinished && state != State::kStopped)) {
    return std::nullopt;
  }
  return last->chain;
}

void Verify(const StoreCommandFlags& flags, CommandContext& context) {
  VerifyOptions options;
  options.contents = !flags.quick;
  options.parallel = flags.parallel;
  if (!flags.head.empty()) {
    const auto head = Digest::FromHex(flags.head);
    if (!head) {
      return context.Fail(
          {head.error().code, "--head: " + head.error().message});
    }
    options.head = *head;
  }
  const auto archive = OpenArchive(flags.archive, flags.store, context);
  if (!archive) return context.Fail(archive.error());
  if (!options.head) options.head = HeadOf(archive->task);
  ObjectStore& store = *archive->store;
  const auto report = [&] {
    Progress progress("verifying", 0, "frames");
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
      progress.Set(done, total);
    };
    return VerifyArchive(store, options, context.stop);
  }();
  if (!report) return context.Fail(report.error());
  Report(context, ToJson(store.root(), *report, flags.quick),
         ToText(store.root(), *report, flags.quick));
  if (!report->findings.empty()) context.exit_code = kExitSomeFailed;
}

void Prune(const StoreCommandFlags& flags, CommandContext& context) {
  const auto age = ParseDuration(flags.older_than);
  if (!age) return context.Fail(age.error());
  const auto archive = OpenArchive(flags.archive, flags.store, context);
  if (!archive) return context.Fail(archive.error());
  ObjectStore& store = *archive->store;
  const auto now = system_clock::now();
  const auto report = [&] {
    Progress progress("pruning", 0, "objects");
    return PruneArchive(
        store, now - *age, flags.dry_run, now,
        [&](std::uint64_t done) { progress.Set(done, 0); }, context.stop);
  }();
  if (!report) return context.Fail(report.error());
  Json json = {{"root", store.root()},
               {"dry_run", flags.dry_run},
               {"frames", report->frames},
               {"objects", report->objects},
               {"bytes", report->bytes},
               {"kept_for_duplicates", report->kept_for_duplicates},
               {"segments", report->segments}};
  if (report->through) json["through"] = *report->through;
  std::string text = store.root() + ": ";
  if (report->objects == 0 && report->segments == 0) {
    text += "nothing to prune";
  } else {
    text += (flags.dry_run ? "would delete " : "deleted ") +
            N(report->objects, "object") + ", " + Megabytes(report->bytes) +
            ", and " + N(report->segments, "part") + " of the manifest";
    if (report->through) {
      text += ": frames up to " + std::to_string(*report->through);
    }
  }
  if (report->kept_for_duplicates > 0) {
    text += "; " + N(report->kept_for_duplicates, "object") +
            " of them stay, which younger frames are equal to";
  }
  Report(context, json, text);
}

}  // namespace

void AddArchiveStoreCommands(CLI::App& archive, CommandContext& context) {
  auto flags = std::make_shared<StoreCommandFlags>();
  const auto verb = [&](const char* name, const char* help,
                        void (*work)(const StoreCommandFlags&,
                                     CommandContext&)) {
    CLI::App* command = archive.add_subcommand(name, help);
    command
        ->add_option("ARCHIVE", flags->archive,
                     "URL of its root (s3://BUCKET/PREFIX, dir:FOLDER) or a "
                     "task's name")
        ->required();
    AddStoreFlags(*command, flags->store);
    command->callback([flags, &context, work] { work(*flags, context); });
    return command;
  };
  CLI::App* verify = verb(
      "verify", "Whether every frame is there, unchanged and in order", Verify);
  verify->add_option("--head", flags->head,
                     "The chain as noted when it was archived, 64 digits; of "
                     "a task that ended this machine has it");
  verify->add_flag("--quick", flags->quick,
                   "Names, sizes and chain only; fetch no frame");
  verify->add_option("--parallel", flags->parallel, "Frames fetched at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  verify->footer(R"(Examples:
  ocelli archive verify s3://bucket/cam1           every line, hash and object
  ocelli archive verify cam1 --quick --json
  ocelli archive verify dir:/srv/frames --head 5f0c...

Exit code 1: something was changed, removed, added or moved; it is named.)");

  CLI::App* prune =
      verb("prune", "Delete old frames; the rest verifies", Prune);
  prune
      ->add_option("--older-than", flags->older_than,
                   "Age of the frames to delete: 12h, 30d")
      ->required();
  prune->add_flag("--dry-run", flags->dry_run, "Only say what would go");
  prune->footer(R"(Examples:
  ocelli archive prune s3://bucket/cam1 --older-than 30d --dry-run
  ocelli archive prune cam1 --older-than 30d

One that was cut off goes on with the next.)");
}

}  // namespace ocelli
