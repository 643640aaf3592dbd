// CLI11 splits the arguments; names, limits and messages come from the commands' own fields.
#include "cli/bind.h"

#include <CLI/CLI.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/version.h"

namespace regroup {
namespace {

// What stood on the command line; set into the options after parsing, so that errors are ours.
struct Given {
  const Flag* flag = nullptr;
  std::vector<std::string> values;  // of a list
  std::string value;                // of any other flag with a value
  const CLI::Option* option = nullptr;
};

// A list takes several values at once ("--model A B"), unless a positional argument could follow.
void AddFlag(CLI::App& app, const Flag& flag, bool has_positional, Given& given) {
  given.flag = &flag;
  if (flag.is_switch) {
    given.option = app.add_flag(DisplayName(flag));
  } else if (flag.is_list) {
    given.option = app.add_option(DisplayName(flag), given.values)
                       ->take_all()
                       ->allow_extra_args(flag.positional || !has_positional);
  } else {
    given.option = app.add_option(DisplayName(flag), given.value);
  }
}

absl::Status Set(const Flag& flag, const std::string& value) {
  const absl::Status status = flag.set(value);
  if (status.ok()) return status;
  return UserError(DisplayName(flag),
                   absl::StrCat("found \"", value, "\", ", std::string(status.message())));
}

absl::Status Apply(const Command& command, const Given& given) {
  const Flag& flag = *given.flag;
  const std::string name = DisplayName(flag);
  if (given.option->count() == 0) {
    if (!flag.field.required) return absl::OkStatus();
    return UserError(name, absl::StrCat("is missing (", flag.field.help,
                                        "); for example: ", command.examples.front()));
  }
  if (flag.is_switch) return Set(flag, given.option->results().back());
  const std::vector<std::string> values =
      flag.is_list ? given.values : std::vector<std::string>{given.value};
  const bool may_be_empty = flag.is_list && !flag.field.required;
  for (const std::string& value : values) {
    if (value.empty() && !may_be_empty)
      return UserError(name, absl::StrCat("is empty (", flag.field.help, ")"));
    REGROUP_RETURN_IF_ERROR(Set(flag, value));
  }
  return absl::OkStatus();
}

bool IsCuda(const std::string& device) {
  if (!device.starts_with("cuda")) return false;
  const std::string rest = device.substr(4);
  return rest.empty() || (rest[0] == ':' && rest.size() > 1 && rest.size() < 5 &&
                          rest.find_first_not_of("0123456789", 1) == std::string::npos);
}

// Values of --device and --precision that this command has no use for.
absl::Status CheckCommon(const Command& command, const CommonOptions& common) {
  const std::string name = absl::StrCat("regroup ", command.name);
  const std::string& device = common.device;
  const bool on_cpu = device.empty() || device == "auto" || device == "cpu";
  if (!on_cpu && !IsCuda(device)) {
    return UserError("--device",
                     absl::StrCat("found \"", device, "\", expected auto, cpu, cuda or cuda:N",
                                  DidYouMean(device, {"auto", "cpu", "cuda"})));
  }
  if (!on_cpu && command.computes != Computes::kAnywhere) {
    return UserError("--device", absl::StrCat(name, " computes on the CPU; leave --device out"));
  }
  if (!common.precision.empty() && command.computes == Computes::kNothing) {
    return UserError("--precision", absl::StrCat("has no effect on ", name, "; leave it out"));
  }
  return absl::OkStatus();
}

absl::Status UnknownArgument(const Command& command, const std::vector<Flag>& common,
                             const std::vector<std::string>& rest) {
  std::vector<std::string> known;
  for (const auto* flags : {&command.flags, &common}) {
    for (const Flag& flag : *flags) {
      if (!flag.positional) known.push_back(DisplayName(flag));
    }
  }
  for (const std::string& argument : rest) {
    if (!argument.starts_with("-")) continue;
    const std::string name = argument.substr(0, argument.find('='));
    return UserError(absl::StrCat("regroup ", command.name),
                     absl::StrCat("there is no option ", name, DidYouMean(name, known),
                                  "; see regroup ", command.name, " --help"));
  }
  return UserError(absl::StrCat("regroup ", command.name),
                   absl::StrCat("unexpected argument \"", rest.front(), "\""));
}

absl::Status UnknownCommand(const std::vector<Command>& commands, const std::string& word,
                            const std::string& group) {
  std::set<std::string> names;
  for (const Command& command : commands) {
    const auto [own_group, name] = SplitName(command.name);
    if (command.hidden) continue;
    if (group.empty()) names.insert(own_group.empty() ? name : own_group);
    if (!group.empty() && own_group == group) names.insert(name);
  }
  const std::vector<std::string> list(names.begin(), names.end());
  const std::string found =
      word.empty() ? "a command is missing (--help says more)"
                   : absl::StrCat("there is no command \"", word, "\"", DidYouMean(word, list));
  return UserError(group.empty() ? "regroup" : absl::StrCat("regroup ", group),
                   absl::StrCat(found, "; there are ", absl::StrJoin(list, ", ")));
}

bool IsGroup(const std::vector<Command>& commands, const std::string& word) {
  return std::any_of(commands.begin(), commands.end(),
                     [&](const Command& c) { return SplitName(c.name).first == word; });
}

const Command* FindCommand(const std::vector<Command>& commands, const std::string& name) {
  for (const Command& command : commands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

// Parses the arguments behind the command's name.
absl::Status ParseFlags(const Command& command, std::vector<std::string> arguments,
                        CommonOptions& common, bool& help) {
  const std::vector<Flag> common_flags = CommonFlags(common);
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.add_flag("--help,-h", help);
  const bool has_positional = std::any_of(command.flags.begin(), command.flags.end(),
                                          [](const Flag& flag) { return flag.positional; });
  std::vector<Given> given(command.flags.size() + common_flags.size());
  size_t at = 0;
  for (const auto* flags : {&command.flags, &common_flags}) {
    for (const Flag& flag : *flags) AddFlag(app, flag, has_positional, given[at++]);
  }
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::Error& error) {
    return UserError(absl::StrCat("regroup ", command.name), error.what());
  }
  if (help) return absl::OkStatus();
  std::vector<std::string> rest = app.remaining();
  const auto mark = std::find(rest.begin(), rest.end(), "--");  // only positionals behind it
  if (mark != rest.end()) rest.erase(mark);
  if (!rest.empty()) return UnknownArgument(command, common_flags, rest);
  for (const Given& one : given) REGROUP_RETURN_IF_ERROR(Apply(command, one));
  return CheckCommon(command, common);
}

}  // namespace

absl::StatusOr<Invocation> ParseArguments(std::vector<Command>& commands,
                                          const std::vector<std::string>& arguments) {
  Invocation result;
  if (arguments.empty()) return UnknownCommand(commands, "", "");
  const bool help_word = arguments[0] == "help";
  if (help_word && arguments.size() > 1) {
    std::vector<std::string> asked(arguments.begin() + 1, arguments.end());
    asked.push_back("--help");
    return ParseArguments(commands, asked);
  }
  if (arguments[0] == "--help" || arguments[0] == "-h" || help_word) {
    result.help = Overview(commands);
    return result;
  }
  if (arguments[0] == "--version") {
    const std::string form = arguments.size() > 1 ? arguments[1] : "";
    if (arguments.size() > 2 || (!form.empty() && form != "--json"))
      return UserError("regroup --version", "takes --json and nothing else");
    result.help = form.empty() ? VersionText() : DumpJson(VersionJson()) + "\n";
    return result;
  }
  std::string name = arguments[0];
  size_t used = 1;
  if (IsGroup(commands, name)) {
    const std::string second = arguments.size() > 1 ? arguments[1] : "";
    if (second == "--help" || second == "-h") {
      result.help = GroupHelp(commands, name);
      return result;
    }
    if (FindCommand(commands, absl::StrCat(name, " ", second)) == nullptr)
      return UnknownCommand(commands, second, name);
    name = absl::StrCat(name, " ", second);
    used = 2;
  }
  const Command* command = FindCommand(commands, name);
  if (command == nullptr) return UnknownCommand(commands, name, "");
  bool help = false;
  const std::vector<std::string> rest(arguments.begin() + static_cast<std::ptrdiff_t>(used),
                                      arguments.end());
  REGROUP_RETURN_IF_ERROR(ParseFlags(*command, rest, result.common, help));
  if (help) {
    result.help = CommandHelp(*command);
  } else {
    result.command = command;
  }
  return result;
}

}  // namespace regroup
