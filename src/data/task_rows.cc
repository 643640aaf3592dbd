// Rows of a task (template, lengths) and the endless stream over them.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "core/random.h"
#include "data/rows.h"
#include "data/task_fields.h"
#include "data/task_readers.h"
#include "data/task_window.h"
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
  TaskStream(std::vector<Row> rows, Json fingerprint, uint64_t seed, int64_t source_length)
      : rows_(std::move(rows)),
        fingerprint_(std::move(fingerprint)),
        seed_(seed),
        source_length_(source_length) {
    REGROUP_CHECK(!rows_.empty());
  }

  absl::StatusOr<Example> Next() override {
    const uint64_t count = rows_.size();
    if (order_.empty() || position_ / count != epoch_) {
      epoch_ = position_ / count;
      CounterRng rng(seed_, RandomPurpose::kExampleOrder, epoch_);
      order_ = rng.Permutation(static_cast<int64_t>(count));
    }
    const Row& row = rows_[static_cast<size_t>(order_[position_ % count])];
    Example example = row.example;
    if (row.window != nullptr) {
      CounterRng rng(seed_, RandomPurpose::kTaskWindow, position_);
      example.input_ids = row.window->Cut(source_length_, rng);
    }
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
  int64_t source_length_;
  uint64_t position_ = 0;
  uint64_t epoch_ = 0;
  std::vector<int64_t> order_;  // of epoch_; empty before the first example
};

using UseText = std::function<void(const Json& fields, const std::string& source,
                                   std::vector<std::string> references)>;

// A source is one text: of a list every entry but the first would be lost.
absl::StatusOr<std::string> OneSource(const Template& input, const Json& fields,
                                      const std::string& place) {
  REGROUP_ASSIGN_OR_RETURN(auto texts, input.Apply(fields, place));
  if (texts.size() == 1) return std::move(texts.front());
  return UserError(place, absl::StrCat("the input template gives ", texts.size(),
                                       " texts, because a field of it is a list; join its entries "
                                       "in the task file: lines: {name: \"{field}\"}"));
}

// The windowed field must be a text at the end of the source.
absl::Status CheckWindow(const TextTaskConfig& task, const Template& input) {
  const std::string place = absl::StrCat("task ", task.name, ": window");
  const std::vector<std::string> fields = input.Fields();
  const bool last = !fields.empty() && fields.back() == task.window &&
                    task.input.ends_with("{" + task.window + "}");
  if (task.window.empty() || last) return absl::OkStatus();
  return UserError(place, absl::StrCat("names ", task.window,
                                       ", expected the field with which the "
                                       "input template ends"));
}

// Fields of every row with its source and references as the task's templates make them. UserError
// for a row that does not fit and for a file without rows.
absl::Status ForEachTaskText(const TextTaskConfig& task, const std::string& path, RowUse purpose,
                             const UseText& use_text) {
  const std::string place = absl::StrCat("task ", task.name);
  REGROUP_ASSIGN_OR_RETURN(const TaskFields prepared, TaskFields::Create(task.fields, place));
  REGROUP_ASSIGN_OR_RETURN(const Template input, Template::Parse(task.input, place + ": input"));
  REGROUP_ASSIGN_OR_RETURN(const Template target, Template::Parse(task.target, place + ": target"));
  REGROUP_RETURN_IF_ERROR(CheckWindow(task, input));
  bool any = false;
  const auto use = [&](const Json& row, const std::string& row_place) -> absl::Status {
    REGROUP_ASSIGN_OR_RETURN(const Json fields, prepared.Prepare(row, row_place));
    REGROUP_ASSIGN_OR_RETURN(const std::string source, OneSource(input, fields, row_place));
    REGROUP_ASSIGN_OR_RETURN(auto references, target.Apply(fields, row_place));
    if (!task.window.empty() && !fields[task.window].is_string())
      return UserError(row_place, absl::StrCat("\"", task.window, "\" is windowed and no text"));
    use_text(fields, source, std::move(references));
    any = true;
    return absl::OkStatus();
  };
  REGROUP_RETURN_IF_ERROR(ReadTaskFields(task, path, purpose, use));
  return any ? absl::OkStatus() : UserError(path, "holds no rows");
}

class RowMaker {
 public:
  RowMaker(const TextTaskConfig& task, const Tokenizer& tokenizer, RowUse purpose)
      : task_(task),
        tokenizer_(tokenizer),
        windows_(purpose == RowUse::kTraining && !task.window.empty()),
        contexts_(tokenizer) {}

  void Add(const Json& fields, const std::string& source, std::vector<std::string> references) {
    Row row;
    row.references = std::move(references);
    row.id = fields.contains("id") ? fields["id"] : Json(rows_.size());
    row.example.id = IdText(row.id);
    row.example.position = rows_.size();
    if (!(windows_ ? SetWindow(fields, source, &row) : SetSource(source, &row))) {
      ++left_out_;
      return;
    }
    row.example.target_ids =
        EncodeCut(tokenizer_, row.references.front(), task_.lengths.target, &row.target_truncated);
    cut_sources_ += row.truncated ? 1 : 0;
    cut_targets_ += row.target_truncated ? 1 : 0;
    rows_.push_back(std::move(row));
  }

  // Says what became of the rows, if anything did.
  std::vector<Row> Take(const std::string& path) {
    if (cut_sources_ + cut_targets_ + left_out_ > 0) {
      LogInfo(absl::StrCat(
          path, ": ", FormatCount(static_cast<long long>(rows_.size())), " rows, ",
          FormatCount(cut_sources_), " sources longer than ", task_.lengths.source, " tokens and ",
          FormatCount(cut_targets_), " targets longer than ", task_.lengths.target, " cut",
          left_out_ == 0
              ? ""
              : absl::StrCat(", ", FormatCount(left_out_),
                             " rows left out: no window of the source holds the target")));
    }
    return std::move(rows_);
  }

 private:
  bool SetSource(const std::string& source, Row* row) const {
    row->source_text = source;
    row->example.input_ids = EncodeCut(tokenizer_, source, task_.lengths.source, &row->truncated);
    return true;
  }

  // False where the source is too long and no window of it holds the target.
  bool SetWindow(const Json& fields, const std::string& source, Row* row) {
    const int64_t length = task_.lengths.source;
    const std::string context = fields[task_.window].get<std::string>();
    row->source_text = source.substr(0, source.size() - context.size());  // documents are long
    WindowedSource found = contexts_.Find(row->source_text, context, row->references.front());
    row->truncated = !found.Fits(length);
    if (row->truncated && !found.TargetFits(length)) return false;
    row->example.input_ids = found.Leading(length);
    if (row->truncated) row->window = std::make_shared<WindowedSource>(std::move(found));
    return true;
  }

  const TextTaskConfig& task_;
  const Tokenizer& tokenizer_;
  bool windows_;
  ContextIds contexts_;
  std::vector<Row> rows_;
  int64_t cut_sources_ = 0, cut_targets_ = 0, left_out_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<Row>> ReadTaskRows(const TextTaskConfig& task, const std::string& path,
                                              const Tokenizer& tokenizer, RowUse purpose) {
  REGROUP_CHECK(task.lengths.source >= 2 && task.lengths.target >= 2);
  RowMaker maker(task, tokenizer, purpose);
  const auto use = [&](const Json& fields, const std::string& source,
                       std::vector<std::string> references) {
    maker.Add(fields, source, std::move(references));
  };
  REGROUP_RETURN_IF_ERROR(ForEachTaskText(task, path, purpose, use));
  std::vector<Row> rows = maker.Take(path);
  if (!rows.empty()) return rows;
  return UserError(path, absl::StrCat("holds no row whose target is in a window of ",
                                      task.lengths.source, " tokens of its source"));
}

absl::Status CheckTaskRows(const TextTaskConfig& task, const std::string& path, RowUse purpose) {
  return ForEachTaskText(task, path, purpose,
                         [](const Json&, const std::string&, std::vector<std::string>) {});
}

std::unique_ptr<ExampleStream> MakeTaskStream(std::vector<Row> rows, Json fingerprint,
                                              uint64_t seed, int64_t source_length) {
  return std::make_unique<TaskStream>(std::move(rows), std::move(fingerprint), seed, source_length);
}

}  // namespace regroup
