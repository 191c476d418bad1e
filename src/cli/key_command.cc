#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/access_setup.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "cli/json_output.h"

namespace ocelli {
namespace {

struct KeyFlags {
  std::string name;
  std::string scope = "read";
  std::string expires;
};

Result<KeyRequest> RequestFrom(const KeyFlags& flags) {
  const auto scopes = Scopes::Parse(flags.scope);
  if (!scopes) return scopes.Failure("--scope");
  KeyRequest request{flags.name, *scopes, {}};
  if (!flags.expires.empty()) {
    const auto lasts = ParseDuration(flags.expires);
    if (!lasts) return lasts.Failure("--expires");
    request.expires = SystemClock().WallTime() + *lasts;
  }
  return request;
}

void Create(const KeyFlags& flags, CommandContext& context) {
  const auto request = RequestFrom(flags);
  if (!request) return context.Fail(request.error());
  WithAccess(context, [&](AccessStore& store) -> Result<> {
    const auto made = store.CreateKey(Caller::Owner(), *request);
    if (!made) return made.Failure();
    const ApiKey& key = made->key;
    Report(context,
           {{"name", key.name},
            {"id", key.id},
            {"scopes", ScopesJson(key.scopes)},
            {"expires", SecondJson(key.expires)},
            {"key", made->text}},
           made->text);
    PrintError("that is the key \"" + key.name + "\", for " +
               key.scopes.ToText() +
               (key.expires ? " until " + SecondText(*key.expires) : "") +
               "; it is never shown again");
    return {};
  });
}

std::string TextOf(const ApiKey& key) {
  std::string text = key.name + ": ocelli_" + key.id + "..., " +
                     key.scopes.ToText() + ", made " + SecondText(key.created);
  if (key.revoked) return text + ", revoked " + SecondText(*key.revoked);
  if (key.expires) {
    const bool over = *key.expires <= SystemClock().WallTime();
    text += (over ? ", expired " : ", expires ") + SecondText(*key.expires);
  }
  return text + (key.last_used ? ", last used " + SecondText(*key.last_used)
                               : ", never used");
}

void List(const KeyFlags&, CommandContext& context) {
  if (!HasAccess(context)) {
    return PrintError("there are no keys yet: ocelli key create NAME");
  }
  WithAccess(context, [&](AccessStore& store) -> Result<> {
    const auto keys = store.Keys(Caller::Owner());
    if (!keys) return keys.Failure();
    if (keys->empty()) {
      PrintError("there are no keys yet: ocelli key create NAME");
    }
    for (const ApiKey& key : *keys) {
      Report(context,
             {{"name", key.name},
              {"id", key.id},
              {"scopes", ScopesJson(key.scopes)},
              {"created", SecondJson(key.created)},
              {"expires", SecondJson(key.expires)},
              {"last_used", SecondJson(key.last_used)},
              {"revoked", SecondJson(key.revoked)}},
             TextOf(key));
    }
    return {};
  });
}

void Revoke(const KeyFlags& flags, CommandContext& context) {
  WithAccess(context, [&](AccessStore& store) -> Result<> {
    auto done = store.RevokeKey(Caller::Owner(), flags.name);
    if (!done) return done;
    Report(context, {{"revoked", flags.name}},
           "key \"" + flags.name + "\" is revoked");
    return {};
  });
}

}  // namespace

void AddKeyCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<KeyFlags>();
  CLI::App* command =
      app.add_subcommand("key", "Keys with which programs use the service");
  command->require_subcommand(1);
  command->footer(R"(Examples:
  ocelli key create reporter                             may look at everything
  ocelli key create importer --scope write --expires 90d
  KEY=$(ocelli key create ci --scope read,write)         it is printed only once
  ocelli key list                                        which there are, when used
  ocelli key revoke importer                             at once, in running services too)");
  const auto verb = [&](const char* name, const char* help,
                        void (*work)(const KeyFlags&, CommandContext&)) {
    CLI::App* added = command->add_subcommand(name, help);
    added->callback([flags, &context, work] { work(*flags, context); });
    return added;
  };
  CLI::App* create = verb("create", "Make a key and print it", Create);
  create->add_option("name", flags->name, "What to call it")->required();
  create
      ->add_option("--scope", flags->scope,
                   "What it may do: read, write and admin, with commas")
      ->capture_default_str();
  create->add_option("--expires", flags->expires,
                     "After how long it ends: 90d, 12h; without, never");
  verb("list", "All keys, but not their secrets", List);
  verb("revoke", "End a key", Revoke)
      ->add_option("name", flags->name, "The key")
      ->required();
}

}  // namespace ocelli
