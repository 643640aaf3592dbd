// Rows of a task (template, lengths) and the endless stream over them.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "data/rows.h"
#include "data/task_readers.h"
#include "data/template.h"

namespace regroup {
namespace {

// Ids of `text` with EOS, at most `length` of them; sets `cut` where the text was longer.
std::vector<int32_t> EncodeCut(const Tokenizer& tokenizer, const std::string& text, int64_t length,
                               bool* cut) {
  std::vector<int32_t> ids = tokenizer.Encode(text);
  *cut = static_cast<int64_t>(ids.size()) + 1 > length;
  if (*cut) ids.resize(static_cast<size_t>(length - 1));
  ids.push_back(kEosId);
  return ids;
}

std::string IdText(const Json& id) { return id.is_string() ? id.get<std::string>() : DumpJson(id); }

class TaskStream : public ExampleStream {
 public:
  TaskStream(std::vector<Row> rows, Json fingerprint, uint64_t seed)
      : rows_(std::move(rows)), fingerprint_(std::move(fingerprint)), seed_(seed) {
    REGROUP_CHECK(!rows_.empty());
  }

  absl::StatusOr<Example> Next() override {
    const uint64_t count = rows_.size();
    if (order_.empty() || position_ / count != epoch_) {
      epoch_ = position_ / count;
      CounterRng rng(seed_, RandomPurpose::kExampleOrder, epoch_);
      order_ = rng.Permutation(static_cast<int64_t>(count));
    }
    const int64_t row = order_[position_ % count];
    Example example = rows_[static_cast<size_t>(row)].example;
    example.position = position_++;
    return example;
  }

  uint64_t position() const override { return position_; }
  absl::Status Seek(uint64_t position, const Json&) override {
    position_ = position;
    return absl::OkStatus();
  }
  Json Hint() const override { return Json(); }
  Json Fingerprint() const override { return fingerprint_; }

 private:
  std::vector<Row> rows_;
  Json fingerprint_;
  uint64_t seed_;
  uint64_t position_ = 0;
  uint64_t epoch_ = 0;
  std::vector<int64_t> order_;  // of epoch_; empty before the first example
};

using UseText = std::function<void(const Json& fields, const std::string& source,
                                   std::vector<std::string> references)>;

// Fields of every row with its source and references as the task's templates make them. UserError
// for a row that does not fit and for a file without rows.
absl::Status ForEachTaskText(const TextTaskConfig& task, const std::string& path,
                             const UseText& use_text) {
  const std::string place = absl::StrCat("task ", task.name);
  REGROUP_ASSIGN_OR_RETURN(const Template input, Template::Parse(task.input, place + ": input"));
  REGROUP_ASSIGN_OR_RETURN(const Template target, Template::Parse(task.target, place + ": target"));
  bool any = false;
  const auto use = [&](const Json& fields, const std::string& row_place) -> absl::Status {
    REGROUP_ASSIGN_OR_RETURN(const auto inputs, input.Apply(fields, row_place));
    REGROUP_ASSIGN_OR_RETURN(auto references, target.Apply(fields, row_place));
    use_text(fields, inputs.front(), std::move(references));
    any = true;
    return absl::OkStatus();
  };
  REGROUP_RETURN_IF_ERROR(ReadTaskFields(task.reader, path, use));
  return any ? absl::OkStatus() : UserError(path, "holds no rows");
}

}  // namespace

absl::StatusOr<std::vector<Row>> ReadTaskRows(const TextTaskConfig& task, const std::string& path,
                                              const Tokenizer& tokenizer) {
  REGROUP_CHECK(task.lengths.source >= 2 && task.lengths.target >= 2);
  std::vector<Row> rows;
  const auto use = [&](const Json& fields, const std::string& source,
                       std::vector<std::string> references) {
    Row row;
    row.references = std::move(references);
    row.source_text = source;
    row.id = fields.contains("id") ? fields["id"] : Json(rows.size());
    row.example.id = IdText(row.id);
    row.example.position = rows.size();
    row.example.input_ids =
        EncodeCut(tokenizer, row.source_text, task.lengths.source, &row.truncated);
    row.example.target_ids =
        EncodeCut(tokenizer, row.references.front(), task.lengths.target, &row.target_truncated);
    rows.push_back(std::move(row));
  };
  REGROUP_RETURN_IF_ERROR(ForEachTaskText(task, path, use));
  return rows;
}

absl::Status CheckTaskRows(const TextTaskConfig& task, const std::string& path) {
  return ForEachTaskText(task, path,
                         [](const Json&, const std::string&, std::vector<std::string>) {});
}

std::unique_ptr<ExampleStream> MakeTaskStream(std::vector<Row> rows, Json fingerprint,
                                              uint64_t seed) {
  return std::make_unique<TaskStream>(std::move(rows), std::move(fingerprint), seed);
}

}  // namespace regroup
