// Pages of at most 100 columns from the commands' own fields.
#include "cli/help.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"

namespace regroup {
namespace {

constexpr size_t kColumns = 98, kHelpColumn = 30, kNameColumn = 14;

struct Chapter {
  const char* title;
  std::vector<std::string> names;  // commands and groups, in order
};

// The way of someone who begins. A command that stands nowhere here is shown under the last title.
const std::vector<Chapter>& Chapters() {
  static const auto* chapters = new std::vector<Chapter>{
      {"First", {"doctor", "inspect", "recipes", "completion"}},
      {"The line, from a recipe", {"plan", "run", "watch", "report", "replay"}},
      {"The pieces, one by one",
       {"convert", "calibrate", "export", "score", "generate", "evaluate", "metrics", "bench",
        "tokenize"}}};
  return *chapters;
}

std::string HeadWord(const Command& command) {
  const auto [group, name] = SplitName(command.name);
  return group.empty() ? name : group;
}

// Whether the values that a flag may have stand beside its name, or behind its help.
bool ValuesFit(const Flag& flag) {
  const std::string values = absl::StrJoin(flag.field.one_of, "|");
  return !values.empty() && DisplayName(flag).size() + values.size() + 5 <= kHelpColumn;
}

// "--precision fp32|bf16", "--from PATH", "--set TEXT...".
std::string Usage(const Flag& flag) {
  if (flag.positional) return DisplayName(flag);
  if (flag.is_switch) return DisplayName(flag);
  const std::string values = absl::StrJoin(flag.field.one_of, "|");
  return absl::StrCat(DisplayName(flag), " ", ValuesFit(flag) ? values : flag.value_name,
                      flag.is_list ? "..." : "");
}

std::string FlagLines(const Flag& flag) {
  std::string help = flag.field.help;
  const std::string values = absl::StrJoin(flag.field.one_of, ", ");
  if (!values.empty() && !ValuesFit(flag)) absl::StrAppend(&help, " (", values, ")");
  if (!flag.default_text.empty()) absl::StrAppend(&help, " (default ", flag.default_text, ")");
  std::string left = "  " + Usage(flag);
  left.resize(std::max(left.size() + 2, kHelpColumn), ' ');
  std::string text;
  for (const std::string& line : WrapWords(help, kColumns - kHelpColumn)) {
    absl::StrAppend(&text, text.empty() ? left : std::string(kHelpColumn, ' '), line, "\n");
  }
  return text;
}

// `title` and the flags that `belongs` picks; nothing where there are none.
template <class Belongs>
std::string Section(const char* title, const std::vector<Flag>& flags, const Belongs& belongs) {
  std::string text;
  for (const Flag& flag : flags) {
    if (belongs(flag)) text += FlagLines(flag);
  }
  return text.empty() ? "" : absl::StrCat(title, "\n", text);
}

std::string ChapterText(const Chapter& chapter, const std::vector<Command>& commands) {
  std::string text;
  for (const std::string& name : chapter.names) {
    const auto found = std::find_if(commands.begin(), commands.end(), [&](const Command& command) {
      return !command.hidden && HeadWord(command) == name;
    });
    if (found == commands.end()) continue;
    std::string left = "  " + name;
    left.resize(kNameColumn, ' ');
    absl::StrAppend(&text, left,
                    SplitName(found->name).first.empty() ? found->summary : GroupSummary(name),
                    "\n");
  }
  return text.empty() ? "" : absl::StrCat("\n", chapter.title, "\n", text);
}

// The chapters with every command in one of them.
std::vector<Chapter> WholeChapters(const std::vector<Command>& commands) {
  std::vector<Chapter> chapters = Chapters();
  for (const Command& command : commands) {
    const std::string word = HeadWord(command);
    const bool placed = std::any_of(chapters.begin(), chapters.end(), [&](const Chapter& chapter) {
      return std::find(chapter.names.begin(), chapter.names.end(), word) != chapter.names.end();
    });
    if (!placed) chapters.back().names.push_back(word);
  }
  return chapters;
}

}  // namespace

std::vector<std::string> WrapWords(const std::string& text, size_t width) {
  std::vector<std::string> lines = {""};
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width)
      lines.emplace_back();
    absl::StrAppend(&lines.back(), lines.back().empty() ? "" : " ", word);
  }
  return lines;
}

std::string CommandHelp(const Command& command) {
  std::string text = absl::StrCat("regroup ", command.name, ": ", command.summary, "\n\n");
  for (const std::string& example : command.examples) absl::StrAppend(&text, "  ", example, "\n");
  text += "\n";
  text += Section("Arguments", command.flags, [](const Flag& flag) { return flag.positional; });
  text += Section("Required", command.flags,
                  [](const Flag& flag) { return !flag.positional && flag.field.required; });
  text += Section("Options", command.flags,
                  [](const Flag& flag) { return !flag.positional && !flag.field.required; });
  CommonOptions common;
  return text + Section("Common options", CommonFlags(common),
                        [&](const Flag& flag) { return ShowsCommon(command, flag.field.name); });
}

std::string GroupHelp(const std::vector<Command>& commands, const std::string& group) {
  std::string text;
  for (const Command& command : commands) {
    if (SplitName(command.name).first == group)
      absl::StrAppend(&text, text.empty() ? "" : "\n", CommandHelp(command));
  }
  return text;
}

std::string Overview(const std::vector<Command>& commands) {
  std::string text =
      "regroup turns a trained multi-head T5 into a grouped-query T5.\n\n"
      "  regroup run recipes/quickstart.yaml\n"
      "  regroup inspect t5-base\n"
      "  regroup convert --from t5-base --to t5-base-gqa --kv-heads 4\n";
  for (const Chapter& chapter : WholeChapters(commands)) text += ChapterText(chapter, commands);
  return absl::StrCat(text,
                      "\nregroup COMMAND --help or regroup help COMMAND says more.\n"
                      "regroup --version names versions and instruction sets.\nExit codes: 0 done; "
                      "1 failed while running; 2 the usage, a "
                      "recipe or an input is "
                      "at fault;\n128 + signal after a signal, once the state was saved.\n");
}

}  // namespace regroup
