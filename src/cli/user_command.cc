#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/access_setup.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/password_prompt.h"
#include "faces/gallery_name.h"

namespace ocelli {
namespace {

struct UserFlags {
  std::string name;
  std::string scope = "read";
};

// Before a password is asked for; the store looks once more.
Result<bool> Exists(const AccessStore& store, const std::string& name) {
  if (auto named = CheckPersonName(name); !named) {
    return named.Failure("name of the user");
  }
  const auto users = store.Users(Caller::Owner());
  if (!users) return users.Failure();
  return std::any_of(users->begin(), users->end(), [&](const User& user) {
    return FoldCase(user.name) == FoldCase(name);
  });
}

void Add(const UserFlags& flags, CommandContext& context) {
  const auto scopes = Scopes::Parse(flags.scope);
  if (!scopes) return context.Fail(scopes.Failure("--scope").value());
  WithAccess(context, [&](AccessStore& store) -> Result<> {
    const auto exists = Exists(store, flags.name);
    if (!exists) return exists.Failure();
    if (*exists) {
      return Fail(ErrorCode::kAlreadyExists,
                  "there is a user called \"" + flags.name +
                      "\" already; ocelli user passwd changes the password");
    }
    const auto password = AskNewPassword(flags.name, context.stop);
    if (!password) return password.Failure();
    auto added = store.AddUser(Caller::Owner(), flags.name, *password, *scopes);
    if (!added) return added;
    Report(context, {{"added", flags.name}, {"scopes", ScopesJson(*scopes)}},
           "user \"" + flags.name + "\" is added, for " + scopes->ToText());
    return {};
  });
}

void SetPassword(const UserFlags& flags, CommandContext& context) {
  WithAccess(context, [&](AccessStore& store) -> Result<> {
    const auto exists = Exists(store, flags.name);
    if (!exists) return exists.Failure();
    if (!*exists) {
      return Fail(ErrorCode::kNotFound, "no user is called \"" + flags.name +
                                            "\"; ocelli user list shows them");
    }
    const auto password = AskNewPassword(flags.name, context.stop);
    if (!password) return password.Failure();
    auto done = store.SetPassword(Caller::Owner(), flags.name, *password);
    if (!done) return done;
    Report(context, {{"password_set", flags.name}},
           "the password of \"" + flags.name +
               "\" is changed; whoever was logged in is logged out");
    return {};
  });
}

void List(const UserFlags&, CommandContext& context) {
  if (!HasAccess(context)) {
    return PrintError("there are no users yet: ocelli user add NAME");
  }
  WithAccess(context, [&](AccessStore& store) -> Result<> {
    const auto users = store.Users(Caller::Owner());
    if (!users) return users.Failure();
    if (users->empty()) {
      PrintError("there are no users yet: ocelli user add NAME");
    }
    for (const User& user : *users) {
      Report(context,
             {{"name", user.name},
              {"scopes", ScopesJson(user.scopes)},
              {"created", SecondJson(user.created)},
              {"last_login", SecondJson(user.last_login)},
              {"sessions", user.sessions}},
             user.name + ": " + user.scopes.ToText() + ", added " +
                 SecondText(user.created) +
                 (user.last_login
                      ? ", last log-in " + SecondText(*user.last_login) + ", " +
                            std::to_string(user.sessions) +
                            (user.sessions == 1 ? " session" : " sessions")
                      : ", never logged in"));
    }
    return {};
  });
}

void Remove(const UserFlags& flags, CommandContext& context) {
  WithAccess(context, [&](AccessStore& store) -> Result<> {
    auto done = store.RemoveUser(Caller::Owner(), flags.name);
    if (!done) return done;
    Report(context, {{"removed", flags.name}},
           "user \"" + flags.name + "\" is removed and logged out");
    return {};
  });
}

}  // namespace

void AddUserCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<UserFlags>();
  CLI::App* command =
      app.add_subcommand("user", "People who log in to the service");
  command->require_subcommand(1);
  command->footer(R"(Examples:
  ocelli user add Ada --scope read,write     asks for a password
  ocelli user add Ada <password.txt          takes its first line
  ocelli user passwd Ada                     and ends all sessions of hers
  ocelli user list                           who there is, and when last logged in
  ocelli user remove Ada                     at once, in running services too)");
  const auto verb = [&](const char* name, const char* help,
                        void (*work)(const UserFlags&, CommandContext&)) {
    CLI::App* added = command->add_subcommand(name, help);
    added->callback([flags, &context, work] { work(*flags, context); });
    return added;
  };
  const auto with_name = [&](CLI::App* added) {
    added->add_option("name", flags->name, "The user")->required();
    return added;
  };
  with_name(verb("add", "Add a user; asks for a password", Add))
      ->add_option("--scope", flags->scope,
                   "What they may do: read, write and admin, with commas")
      ->capture_default_str();
  with_name(
      verb("passwd", "Change a password; asks for the new one", SetPassword));
  verb("list", "All users", List);
  with_name(verb("remove", "Remove a user and end their sessions", Remove));
}

}  // namespace ocelli
