// Fields that data sets commonly have, and a split by hash.
#include "pipeline/own_rows.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "data/template.h"
#include "formats/lines.h"

namespace regroup {
namespace {

constexpr int64_t kMostDev = 500, kMostTest = 1000;

// Fields of public data sets; the first row of the table that fits is taken.
struct Pattern {
  std::vector<const char*> sources, targets;
  const char* prompt;
  const char* metric;
};

const std::vector<Pattern>& Patterns() {
  static const auto& patterns = *new std::vector<Pattern>{
      {{"input"}, {"target", "targets", "output"}, "", "rouge"},
      {{"context"}, {"answers", "answer"}, "question: {question} context: ", "squad"},
      {{"question"}, {"answers", "answer"}, "question: ", "squad"},
      {{"article", "document", "description", "dialogue", "body", "content", "text"},
       {"highlights", "summary", "abstract", "synopsis", "headline", "title"},
       "summarize: ",
       "rouge"},
      {{"source", "src", "en"},
       {"target", "tgt", "trg", "de", "fr", "ro", "es"},
       "translate: ",
       "bleu"},
      {{"sentence", "text"}, {"label", "category"}, "classify: ", "accuracy"}};
  return patterns;
}

std::string FirstOf(const std::vector<const char*>& names, const Json& row) {
  for (const char* name : names) {
    if (row.contains(name)) return name;
  }
  return "";
}

std::vector<std::string> Keys(const Json& row) {
  std::vector<std::string> keys;
  for (const auto& item : row.items()) keys.push_back(item.key());
  return keys;
}

// The field with the longest text: what a language model would learn from.
std::string LongestText(const Json& row) {
  std::string longest;
  size_t length = 0;
  for (const auto& item : row.items()) {
    if (!item.value().is_string() || item.value().get<std::string>().size() <= length) continue;
    length = item.value().get<std::string>().size();
    longest = item.key();
  }
  return longest;
}

OwnTask Recognized(const Json& row) {
  OwnTask task;
  for (const Pattern& pattern : Patterns()) {
    const std::string source = FirstOf(pattern.sources, row),
                      target = FirstOf(pattern.targets, row);
    const bool asks = std::string_view(pattern.prompt).find("{question}") != std::string_view::npos;
    if (source.empty() || target.empty() || (asks && !row.contains("question"))) continue;
    task.input = absl::StrCat(pattern.prompt, "{", source, "}");
    task.target = absl::StrCat("{", target, "}");
    task.metric = pattern.metric;
    task.reason = absl::StrCat("guessed from the fields ", absl::StrJoin(Keys(row), ", "));
    return task;
  }
  return task;
}

absl::StatusOr<Json> ParseRow(const std::string& line, const std::string& place) {
  REGROUP_ASSIGN_OR_RETURN(Json row, ParseJson(line, place));
  if (row.is_object() && !row.empty()) return row;
  return UserError(place, "expected JSON lines: on every line one object with the fields of a row");
}

using UseRow =
    std::function<absl::Status(const std::string& line, const Json& row, const std::string& place)>;

absl::Status ForEachRow(const std::string& path, const UseRow& use) {
  REGROUP_ASSIGN_OR_RETURN(const auto lines, LineReader::Open(path));
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const auto line, lines->Next());
    if (!line.has_value()) return absl::OkStatus();
    if (line->find_first_not_of(" \t") == std::string::npos) continue;
    const std::string place = absl::StrCat(path, ":", lines->line_number());
    REGROUP_ASSIGN_OR_RETURN(const Json row, ParseRow(*line, place));
    REGROUP_RETURN_IF_ERROR(use(*line, row, place));
  }
}

absl::Status CheckFields(const Json& row, const std::vector<std::string>& fields,
                         const std::string& place) {
  for (const std::string& field : fields) {
    if (row.contains(field)) continue;
    return UserError(place, absl::StrCat("has no field \"", field, "\"",
                                         DidYouMean(field, Keys(row)), "; the task reads it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FieldsOf(const OwnTask& task) {
  std::vector<std::string> fields = {task.text};
  for (const auto& [flag, text] :
       {std::pair("--input", &task.input), std::pair("--target", &task.target)}) {
    if (text->empty()) continue;
    REGROUP_ASSIGN_OR_RETURN(const Template parsed, Template::Parse(*text, flag));
    for (const std::string& field : parsed.Fields()) fields.push_back(field);
  }
  return fields;
}

}  // namespace

absl::StatusOr<OwnTask> TaskOfFields(const Json& row, const std::string& place,
                                     const OwnTask& given) {
  OwnTask task = given;
  if (!given.HasTask()) {
    task = Recognized(row);
    if (!given.metric.empty()) task.metric = given.metric;
  } else {
    task.reason = "as given by --input and --target";
    if (task.metric.empty()) task.metric = "rouge";
  }
  task.text = LongestText(row);
  const bool only_text = row.contains("text") && row["text"].is_string();
  if (!task.HasTask() && only_text) {
    task.text = "text";
    task.reason = "rows of text alone: nothing to fine-tune on";
  } else if (!task.HasTask() || task.text.empty()) {
    return UserError(
        place,
        absl::StrCat("the fields ", absl::StrJoin(Keys(row), ", "),
                     " are of no task that is known; say how a row becomes source and target: "
                     "--input \"summarize: {FIELD}\" --target \"{FIELD}\""));
  }
  return task;
}

absl::StatusOr<OwnRows> LookAtOwnRows(const std::string& path, const OwnTask& given) {
  OwnRows rows;
  std::vector<std::string> fields;
  std::vector<std::string> hashes;  // of the lines, so that equal rows fall on the same side
  REGROUP_RETURN_IF_ERROR(ForEachRow(
      path,
      [&](const std::string& line, const Json& row, const std::string& place) -> absl::Status {
        hashes.push_back(HashBytes(line));
        if (hashes.size() == 1) {
          REGROUP_ASSIGN_OR_RETURN(rows.task, TaskOfFields(row, place, given));
          REGROUP_ASSIGN_OR_RETURN(fields, FieldsOf(rows.task));
        }
        return CheckFields(row, fields, place);
      }));
  const auto count = static_cast<int64_t>(hashes.size());
  if (count < kFewestOwnRows) {
    return UserError(path,
                     absl::StrCat("holds ", count, " rows, expected at least ", kFewestOwnRows,
                                  ": some are kept apart to choose and to test"));
  }
  rows.dev = std::min(kMostDev, std::max<int64_t>(1, count / 20));
  rows.test = std::min(kMostTest, std::max<int64_t>(1, count / 20));
  rows.train = count - rows.dev - rows.test;
  std::sort(hashes.begin(), hashes.end());
  rows.last_dev = hashes[static_cast<size_t>(rows.dev - 1)];
  rows.last_test = hashes[static_cast<size_t>(rows.dev + rows.test - 1)];
  return rows;
}

absl::Status SplitOwnRows(const std::string& path, const OwnRows& rows, const std::string& folder) {
  std::array<std::ofstream, 3> files;
  const std::array<const char*, 3> names = {"dev.jsonl", "test.jsonl", "train.jsonl"};
  for (size_t i = 0; i < files.size(); ++i)
    files[i].open(JoinPath(folder, names[i]), std::ios::binary);
  REGROUP_RETURN_IF_ERROR(
      ForEachRow(path, [&](const std::string& line, const Json&, const std::string&) {
        const std::string hash = HashBytes(line);
        files[hash <= rows.last_dev ? 0 : hash <= rows.last_test ? 1 : 2] << line << '\n';
        return absl::OkStatus();
      }));
  for (size_t i = 0; i < files.size(); ++i) {
    if (!files[i].flush())
      return RunError(JoinPath(folder, names[i]), "cannot be written; is the disk full?");
  }
  return absl::OkStatus();
}

}  // namespace regroup
