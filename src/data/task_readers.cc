// jsonl, json, tsv, parallel and squad.
#include "data/task_readers.h"

#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/files.h"
#include "data/trivia_qa.h"
#include "formats/lines.h"

namespace regroup {
namespace {

std::string Place(const LineReader& lines) {
  return absl::StrCat(lines.path(), ":", lines.line_number());
}

absl::Status ReadJsonLines(const std::string& path, const UseFields& use) {
  REGROUP_ASSIGN_OR_RETURN(const auto lines, LineReader::Open(path));
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const auto line, lines->Next());
    if (!line.has_value()) return absl::OkStatus();
    REGROUP_ASSIGN_OR_RETURN(const Json row, ParseJson(*line, Place(*lines)));
    if (!row.is_object()) return UserError(Place(*lines), "expected a JSON object");
    REGROUP_RETURN_IF_ERROR(use(row, Place(*lines)));
  }
}

absl::Status ReadJsonList(const std::string& path, const UseFields& use) {
  REGROUP_ASSIGN_OR_RETURN(const Json file, ReadJsonFile(path));
  if (!file.is_array()) {
    return UserError(path, absl::StrCat("is of type ", file.type_name(), ", expected a list of ",
                                        "objects (the reader jsonl takes an object per line)"));
  }
  for (size_t i = 0; i < file.size(); ++i) {
    const std::string place = absl::StrCat(path, ": row ", i);
    if (!file[i].is_object()) return UserError(place, "expected a JSON object");
    REGROUP_RETURN_IF_ERROR(use(file[i], place));
  }
  return absl::OkStatus();
}

absl::Status CheckTsvHeader(const std::vector<std::string>& names, const std::string& place) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (name.empty())
      return UserError(place, "the first line must name every column; one is empty");
    if (!seen.insert(name).second) {
      return UserError(place, absl::StrCat("two columns are named \"", name, "\""));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadTsv(const std::string& path, const UseFields& use) {
  REGROUP_ASSIGN_OR_RETURN(const auto lines, LineReader::Open(path));
  REGROUP_ASSIGN_OR_RETURN(const auto header, lines->Next());
  if (!header.has_value()) return UserError(path, "is empty; the first line must name the columns");
  REGROUP_RETURN_IF_ERROR(CheckUtf8(*header, Place(*lines)));
  const std::vector<std::string> names = absl::StrSplit(*header, '\t');
  REGROUP_RETURN_IF_ERROR(CheckTsvHeader(names, Place(*lines)));
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const auto line, lines->Next());
    if (!line.has_value()) return absl::OkStatus();
    REGROUP_RETURN_IF_ERROR(CheckUtf8(*line, Place(*lines)));
    const std::vector<std::string> values = absl::StrSplit(*line, '\t');
    if (values.size() != names.size()) {
      return UserError(Place(*lines),
                       absl::StrCat("has ", values.size(), " columns, the first line ", "names ",
                                    names.size(), ": ", absl::StrJoin(names, ", ")));
    }
    Json row = Json::object();
    for (size_t i = 0; i < names.size(); ++i) row[names[i]] = values[i];
    REGROUP_RETURN_IF_ERROR(use(row, Place(*lines)));
  }
}

absl::Status ReadParallel(const std::string& path, const UseFields& use) {
  const std::vector<std::string> paths = absl::StrSplit(path, ',');
  if (paths.size() != 2) {
    return UserError(path, "the reader parallel takes two files with a comma between: a.en,a.de");
  }
  REGROUP_ASSIGN_OR_RETURN(const auto sources, LineReader::Open(paths[0]));
  REGROUP_ASSIGN_OR_RETURN(const auto targets, LineReader::Open(paths[1]));
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const auto source, sources->Next());
    REGROUP_ASSIGN_OR_RETURN(const auto target, targets->Next());
    if (source.has_value() != target.has_value()) {
      const LineReader& shorter = source.has_value() ? *targets : *sources;
      const LineReader& longer = source.has_value() ? *sources : *targets;
      return UserError(shorter.path(),
                       absl::StrCat("ends after line ", shorter.line_number(), ", ", longer.path(),
                                    " goes on: the two must be line "
                                    "by line translations"));
    }
    if (!source.has_value()) return absl::OkStatus();
    REGROUP_RETURN_IF_ERROR(CheckUtf8(*source, Place(*sources)));
    REGROUP_RETURN_IF_ERROR(CheckUtf8(*target, Place(*targets)));
    REGROUP_RETURN_IF_ERROR(use(Json{{"source", *source}, {"target", *target}}, Place(*sources)));
  }
}

constexpr char kSquad[] = "SQuAD v1.1 JSON";

absl::Status UseQuestion(const Json& qa, const std::string& title, const std::string& context,
                         const std::string& paragraph_place, const UseFields& use) {
  using Type = Json::value_t;
  REGROUP_ASSIGN_OR_RETURN(const Json* id, Member(qa, "id", Type::string, paragraph_place, kSquad));
  const std::string place = absl::StrCat(paragraph_place, ": ", id->get<std::string>());
  REGROUP_ASSIGN_OR_RETURN(const Json* question,
                           Member(qa, "question", Type::string, place, kSquad));
  REGROUP_ASSIGN_OR_RETURN(const Json* answers, Member(qa, "answers", Type::array, place, kSquad));
  Json texts = Json::array();
  for (const Json& answer : *answers) {
    REGROUP_ASSIGN_OR_RETURN(const Json* text, Member(answer, "text", Type::string, place, kSquad));
    texts.push_back(*text);
  }
  return use(Json{{"id", *id},
                  {"title", title},
                  {"question", *question},
                  {"context", context},
                  {"answers", std::move(texts)}},
             place);
}

absl::Status UseArticle(const Json& article, const std::string& path, const UseFields& use) {
  using Type = Json::value_t;
  REGROUP_ASSIGN_OR_RETURN(const Json* paragraphs,
                           Member(article, "paragraphs", Type::array, path, kSquad));
  const Json title = article.value("title", Json());
  for (const Json& paragraph : *paragraphs) {
    REGROUP_ASSIGN_OR_RETURN(const Json* context,
                             Member(paragraph, "context", Type::string, path, kSquad));
    REGROUP_ASSIGN_OR_RETURN(const Json* questions,
                             Member(paragraph, "qas", Type::array, path, kSquad));
    for (const Json& qa : *questions) {
      REGROUP_RETURN_IF_ERROR(UseQuestion(qa, title.is_string() ? title.get<std::string>() : "",
                                          context->get<std::string>(), path, use));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadSquad(const std::string& path, const UseFields& use) {
  REGROUP_ASSIGN_OR_RETURN(const Json file, ReadJsonFile(path));
  REGROUP_ASSIGN_OR_RETURN(const Json* articles,
                           Member(file, "data", Json::value_t::array, path, kSquad));
  for (const Json& article : *articles) {
    REGROUP_RETURN_IF_ERROR(UseArticle(article, path, use));
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<std::string>& TaskReaders() {
  static const auto* names =
      new std::vector<std::string>{"jsonl", "json", "tsv", "parallel", "squad", "trivia_qa"};
  return *names;
}

absl::StatusOr<const Json*> Member(const Json& object, const char* key, Json::value_t type,
                                   const std::string& place, const char* expected) {
  if (!object.is_object())
    return UserError(place,
                     absl::StrCat("expected an object with \"", key, "\", as in ", expected));
  const auto found = object.find(key);
  if (found != object.end() && found->type() == type) return &*found;
  return UserError(place, absl::StrCat("\"", key, "\" is missing or no ", Json(type).type_name(),
                                       "; expected ", expected));
}

absl::Status ReadTaskFields(const TextTaskConfig& task, const std::string& path, RowUse purpose,
                            const UseFields& use) {
  if (task.reader == "jsonl") return ReadJsonLines(path, use);
  if (task.reader == "json") return ReadJsonList(path, use);
  if (task.reader == "tsv") return ReadTsv(path, use);
  if (task.reader == "parallel") return ReadParallel(path, use);
  if (task.reader == "squad") return ReadSquad(path, use);
  if (task.reader == "trivia_qa") return ReadTriviaQa(path, task.evidence, purpose, use);
  return UserError(absl::StrCat("reader \"", task.reader, "\""),
                   absl::StrCat("is unknown", DidYouMean(task.reader, TaskReaders()),
                                "; known: ", absl::StrJoin(TaskReaders(), ", ")));
}

}  // namespace regroup
