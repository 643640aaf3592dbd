// Words of the next command, quoted for the shell.
#include "cli/next_step.h"

#include <cerrno>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/files.h"
#include "core/log.h"

namespace regroup {
namespace {

constexpr char kHarmless[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-=,:@%+";

std::string ShellWord(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kHarmless) == std::string::npos) return word;
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

std::string NextAfterModel(const Json& found, const std::string& path) {
  if (!found["not_finite"].empty())
    return "take another checkpoint: this one holds NaN or infinity";
  const Json& heads = found["kv_heads"];
  const int64_t query_heads = found["config"]["num_heads"];
  const bool grouped = heads["decoder_self"][0] != query_heads || heads["cross"][0] != query_heads;
  if (grouped)
    return OwnCommand({"export", "--from", path, "--to", BaseName(path) + "-hf", "--expand-kv"});
  int64_t groups = query_heads;
  while (groups > 1 && (query_heads % groups != 0 || groups * 4 > query_heads)) --groups;
  return OwnCommand({"convert", "--from", path, "--to",
                     absl::StrCat(BaseName(path), "-gqa", groups), "--kv-heads",
                     absl::StrCat(groups)});
}

// The first stage that has not finished decides.
std::string NextAfterRun(const Json& found, const std::string& path) {
  for (const Json& stage : found["stages"]) {
    const std::string state = stage["state"];
    if (state == "running") return "it is running; inspect it again later";
    if (state != "finished")
      return OwnCommand({"run", found["recipe"].get<std::string>(), "--out", path});
  }
  for (const Json& stage : found["stages"]) {
    if (stage["kind"] == "compare") {
      const std::string name = stage["name"];
      return "read " + ShellWords({JoinPath(JoinPath(path, name), "table.txt")});
    }
  }
  return "";
}

std::string WithoutSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

std::string ProgramWord() {
  const char* given = std::getenv("REGROUP_COMMAND");
  return given != nullptr && *given != '\0' ? given : program_invocation_name;
}

std::string ShellWords(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words)
    absl::StrAppend(&line, line.empty() ? "" : " ", ShellWord(word));
  return line;
}

std::string OwnCommand(const std::vector<std::string>& words) {
  return absl::StrCat(ShellWords({ProgramWord()}), " ", ShellWords(words));
}

void SayNext(const CommonOptions& common, const std::string& step) {
  if (common.quiet || common.json || step.empty()) return;
  std::cout.flush();  // the result comes first where both go to one place
  LogInfo("next: " + step);
}

std::string NextAfterInspect(const Json& found) {
  const std::string kind = found["kind"], path = WithoutSlash(found["path"]);
  if (kind == "model" || kind == "training checkpoint") return NextAfterModel(found, path);
  if (kind == "run") return NextAfterRun(found, path);
  if (kind == "stage" && found["model"].is_string())
    return OwnCommand({"inspect", found["model"].get<std::string>()});
  if (kind == "recipe")
    return found["problems"].empty() ? OwnCommand({"plan", path})
                                     : "mend what is listed, then " + OwnCommand({"plan", path});
  if (kind == "tokenizer") return OwnCommand({"tokenize", "encode", "--tokenizer", path, "TEXT"});
  if (kind == "data" && found["unit"] == "characters")
    return OwnCommand({"inspect", path, "--model", "DIR"}) + " counts tokens";
  if (kind == "data" && found["keys"].contains("input"))
    return OwnCommand({"score", "--model", "DIR", "--data", path});
  if (kind == "task data") {
    const std::string task = found["task"];
    return OwnCommand({"evaluate", "--model", "DIR", "--task", task, "--data", path});
  }
  return "";
}

}  // namespace regroup
