// One list of what can stand where, written in the language of each shell.
#include "cli/completion.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/commands.h"
#include "cli/shipped.h"

namespace regroup {
namespace {

// What may stand behind an option, or as a command's argument.
struct Slot {
  std::string option;  // "--from"; "" for arguments
  std::string help;
  std::vector<std::string> choices;  // words
  bool paths = false;                // also files and folders
  bool takes_value = true;
};

struct Page {
  std::string command;  // "bench decode"
  std::string summary;
  std::vector<Slot> slots;
};

Slot SlotOf(const Command& command, const Flag& flag) {
  Slot slot;
  slot.option = flag.positional ? "" : DisplayName(flag);
  slot.help = flag.field.help;
  slot.choices = flag.field.one_of;
  slot.paths = flag.field.is_path;
  slot.takes_value = !flag.is_switch;
  if (flag.field.name == "task") {
    slot.choices = ShippedNames("configs/task");
    slot.paths = true;
  }
  const bool recipe = command.name == "recipes show" || command.name == "recipes copy";
  if (recipe && flag.positional) {
    slot.choices = ShippedNames("recipes");
    if (command.name == "recipes copy") slot.choices.push_back("uptrain-mine");
  }
  return slot;
}

std::vector<Page> Pages(const std::vector<Command>& commands) {
  std::vector<Page> pages;
  CommonOptions common;
  for (const Command& command : commands) {
    if (command.hidden) continue;
    Page page{command.name, command.summary, {}};
    for (const Flag& flag : command.flags) page.slots.push_back(SlotOf(command, flag));
    for (const Flag& flag : CommonFlags(common)) {
      if (ShowsCommon(command, flag.field.name)) page.slots.push_back(SlotOf(command, flag));
    }
    page.slots.push_back({"--help", "examples and options", {}, false, false});
    pages.push_back(std::move(page));
  }
  return pages;
}

// Words of the first place, each with its summary; of the second place for each group.
struct Words {
  std::vector<std::pair<std::string, std::string>> first;
  std::map<std::string, std::vector<std::string>> second;
};

Words WordsOf(const std::vector<Page>& pages) {
  Words words;
  for (const Page& page : pages) {
    const auto [group, name] = SplitName(page.command);
    if (group.empty()) {
      words.first.emplace_back(name, page.summary);
      continue;
    }
    if (!words.second.contains(group)) words.first.emplace_back(group, GroupSummary(group));
    words.second[group].push_back(name);
  }
  words.first.emplace_back("help", "examples and options of a command");
  return words;
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string FirstWords(const Words& words) {
  std::vector<std::string> names;
  for (const auto& [name, summary] : words.first) names.push_back(name);
  return absl::StrJoin(names, " ");
}

std::string Options(const Page& page) {
  std::vector<std::string> options;
  for (const Slot& slot : page.slots) {
    if (!slot.option.empty()) options.push_back(slot.option);
  }
  return absl::StrJoin(options, " ");
}

// bash and zsh share the shape: which words are offered is decided by two case statements over the
// command and the word before. `offer` writes the call that offers words, paths or both.
using Offer = std::string (*)(const std::vector<std::string>& choices, bool paths);

std::string CaseStatements(const std::vector<Page>& pages, const Offer offer) {
  std::string values, options, arguments;
  for (const Page& page : pages) {
    absl::StrAppend(&options, "      ", Quoted(page.command), ") ", offer({Options(page)}, false),
                    " ;;\n");
    for (const Slot& slot : page.slots) {
      const std::string place = Quoted(absl::StrCat(page.command, " ", slot.option));
      if (slot.option.empty())
        absl::StrAppend(&arguments, "    ", Quoted(page.command), ") ",
                        offer(slot.choices, slot.paths), " ;;\n");
      else if (slot.takes_value)
        absl::StrAppend(&values, "    ", place, ") ", offer(slot.choices, slot.paths),
                        "; return ;;\n");
    }
  }
  return absl::StrCat("  case \"$command $previous\" in\n", values, "  esac\n",
                      "  if [[ \"$current\" == -* ]]; then\n    case \"$command\" in\n", options,
                      "    esac\n    return\n  fi\n  case \"$command\" in\n", arguments,
                      "  esac\n");
}

std::string BashOffer(const std::vector<std::string>& choices, bool paths) {
  return absl::StrCat("_regroup_offer ", paths ? "paths " : "words ",
                      Quoted(absl::StrJoin(choices, " ")));
}

std::string Groups(const Words& words, const Offer offer) {
  std::string text;
  for (const auto& [group, names] : words.second) {
    absl::StrAppend(&text, "    ", group, ") if (( place == 2 )); then ", offer(names, false),
                    "; return; fi; command=\"$command $word\" ;;\n");
  }
  return text;
}

std::string Bash(const std::vector<Page>& pages, const Words& words) {
  return absl::StrCat(
      "# Completion of regroup for bash: source <(regroup completion bash)\n"
      "_regroup_offer() {\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$2\" -- \"$current\"\n"
      "    if [[ $1 == paths ]]; then compgen -f -- \"$current\"; fi)\n"
      "}\n\n"
      "_regroup() {\n"
      "  local place=$COMP_CWORD current=${COMP_WORDS[COMP_CWORD]}\n"
      "  local previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} "
      "word=${COMP_WORDS[2]}\n"
      "  COMPREPLY=()\n"
      "  if [[ $current == = ]]; then current=; fi\n"
      "  if [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
      "  if (( place == 1 )); then _regroup_offer words ",
      Quoted(FirstWords(words)), "; return; fi\n  case \"$command\" in\n",
      "    help) _regroup_offer words ", Quoted(FirstWords(words)), "; return ;;\n",
      Groups(words, BashOffer), "  esac\n", CaseStatements(pages, BashOffer),
      "}\ncomplete -o filenames -F _regroup regroup\n");
}

std::string ZshOffer(const std::vector<std::string>& choices, bool paths) {
  const std::string words =
      choices.empty() ? "" : absl::StrCat("compadd -- ", absl::StrJoin(choices, " "));
  if (!paths) return words.empty() ? "true" : words;
  return words.empty() ? "_files" : absl::StrCat(words, "; _files");
}

std::string Zsh(const std::vector<Page>& pages, const Words& words) {
  std::string first;
  for (const auto& [name, summary] : words.first)
    absl::StrAppend(&first, "    ",
                    Quoted(absl::StrCat(name, ":", absl::StrReplaceAll(summary, {{":", "\\:"}}))),
                    "\n");
  return absl::StrCat(
      "#compdef regroup\n# Completion of regroup for zsh: source <(regroup completion zsh)\n"
      "_regroup() {\n"
      "  local place=$(( CURRENT - 1 )) current=${words[CURRENT]} previous=${words[CURRENT-1]}\n"
      "  local command=${words[2]} word=${words[3]}\n"
      "  local -a first=(\n",
      first,
      "  )\n  if (( place == 1 )); then _describe command first; return; fi\n"
      "  case \"$command\" in\n    help) _describe command first; return ;;\n",
      Groups(words, ZshOffer), "  esac\n", CaseStatements(pages, ZshOffer),
      "}\ncompdef _regroup regroup\n");
}

std::string FishQuoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// Inside the command: its words have been typed.
std::string FishCondition(const std::string& command) {
  const auto [group, name] = SplitName(command);
  const std::string seen = "__fish_seen_subcommand_from ";
  return Quoted(group.empty() ? seen + name : absl::StrCat(seen, group, "; and ", seen, name));
}

std::string FishSlot(const Page& page, const Slot& slot) {
  std::string line = absl::StrCat("complete -c regroup -n ", FishCondition(page.command));
  if (!slot.option.empty()) absl::StrAppend(&line, " -l ", slot.option.substr(2));
  if (!slot.option.empty() && slot.takes_value)
    absl::StrAppend(&line, slot.paths ? " -r -F" : " -x");
  if (slot.option.empty()) absl::StrAppend(&line, slot.paths ? " -F" : " -f");
  if (!slot.choices.empty())
    absl::StrAppend(&line, " -a ", FishQuoted(absl::StrJoin(slot.choices, " ")));
  return absl::StrCat(line, " -d ", FishQuoted(slot.help), "\n");
}

std::string Fish(const std::vector<Page>& pages, const Words& words) {
  std::string text =
      "# Completion of regroup for fish: regroup completion fish | source\n"
      "complete -c regroup -f\n";
  for (const auto& [name, summary] : words.first)
    absl::StrAppend(&text, "complete -c regroup -n __fish_use_subcommand -a ", name, " -d ",
                    FishQuoted(summary), "\n");
  for (const auto& [group, names] : words.second)
    absl::StrAppend(&text, "complete -c regroup -n '__fish_seen_subcommand_from ", group,
                    "; and not __fish_seen_subcommand_from ", absl::StrJoin(names, " "), "' -a ",
                    FishQuoted(absl::StrJoin(names, " ")), "\n");
  for (const Page& page : pages) {
    for (const Slot& slot : page.slots) text += FishSlot(page, slot);
  }
  return text;
}

}  // namespace

const std::vector<std::string>& CompletionShells() {
  static const auto* shells = new std::vector<std::string>{"bash", "zsh", "fish"};
  return *shells;
}

std::string CompletionScript(const std::string& shell, const std::vector<Command>& commands) {
  const std::vector<Page> pages = Pages(commands);
  const Words words = WordsOf(pages);
  if (shell == "bash") return Bash(pages, words);
  return shell == "zsh" ? Zsh(pages, words) : Fish(pages, words);
}

}  // namespace regroup
