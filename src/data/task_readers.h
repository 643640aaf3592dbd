// Readers of task data: files of several formats as JSON objects of fields. ReadTaskRows uses them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// Calls `use(fields, place)` for each row of `path` in order; place is "file:line" or, for SQuAD,
// "file: question id". An error of `use` ends the reading and is returned.
//
//   jsonl     a JSON object per line
//   tsv       tab-separated, the first line names the fields, no quoting
//   parallel  `path` is "a.en,a.de": line by line the fields source and target
//   squad     SQuAD JSON: a row per question with id, title, question, context, answers (a list)
using UseFields = std::function<absl::Status(const Json& fields, const std::string& place)>;
absl::Status ReadTaskFields(const std::string& reader, const std::string& path,
                            const UseFields& use);

// Names that ReadTaskFields takes.
const std::vector<std::string>& TaskReaders();

}  // namespace regroup
