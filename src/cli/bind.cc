// CLI11 splits the arguments; names, limits and messages come from the commands' own fields.
#include "cli/bind.h"

#include <CLI/CLI.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/commands.h"
#include "cli/version.h"

namespace regroup {
namespace {

std::string FlagName(const Field& field) { return absl::StrReplaceAll(field.name, {{"_", "-"}}); }

std::vector<Flag> CommonFlags(CommonOptions& common) {
  FlagCollector collector({});
  CommonOptions::Visit(common, collector);
  return collector.Take();
}

// "decode" in "bench decode" -> group "bench".
std::pair<std::string, std::string> SplitName(const std::string& name) {
  const size_t space = name.find(' ');
  if (space == std::string::npos) return {"", name};
  return {name.substr(0, space), name.substr(space + 1)};
}

// What stood on the command line; set into the options after parsing, so that errors are ours.
struct Given {
  const Flag* flag = nullptr;
  std::vector<std::string> values;  // of a list
  std::string value;                // of any other flag with a value
  const CLI::Option* option = nullptr;
};

std::string DisplayName(const Flag& flag) {
  return flag.positional ? flag.field.name : absl::StrCat("--", FlagName(flag.field));
}

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

absl::Status Apply(const Given& given) {
  const Flag& flag = *given.flag;
  const std::string name = DisplayName(flag);
  if (given.option->count() == 0) {
    if (!flag.field.required) return absl::OkStatus();
    return UserError(name, absl::StrCat("is missing (", flag.field.help, ")"));
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
                     absl::StrCat("found \"", device, "\", expected auto, cpu, cuda or cuda:N"));
  }
  if (!on_cpu && command.computes != Computes::kAnywhere) {
    return UserError("--device", absl::StrCat(name, " computes on the CPU; leave --device out"));
  }
  if (!common.precision.empty() && command.computes == Computes::kNothing) {
    return UserError("--precision", absl::StrCat("has no effect on ", name, "; leave it out"));
  }
  return absl::OkStatus();
}

bool ShowsCommon(const Command& command, const std::string& name) {
  if (name == "device") return command.computes == Computes::kAnywhere;
  if (name == "precision") return command.computes != Computes::kNothing;
  return true;
}

absl::Status UnknownArgument(const Command& command, const std::vector<Flag>& common,
                             const std::vector<std::string>& rest) {
  std::vector<std::string> known;
  for (const auto* flags : {&command.flags, &common}) {
    for (const Flag& flag : *flags) {
      if (!flag.positional) known.push_back(absl::StrCat("--", FlagName(flag.field)));
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
      word.empty() ? "a command is missing"
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

std::string GroupHelp(const std::vector<Command>& commands, const std::string& group) {
  std::string text;
  for (const Command& command : commands) {
    if (SplitName(command.name).first == group) absl::StrAppend(&text, CommandHelp(command), "\n");
  }
  return text;
}

std::string FlagLine(const Flag& flag) {
  std::string left = flag.positional ? absl::StrCat("  ", flag.field.name)
                                     : absl::StrCat("  --", FlagName(flag.field));
  if (!flag.is_switch && !flag.positional)
    absl::StrAppend(&left, flag.is_list ? " VALUE..." : " VALUE");
  left.resize(std::max<size_t>(left.size() + 2, 30), ' ');
  absl::StrAppend(&left, flag.field.help);
  if (!flag.field.one_of.empty())
    absl::StrAppend(&left, " (", absl::StrJoin(flag.field.one_of, ", "), ")");
  if (flag.field.required) absl::StrAppend(&left, " (required)");
  if (!flag.default_text.empty()) absl::StrAppend(&left, " (default ", flag.default_text, ")");
  return left + "\n";
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
  for (const Given& one : given) REGROUP_RETURN_IF_ERROR(Apply(one));
  return CheckCommon(command, common);
}

}  // namespace

std::string CommandHelp(const Command& command) {
  std::string text = absl::StrCat("regroup ", command.name, ": ", command.summary, "\n\n");
  for (const std::string& example : command.examples) absl::StrAppend(&text, "  ", example, "\n");
  absl::StrAppend(&text, "\nOptions\n");
  for (const Flag& flag : command.flags) text += FlagLine(flag);
  CommonOptions common;
  absl::StrAppend(&text, "Common options\n");
  for (const Flag& flag : CommonFlags(common)) {
    if (ShowsCommon(command, flag.field.name)) text += FlagLine(flag);
  }
  return text;
}

std::string Overview(const std::vector<Command>& commands) {
  std::string text =
      "regroup turns a trained multi-head T5 into a grouped-query T5.\n\n"
      "  regroup run recipes/quickstart.yaml\n"
      "  regroup convert --from t5-base --to t5-base-gqa --kv-heads 4\n\nCommands\n";
  std::set<std::string> groups;
  for (const Command& command : commands) {
    const auto [group, name] = SplitName(command.name);
    if (command.hidden || (!group.empty() && !groups.insert(group).second)) continue;
    std::string left = absl::StrCat("  ", group.empty() ? name : group);
    left.resize(14, ' ');
    absl::StrAppend(&text, left, group.empty() ? command.summary : GroupSummary(group), "\n");
  }
  return absl::StrCat(text,
                      "\nregroup COMMAND --help says more; regroup --version names versions and "
                      "instruction sets.\n");
}

absl::StatusOr<Invocation> ParseArguments(std::vector<Command>& commands,
                                          const std::vector<std::string>& arguments) {
  Invocation result;
  if (arguments.empty()) return UnknownCommand(commands, "", "");
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
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
