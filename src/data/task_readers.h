// Readers of task data: files of several formats as JSON objects of fields. ReadTaskRows uses them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"
#include "data/data_config.h"

namespace regroup {

// Calls `use(fields, place)` for each row of `path` in order; place is "file:line" or, for files
// that are one JSON value, "file: question id" or "file: row n". An error of `use` ends the reading
// and is returned.
//
//   jsonl     a JSON object per line
//   json      a list of JSON objects
//   tsv       tab-separated, the first line names the fields, no quoting
//   parallel  `path` is "a.en,a.de": line by line the fields source and target
//   squad     SQuAD JSON: a row per question with id, title, question, context, answers (a list)
//   trivia_qa TriviaQA's JSON and evidence files, see trivia_qa.h
using UseFields = std::function<absl::Status(const Json& fields, const std::string& place)>;
absl::Status ReadTaskFields(const TextTaskConfig& task, const std::string& path, RowUse purpose,
                            const UseFields& use);

// Names that task.reader may have.
const std::vector<std::string>& TaskReaders();

// The member `key` of an object, of the wanted type, or a UserError that says what file was
// expected ("SQuAD v1.1 JSON"). The pointer is into `object`.
absl::StatusOr<const Json*> Member(const Json& object, const char* key, Json::value_t type,
                                   const std::string& place, const char* expected);

}  // namespace regroup
