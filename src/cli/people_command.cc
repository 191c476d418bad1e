#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/engine.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "core/file.h"
#include "core/ordered_parallel.h"
#include "media/image_files.h"
#include "recognize/chosen_face.h"
#include "recognize/face_picture.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kNobody[] =
    "nobody is enrolled yet: ocelli people add NAME PHOTO";

struct PeopleFlags {
  std::string name;
  std::string other;  // Of rename and merge.
  std::vector<std::string> paths;
  std::string folder;
  std::string file;
  bool largest = false;
  std::int64_t face_id = 0;
  FaceFlags faces;
};

std::string Count(std::uint64_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string Number(const char* format, float number) {
  char text[32];
  std::snprintf(text, sizeof(text), format, static_cast<double>(number));
  return text;
}

// For JSON: no more digits than mean something.
double Rounded(float number) {
  return std::round(static_cast<double>(number) * 1e4) / 1e4;
}

// A photo and whom it shows.
struct Enrolment {
  std::string name;
  std::filesystem::path path;
};

Result<Analysis> Analyze(Engine& engine, const std::filesystem::path& path) {
  const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  auto recognition = engine.recognizer().Recognize(*bytes);
  if (!recognition) return recognition.Failure(path.string());
  return std::move(recognition->analysis);
}

// The face of a photo that is to be enrolled.
struct FoundFace {
  Face face;
  Digest image;
  FacePicture picture;
};

Result<FoundFace> FindFace(Engine& engine, const std::filesystem::path& path,
                           bool largest) {
  const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  const auto recognition = engine.recognizer().Recognize(*bytes);
  if (!recognition) return recognition.Failure(path.string());
  const auto face = FaceToEnrol(
      recognition->analysis.faces,
      {.largest = largest,
       .advice = "crop the photo or take the largest with --largest"});
  if (!face) return face.Failure(path.string());
  const auto image = DecodeImage(*bytes);
  if (!image) return image.Failure(path.string());
  // Without one it can be recognised all the same.
  auto picture = MakeFacePicture(*image, (*face)->box).value_or(FacePicture());
  return FoundFace{**face, recognition->analysis.digest, std::move(picture)};
}

Result<> Enrol(const Enrolment& enrolment, const FoundFace& found,
               Gallery& gallery, const CommandContext& context,
               Progress& progress) {
  const auto id = gallery.Add(enrolment.name, found.face, found.image,
                              enrolment.path.string(), found.picture);
  if (!id) return id.Failure(enrolment.path.string());
  const float quality = found.face.quality.overall;
  progress.Print(context.json
                     ? JsonText({{"person", enrolment.name},
                                 {"face", *id},
                                 {"path", enrolment.path.string()},
                                 {"digest", found.image.ToHex()},
                                 {"quality", Rounded(quality)}})
                     : enrolment.path.string() + ": " + enrolment.name +
                           ", face " + std::to_string(*id) +
                           Number(", quality %.2f", quality));
  return {};
}

// Photos are analysed in parallel and enrolled in their order.
void EnrolAll(const std::vector<Enrolment>& enrolments,
              const PeopleFlags& flags, CommandContext& context) {
  if (enrolments.empty()) return;
  const auto engine = Engine::Open(context, flags.faces);
  if (!engine) return context.Fail(engine.error());
  const auto gallery = (*engine)->gallery();
  if (!gallery) return context.Fail(gallery.error());
  const int jobs = JobCount(flags.faces.jobs, enrolments.size());
  std::size_t enrolled = 0;
  Progress progress("enrolling", enrolments.size(), "photos");
  OrderedParallel(
      enrolments.size(), jobs, static_cast<std::size_t>(jobs) * 8, context.stop,
      [&](std::size_t i) {
        return FindFace(**engine, enrolments[i].path, flags.largest);
      },
      [&](std::size_t i, const Result<FoundFace>& found) {
        const auto done =
            found ? Enrol(enrolments[i], *found, **gallery, context, progress)
                  : Result<>(found.Failure());
        if (done) {
          ++enrolled;
        } else {
          progress.Say("ocelli: " + done.error().message);
          context.exit_code = kExitSomeFailed;
        }
        progress.Advance();
      });
  if (enrolments.size() > 1) {
    progress.Say(std::to_string(enrolled) + " of " +
                 Count(enrolments.size(), "photo") + " enrolled");
  }
}

// The pictures that `paths` lead to; what leads to none fails the command.
std::vector<std::filesystem::path> PicturesOf(
    const std::vector<std::string>& paths, CommandContext& context) {
  std::vector<std::filesystem::path> pictures;
  for (auto& found : FindImages(paths)) {
    if (found) {
      pictures.push_back(std::move(*found));
    } else {
      context.Fail(found.error());
      context.exit_code = kExitSomeFailed;
    }
  }
  return pictures;
}

void Add(const PeopleFlags& flags, CommandContext& context) {
  std::vector<Enrolment> enrolments;
  for (auto& picture : PicturesOf(flags.paths, context)) {
    enrolments.push_back({flags.name, std::move(picture)});
  }
  EnrolAll(enrolments, flags, context);
}

void ImportFolder(const PeopleFlags& flags, CommandContext& context) {
  std::error_code error;
  std::vector<std::filesystem::path> folders;
  for (std::filesystem::directory_iterator entry(flags.folder, error), end;
       !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    if (entry->is_directory(ignored) && name.front() != '.') {
      folders.push_back(entry->path());
    }
  }
  if (error) {
    PrintError(flags.folder + ": " + error.message());
    context.exit_code = kExitSomeFailed;
    return;
  }
  if (folders.empty()) {
    PrintError(flags.folder +
               ": no folders in it; each person has one, called by their name");
    context.exit_code = kExitSomeFailed;
    return;
  }
  std::sort(folders.begin(), folders.end());
  std::vector<Enrolment> enrolments;
  for (const auto& folder : folders) {
    for (auto& picture : PicturesOf({folder.string()}, context)) {
      enrolments.push_back({folder.filename().string(), std::move(picture)});
    }
  }
  EnrolAll(enrolments, flags, context);
}

// Calls `use` with the gallery. `make`: also where there is none yet;
// otherwise that is said and nothing is called.
template <typename Use>
void WithGallery(const PeopleFlags& flags, CommandContext& context, bool make,
                 Use use) {
  FaceFlags faces = flags.faces;
  faces.no_cache = true;
  const auto engine = Engine::Open(context, faces);
  if (!engine) return context.Fail(engine.error());
  const auto gallery =
      (*engine)->gallery(make ? GalleryUse::kEdit : GalleryUse::kRead);
  if (!gallery) return context.Fail(gallery.error());
  if (!*gallery) {
    return PrintError(kNobody);
  }
  const Result<> done = use(**gallery);
  if (!done) context.Fail(done.error());
}

void List(const PeopleFlags& flags, CommandContext& context) {
  WithGallery(flags, context, false, [&](const Gallery& gallery) -> Result<> {
    const auto people = gallery.People();
    if (!people) return people.Failure();
    if (people->empty()) PrintError(kNobody);
    for (const PersonSummary& person : *people) {
      std::string text = person.name + ": " + Count(person.faces, "face");
      if (person.rejected > 0) {
        text += ", " + std::to_string(person.rejected) + " rejected";
      }
      if (person.other_model > 0) {
        text += ", " + std::to_string(person.other_model) +
                " of another model: enrol again";
      }
      Report(context,
             {{"person", person.name},
              {"faces", person.faces},
              {"other_model", person.other_model},
              {"rejected", person.rejected}},
             text);
    }
    return {};
  });
}

std::string DateOf(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void Show(const PeopleFlags& flags, CommandContext& context) {
  WithGallery(flags, context, false, [&](const Gallery& gallery) -> Result<> {
    const auto faces = gallery.FacesOf(flags.name);
    if (!faces) return faces.Failure();
    for (const EnrolledFace& face : *faces) {
      const FaceQuality& quality = face.quality;
      Report(context,
             {{"person", flags.name},
              {"face", face.id},
              {"path", face.source},
              {"digest", face.image.ToHex()},
              {"box",
               {{"x", Rounded(face.box.x)},
                {"y", Rounded(face.box.y)},
                {"width", Rounded(face.box.width)},
                {"height", Rounded(face.box.height)}}},
              {"quality",
               {{"size", Rounded(quality.size)},
                {"sharpness", Rounded(quality.sharpness)},
                {"frontality", Rounded(quality.frontality)},
                {"overall", Rounded(quality.overall)}}},
              {"created", DateOf(face.created)},
              {"comparable", face.comparable}},
             "face " + std::to_string(face.id) + ": " + face.source +
                 Number(", %.0f", face.box.width) +
                 Number("x%.0f", face.box.height) +
                 Number(" at %.0f", face.box.x) + Number(",%.0f", face.box.y) +
                 Number(", quality %.2f", quality.overall) + ", enrolled " +
                 DateOf(face.created) +
                 (face.comparable ? "" : ", of another model: enrol again"));
    }
    return {};
  });
}

void Rename(const PeopleFlags& flags, CommandContext& context) {
  WithGallery(flags, context, false, [&](Gallery& gallery) -> Result<> {
    if (auto done = gallery.Rename(flags.name, flags.other); !done) return done;
    Report(context, {{"person", flags.other}, {"was", flags.name}},
           flags.name + " is now called " + flags.other);
    return {};
  });
}

void Merge(const PeopleFlags& flags, CommandContext& context) {
  WithGallery(flags, context, false, [&](Gallery& gallery) -> Result<> {
    if (auto done = gallery.Merge(flags.name, flags.other); !done) return done;
    Report(context, {{"person", flags.other}, {"merged", flags.name}},
           flags.name + " is now part of " + flags.other);
    return {};
  });
}

Result<> RemoveOneFace(const PeopleFlags& flags, Gallery& gallery) {
  const auto faces = gallery.FacesOf(flags.name);
  if (!faces) return faces.Failure();
  const bool theirs = std::any_of(
      faces->begin(), faces->end(),
      [&](const EnrolledFace& face) { return face.id == flags.face_id; });
  if (!theirs) {
    return Fail(ErrorCode::kNotFound, flags.name + " has no face " +
                                          std::to_string(flags.face_id) +
                                          "; ocelli people show lists them");
  }
  return gallery.RemoveFace(flags.face_id);
}

void Remove(const PeopleFlags& flags, CommandContext& context) {
  WithGallery(flags, context, false, [&](Gallery& gallery) -> Result<> {
    const bool one = flags.face_id != 0;
    auto done =
        one ? RemoveOneFace(flags, gallery) : gallery.Remove(flags.name);
    if (!done) return done;
    Json json{{"removed", flags.name}};
    if (one) json["face"] = flags.face_id;
    Report(context, json,
           one ? "face " + std::to_string(flags.face_id) + " of " + flags.name +
                     " is removed"
               : flags.name + " is removed");
    return {};
  });
}

// A photo and which of its faces: "a.jpg#2" is the second from the left,
// unless a file is called so.
struct FaceReference {
  std::filesystem::path path;
  std::size_t number = 0;  // 0: not said.
};

FaceReference ParseFaceReference(const std::string& text) {
  std::error_code error;
  const auto mark = text.rfind('#');
  if (mark == std::string::npos || std::filesystem::exists(text, error)) {
    return {text, 0};
  }
  std::size_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + mark + 1, end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number == 0) {
    return {text, 0};
  }
  return {text.substr(0, mark), number};
}

void Reject(const PeopleFlags& flags, CommandContext& context) {
  const auto engine = Engine::Open(context, flags.faces);
  if (!engine) return context.Fail(engine.error());
  const auto gallery = (*engine)->gallery();
  if (!gallery) return context.Fail(gallery.error());
  for (const std::string& text : flags.paths) {
    const FaceReference reference = ParseFaceReference(text);
    const auto reject = [&]() -> Result<> {
      const auto analysis = Analyze(**engine, reference.path);
      if (!analysis) return analysis.Failure();
      const std::string path = reference.path.string();
      const std::string advice = "say which, from the left: " + path + "#1";
      const auto face = FaceToReject(
          *analysis, flags.name, {.number = reference.number, .advice = advice},
          **gallery, flags.faces.identify);
      if (!face) return face.Failure(path);
      auto done = (*gallery)->Reject(flags.name, analysis->faces[*face],
                                     analysis->digest);
      if (!done) return done.Failure(reference.path.string());
      Report(context,
             {{"rejected", flags.name},
              {"path", reference.path.string()},
              {"digest", analysis->digest.ToHex()},
              {"face", *face + 1}},
             reference.path.string() + "#" + std::to_string(*face + 1) +
                 ": not " + flags.name);
      return {};
    };
    if (auto done = reject(); !done) {
      PrintError(done.error().message);
      context.exit_code = kExitSomeFailed;
    }
  }
}

void Export(const PeopleFlags& flags, CommandContext& context) {
  WithGallery(flags, context, false, [&](const Gallery& gallery) -> Result<> {
    if (flags.file == "-") return gallery.Export(std::cout);
    std::ostringstream text;
    if (auto done = gallery.Export(text); !done) return done;
    // Descriptors are for their owner's eyes only.
    umask(0077);
    auto written = WriteFileAtomically(flags.file, text.view());
    if (!written) return written;
    PrintError("exported to " + flags.file +
               "; it holds biometric data: keep it as safe as the photos");
    return {};
  });
}

void ImportFile(const PeopleFlags& flags, CommandContext& context) {
  WithGallery(flags, context, true, [&](Gallery& gallery) -> Result<> {
    std::ifstream file;
    if (flags.file != "-") {
      file.open(flags.file, std::ios::binary);
      if (!file) return FailWithErrno(flags.file, errno);
    }
    const auto added = gallery.Import(flags.file == "-" ? std::cin : file);
    if (!added) return added.Failure(flags.file);
    Report(context, {{"file", flags.file}, {"new_faces", *added}},
           flags.file + ": " + Count(*added, "new face"));
    return {};
  });
}

CLI::App* AddVerb(CLI::App& people, const char* name, const char* help,
                  const std::shared_ptr<PeopleFlags>& flags,
                  CommandContext& context,
                  void (*work)(const PeopleFlags&, CommandContext&)) {
  CLI::App* verb = people.add_subcommand(name, help);
  AddGalleryFlags(*verb, flags->faces.gallery);
  verb->callback([flags, &context, work] { work(*flags, context); });
  return verb;
}

}  // namespace

void AddPeopleCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<PeopleFlags>();
  CLI::App* people =
      app.add_subcommand("people", "The people to be recognised");
  people->require_subcommand(1);
  people->footer(R"(Examples:
  ocelli people add "Jesper" a.jpg b.jpg    three or more photos of one person
  ocelli people import faces/               a folder per person: faces/Jesper/a.jpg
  ocelli people list                        who is enrolled
  ocelli people show "Jesper"               from which photos
  ocelli people reject "Jesper" c.jpg#2     the second face from the left is not he
  ocelli people remove "Jesper"             every vector of his, overwritten
  ocelli people export people.jsonl         and on another machine: import-file
  ocelli people list --gallery redis://10.0.0.1
                                            one gallery for many machines; or
                                            OCELLI_GALLERY_URL for every command
  ocelli people export - | ocelli people import-file - --gallery redis://10.0.0.1
                                            all people of this machine into it)");
  const auto verb = [&](const char* name, const char* help,
                        void (*work)(const PeopleFlags&, CommandContext&)) {
    return AddVerb(*people, name, help, flags, context, work);
  };
  const auto with_name = [&](CLI::App* command, const char* help) {
    command->add_option("name", flags->name, help)->required();
    return command;
  };

  CLI::App* add = with_name(verb("add", "Enrol photos of one person", Add),
                            "What the person is called");
  add->add_option("photo", flags->paths,
                  "Photos and folders of them, with one face each")
      ->required();
  CLI::App* import =
      verb("import", "Enrol a folder of folders, one a person", ImportFolder);
  import->add_option("folder", flags->folder, "The folder")->required();
  for (CLI::App* command : {add, import}) {
    command->add_flag("--largest", flags->largest,
                      "Of several faces take the largest, refuse no photo");
    AddFaceFlags(*command, flags->faces);
  }

  verb("list", "Who is enrolled, with how many faces", List);
  with_name(verb("show", "The faces of one person", Show), "The person");
  with_name(verb("rename", "Give a person another name", Rename), "The person")
      ->add_option("new-name", flags->other, "What to call them")
      ->required();
  with_name(verb("merge", "Join two people that are one", Merge),
            "Who is to be part of the other")
      ->add_option("into", flags->other, "Who is to have all faces")
      ->required();
  with_name(verb("remove", "Forget a person, or one of their faces", Remove),
            "The person")
      ->add_option("--face", flags->face_id,
                   "Only this face, by its number in people show")
      ->check(CLI::PositiveNumber);

  CLI::App* reject =
      with_name(verb("reject", "Record that a face is not a person", Reject),
                "Who it is not");
  reject
      ->add_option("face", flags->paths,
                   "Photos; PHOTO#2 is the second face from the left, without "
                   "a number the one that is named so now")
      ->required();
  AddFaceFlags(*reject, flags->faces);

  verb("export", "Write all people as JSON lines", Export)
      ->add_option("file", flags->file, "Where to; - is standard output")
      ->required();
  verb("import-file", "Add the people of an export", ImportFile)
      ->add_option("file", flags->file, "The export; - is standard input")
      ->required();
}

}  // namespace ocelli
