// Readers of predictions and references: see metric_readers.h.
#include "metrics/metric_readers.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/json.h"
#include "metrics/unicode.h"

namespace regroup {
namespace {

FileKind KindOf(const std::string& path) {
  if (absl::EndsWith(path, ".jsonl")) return FileKind::kRows;
  return absl::EndsWith(path, ".json") ? FileKind::kJson : FileKind::kText;
}

// All rows are held in memory.
absl::Status CheckSize(const std::string& path) {
  constexpr uintmax_t kLargest = uintmax_t{1} << 30;
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error || bytes <= kLargest) return absl::OkStatus();
  return UserError(path, absl::StrCat("has ", bytes, " bytes, expected at most ", kLargest));
}

// Lines without their ends (LF or CR LF); a final line end starts no further line.
absl::StatusOr<std::vector<std::string>> ReadLines(const std::string& path) {
  if (FileExists(path)) REGROUP_RETURN_IF_ERROR(CheckSize(path));
  REGROUP_ASSIGN_OR_RETURN(const std::string content, ReadFile(path));
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    std::string line = content.substr(begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const size_t invalid = FirstInvalidUtf8(line);
    if (invalid != std::string::npos) {
      return UserError(LinePlace(path, lines.size()),
                       absl::StrCat("byte ", invalid + 1,
                                    " of the line is not valid UTF-8; convert the file to UTF-8"));
    }
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  if (lines.empty()) return UserError(path, "the file is empty; at least one line was expected");
  return lines;
}

// Parses every line of a .jsonl file as an object and hands it to `use` with its place.
template <typename Use>
absl::Status ForEachObject(const std::string& path, Use use) {
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> lines, ReadLines(path));
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string place = LinePlace(path, i);
    REGROUP_ASSIGN_OR_RETURN(const Json row, ParseJson(lines[i], place));
    if (!row.is_object())
      return UserError(place, absl::StrCat("found ", row.type_name(), ", expected an object"));
    REGROUP_RETURN_IF_ERROR(use(row, place));
  }
  return absl::OkStatus();
}

// The row's "id" as text; its number from 0 where it has none.
std::string RowId(const Json& row, size_t number) {
  const auto id = row.find("id");
  if (id == row.end() || id->is_null()) return absl::StrCat(number);
  return id->is_string() ? id->get<std::string>() : DumpJson(*id);
}

absl::StatusOr<Predictions> ReadPredictionRows(const std::string& path) {
  Predictions predictions{FileKind::kRows, path, {}, {}};
  REGROUP_RETURN_IF_ERROR(
      ForEachObject(path, [&](const Json& row, const std::string& place) -> absl::Status {
        const auto output = row.find("output");
        if (output == row.end() || !output->is_string()) {
          const std::string found = output == row.end()
                                        ? "no \"output\""
                                        : absl::StrCat("\"output\": ", output->type_name());
          return UserError(place,
                           absl::StrCat("found ", found,
                                        ", expected \"output\" with the predicted text; generate "
                                        "with a model folder that holds its tokenizer"));
        }
        predictions.ids.push_back(RowId(row, predictions.ids.size()));
        predictions.texts.push_back(output->get<std::string>());
        return absl::OkStatus();
      }));
  return predictions;
}

// The strings of a JSON list, which must be neither empty nor hold anything else.
absl::StatusOr<std::vector<std::string>> StringList(const Json& list, const std::string& place) {
  std::vector<std::string> strings;
  if (list.is_array()) {
    for (const Json& item : list) {
      if (item.is_string()) strings.push_back(item.get<std::string>());
    }
  }
  if (!list.is_array() || list.empty() || strings.size() != list.size()) {
    return UserError(place, "expected \"targets\" to be a list of at least one string");
  }
  return strings;
}

absl::StatusOr<std::vector<std::string>> TargetsOf(const Json& row, const std::string& place) {
  const auto target = row.find("target");
  const auto targets = row.find("targets");
  if (target != row.end() && targets != row.end()) {
    return UserError(place, "found both \"target\" and \"targets\", expected one of them");
  }
  if (targets != row.end()) return StringList(*targets, place);
  if (target != row.end() && target->is_string())
    return std::vector<std::string>{target->get<std::string>()};
  const std::string found = target == row.end() ? "neither \"target\" nor \"targets\""
                                                : absl::StrCat("\"target\": ", target->type_name());
  return UserError(place, absl::StrCat("found ", found,
                                       ", expected \"target\": text or \"targets\": [text, ...]"));
}

absl::StatusOr<References> ReadReferenceRows(const std::string& path) {
  References references{FileKind::kRows, path, {}, {}};
  REGROUP_RETURN_IF_ERROR(
      ForEachObject(path, [&](const Json& row, const std::string& place) -> absl::Status {
        REGROUP_ASSIGN_OR_RETURN(std::vector<std::string> targets, TargetsOf(row, place));
        references.ids.push_back(RowId(row, references.ids.size()));
        references.texts.push_back(std::move(targets));
        return absl::OkStatus();
      }));
  return references;
}

absl::StatusOr<Predictions> ReadPredictionMap(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(path));
  if (!json.is_object()) {
    return UserError(
        path, absl::StrCat("found ", json.type_name(), ", expected an object {question id: text}"));
  }
  Predictions predictions{FileKind::kJson, path, {}, {}};
  for (const auto& [id, text] : json.items()) {
    if (!text.is_string()) {
      return UserError(absl::StrCat(path, ": ", id),
                       absl::StrCat("found ", text.type_name(), ", expected the predicted text"));
    }
    predictions.ids.push_back(id);
    predictions.texts.push_back(text.get<std::string>());
  }
  return predictions;
}

// The list under `key` of a SQuAD object.
absl::StatusOr<const Json*> SquadList(const Json& object, const std::string& key,
                                      const std::string& place) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end() || !found->is_array()) {
    return UserError(place, absl::StrCat("expected an object with the list \"", key,
                                         "\" (SQuAD: data, paragraphs, qas, answers)"));
  }
  return &*found;
}

absl::Status AddQuestion(const Json& question, const std::string& place, References& references) {
  const auto id = question.is_object() ? question.find("id") : question.end();
  if (!question.is_object() || id == question.end() || !id->is_string()) {
    return UserError(place, "expected a question with a string \"id\"");
  }
  const std::string at = absl::StrCat(place, ": question ", id->get<std::string>());
  REGROUP_ASSIGN_OR_RETURN(const Json* answers, SquadList(question, "answers", at));
  std::vector<std::string> texts;
  for (const Json& answer : *answers) {
    const auto text = answer.is_object() ? answer.find("text") : answer.end();
    if (!answer.is_object() || text == answer.end() || !text->is_string()) {
      return UserError(at, "expected every answer to have a string \"text\"");
    }
    texts.push_back(text->get<std::string>());
  }
  if (texts.empty())
    return UserError(at, "has no answer; questions without one (SQuAD 2.0) cannot be scored");
  references.ids.push_back(id->get<std::string>());
  references.texts.push_back(std::move(texts));
  return absl::OkStatus();
}

absl::StatusOr<References> ReadSquad(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(path));
  References references{FileKind::kJson, path, {}, {}};
  REGROUP_ASSIGN_OR_RETURN(const Json* articles, SquadList(json, "data", path));
  for (size_t a = 0; a < articles->size(); ++a) {
    const std::string at_article = absl::StrCat(path, ": data[", a, "]");
    REGROUP_ASSIGN_OR_RETURN(const Json* paragraphs,
                             SquadList((*articles)[a], "paragraphs", at_article));
    for (size_t p = 0; p < paragraphs->size(); ++p) {
      const std::string at_paragraph = absl::StrCat(at_article, ".paragraphs[", p, "]");
      REGROUP_ASSIGN_OR_RETURN(const Json* questions,
                               SquadList((*paragraphs)[p], "qas", at_paragraph));
      for (const Json& question : *questions) {
        REGROUP_RETURN_IF_ERROR(AddQuestion(question, at_paragraph, references));
      }
    }
  }
  return references;
}

// One or more text files: line i of each is a reference of segment i.
absl::StatusOr<References> ReadTextReferences(const std::vector<std::string>& paths) {
  References references{FileKind::kText, paths.front(), {}, {}};
  for (const std::string& path : paths) {
    REGROUP_ASSIGN_OR_RETURN(std::vector<std::string> lines, ReadLines(path));
    if (references.texts.empty()) references.texts.resize(lines.size());
    if (lines.size() != references.texts.size()) {
      return UserError(path, absl::StrCat("found ", lines.size(), " lines, but ", paths.front(),
                                          " has ", references.texts.size(),
                                          "; every reference file needs a line per segment"));
    }
    for (size_t i = 0; i < lines.size(); ++i) references.texts[i].push_back(std::move(lines[i]));
  }
  return references;
}

}  // namespace

std::string LinePlace(const std::string& path, size_t index) {
  return absl::StrCat(path, ":", index + 1);
}

absl::StatusOr<References> ReadReferences(const std::vector<std::string>& paths) {
  if (paths.empty())
    return UserError("--references", "no file was given; at least one was expected");
  for (const std::string& path : paths) {
    if (paths.size() > 1 && KindOf(path) != FileKind::kText) {
      return UserError(
          path,
          "several reference files must all be text lines; put several references of a row under "
          "\"targets\"");
    }
  }
  switch (KindOf(paths.front())) {
    case FileKind::kRows:
      return ReadReferenceRows(paths.front());
    case FileKind::kJson:
      return ReadSquad(paths.front());
    case FileKind::kText:
      break;
  }
  return ReadTextReferences(paths);
}

absl::StatusOr<Predictions> ReadPredictions(const std::string& path) {
  switch (KindOf(path)) {
    case FileKind::kRows:
      return ReadPredictionRows(path);
    case FileKind::kJson:
      return ReadPredictionMap(path);
    case FileKind::kText:
      break;
  }
  REGROUP_ASSIGN_OR_RETURN(std::vector<std::string> lines, ReadLines(path));
  return Predictions{FileKind::kText, path, {}, std::move(lines)};
}

}  // namespace regroup
