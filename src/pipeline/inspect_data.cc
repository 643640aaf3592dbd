// One pass over the lines; a task's rows come through its own reader instead.
#include "pipeline/inspect_data.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "data/rows.h"
#include "data/span_corruption.h"
#include "formats/lines.h"
#include "pipeline/context.h"
#include "pipeline/inspect_examples.h"
#include "pipeline/length_counts.h"
#include "recipe/task_file.h"

namespace regroup {
namespace {

constexpr size_t kMostBrokenLines = 20, kMostFields = 12;
constexpr int64_t kExamples = 2;
constexpr int64_t kNoLimit = std::numeric_limits<int32_t>::max();
constexpr uint64_t kSeed = 1;  // of the masks that are shown

int64_t Characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

// How many of the values stand there more than once, by their hashes.
int64_t Duplicates(std::vector<size_t> hashes) {
  const auto size = static_cast<int64_t>(hashes.size());
  std::sort(hashes.begin(), hashes.end());
  return size - (std::unique(hashes.begin(), hashes.end()) - hashes.begin());
}

bool IsSource(const std::string& field) { return field == "input" || field == "input_ids"; }
bool IsTarget(const std::string& field) {
  return field == "target" || field == "targets" || field == "target_ids";
}

// The limit for a field's length, or 0.
int64_t LimitOf(const std::string& field, const TaskLengths& lengths) {
  return IsSource(field) ? lengths.source : IsTarget(field) ? lengths.target : 0;
}

// Counts over the lines of a data file.
class LineCounts {
 public:
  explicit LineCounts(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {}

  void Add(const std::string& line, const std::string& place) {
    ++lines_;
    bytes_ += static_cast<int64_t>(line.size());
    longest_ = std::max(longest_, static_cast<int64_t>(line.size()));
    if (line.empty()) {
      ++empty_;
      return;
    }
    hashes_.push_back(std::hash<std::string>()(line));
    if (line[0] == '{') return AddRow(line, place);
    if (first_.is_null()) first_ = line;
    AddText("text", line);
  }

  // Rows with input and target, or with ids: what `score` and `generate` read.
  bool HasRows() const { return keys_.contains("input") || keys_.contains("input_ids"); }
  // Texts for span corruption: plain lines, or JSON lines with "text".
  bool IsCorpus() const { return !HasRows() && lengths_.contains("text"); }
  bool IsJson() const { return !keys_.empty(); }
  const Json& first() const { return first_; }
  const LengthCounts* Of(const std::string& field) const {
    const auto found = lengths_.find(field);
    return found == lengths_.end() ? nullptr : &found->second;
  }

  Json ToJson(const std::string& path, const TaskLengths& lengths) const {
    Json json = {{"path", path},
                 {"kind", "data"},
                 {"lines", lines_},
                 {"bytes", bytes_},
                 {"longest_line", longest_},
                 {"empty_lines", empty_},
                 {"duplicate_lines", Duplicates(hashes_)},
                 {"broken", broken_},
                 {"broken_lines", broken_lines_},
                 {"keys", keys_},
                 {"first", first_},
                 {"unit", tokenizer_ != nullptr ? "tokens" : "characters"},
                 {"lengths", Json::object()}};
    for (const auto& [field, counts] : lengths_) {
      const bool limited = field.ends_with("_ids") || tokenizer_ != nullptr;
      json["lengths"][field] = counts.ToJson(limited ? LimitOf(field, lengths) : 0);
    }
    return json;
  }

 private:
  void AddRow(const std::string& line, const std::string& place) {
    const absl::StatusOr<Json> row = ParseJson(line, place);
    if (!row.ok()) {
      ++broken_;
      if (broken_lines_.size() < kMostBrokenLines)
        broken_lines_.push_back(
            {{"line", lines_}, {"message", std::string(row.status().message())}});
      return;
    }
    if (first_.is_null()) first_ = *row;
    for (const auto& [key, value] : row->items()) {
      keys_[key] = keys_.value(key, 0) + 1;
      if (value.is_string()) AddText(key, value.get<std::string>());
      const bool ids = key.ends_with("_ids") && value.is_array();
      if (ids) Add(key, static_cast<int64_t>(value.size()));
      const bool texts = key == "targets" && value.is_array() && !value.empty();
      if (texts && value[0].is_string()) AddText(key, value[0].get<std::string>());
    }
  }

  // In tokens the end token that text gets is counted.
  void AddText(const std::string& field, const std::string& text) {
    if (field == "id" || (!lengths_.contains(field) && lengths_.size() == kMostFields)) return;
    if (tokenizer_ == nullptr) return Add(field, Characters(text));
    Add(field, static_cast<int64_t>(tokenizer_->Encode(text).size()) + (field == "text" ? 0 : 1));
  }

  void Add(const std::string& field, int64_t length) { lengths_[field].Add(length); }

  const Tokenizer* tokenizer_;
  int64_t lines_ = 0, bytes_ = 0, longest_ = 0, empty_ = 0, broken_ = 0;
  Json broken_lines_ = Json::array();
  Json keys_ = Json::object();
  Json first_;
  std::vector<size_t> hashes_;
  std::map<std::string, LengthCounts> lengths_;
};

// The first rows as `score` reads them; what is wrong with one of them is a note.
void AddRowExamples(const std::string& path, const Tokenizer* tokenizer, const TaskLengths& limits,
                    Json& json) {
  const absl::Status done = absl::OutOfRangeError("enough");
  const int64_t ids = tokenizer != nullptr ? tokenizer->size() : kNoLimit;
  const absl::Status status = ForEachRow(path, tokenizer, ids, [&](const Row& row) {
    const Example cut = CutExample(row.example, limits.source, limits.target);
    json["examples"].push_back(ExampleJson(cut, tokenizer));
    return static_cast<int64_t>(json["examples"].size()) < kExamples ? absl::OkStatus() : done;
  });
  if (!status.ok() && status != done) json["notes"].push_back(std::string(status.message()));
}

// What the encoder sees of a corpus and what the decoder must produce.
void AddCorpusExamples(const std::string& path, bool is_json,
                       const std::shared_ptr<const Tokenizer>& tokenizer, int64_t source_length,
                       Json& json) {
  SpanCorruptionConfig config;
  config.source_length = source_length;
  CorpusConfig corpus;
  corpus.files = {path};
  corpus.format = is_json ? "jsonl" : "text";
  const SpanLengths lengths =
      ComputeSpanLengths(source_length, config.noise_density, config.mean_span_length);
  json["span_corruption"] = {
      {"segment", lengths.tokens}, {"source", lengths.source}, {"target", lengths.target}};
  const auto examples =
      ReadHeldOut(config, {{BaseName(path), corpus}}, tokenizer, kSeed, kExamples);
  if (!examples.ok()) {
    json["notes"].push_back(std::string(examples.status().message()));
    return;
  }
  for (Example example : *examples) {
    example.id = absl::StrCat(json["examples"].size());
    json["examples"].push_back(ExampleJson(example, tokenizer.get()));
  }
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> TokenizerOf(const DataView& view) {
  if (view.model.empty()) return std::shared_ptr<const Tokenizer>();
  if (!HasTokenizer(view.model))
    return UserError("--model", absl::StrCat(view.model, " holds no tokenizer (spiece.model)"));
  return Tokenizer::Load(view.model);
}

absl::StatusOr<Json> InspectLines(const std::string& path, const DataView& view) {
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, TokenizerOf(view));
  REGROUP_ASSIGN_OR_RETURN(const std::unique_ptr<LineReader> reader, LineReader::Open(path));
  LineCounts counts(tokenizer.get());
  ProgressMeter meter(path + ": reading", "lines", 0);
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const std::optional<std::string> line, reader->Next());
    if (!line.has_value()) break;
    counts.Add(*line, absl::StrCat(path, ":", reader->line_number()));
    meter.Add(1);
  }
  const TaskLengths limits = view.lengths.value_or(TaskLengths{});
  Json json = counts.ToJson(path, limits);
  json["examples"] = Json::array();
  json["notes"] = Json::array();
  const bool ids = json["keys"].contains("input_ids");
  if (counts.HasRows() && (tokenizer != nullptr || ids)) {
    AddRowExamples(path, tokenizer.get(), limits, json);
  } else if (counts.IsCorpus() && tokenizer != nullptr) {
    AddCorpusExamples(path, counts.IsJson(), tokenizer, limits.source, json);
  }
  return json;
}

absl::StatusOr<Json> InspectTaskData(const std::string& path, const DataView& view) {
  Problems problems;
  const TaskFile file = ReadTaskFile(view.task, problems);
  REGROUP_RETURN_IF_ERROR(problems.ToStatus());
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, TokenizerOf(view));
  if (tokenizer == nullptr)
    return UserError("--model",
                     "is missing: a task's lengths are counted in tokens; name a folder with a "
                     "tokenizer");
  TextTaskConfig task = ToTaskConfig(file).text;
  const TaskLengths limits = view.lengths.value_or(task.lengths);
  task.lengths = {kNoLimit, kNoLimit};  // the whole lengths are counted; examples are cut below
  REGROUP_ASSIGN_OR_RETURN(const std::vector<Row> rows, ReadTaskRows(task, path, *tokenizer));
  LengthCounts sources, targets;
  std::vector<size_t> hashes;
  int64_t empty = 0;
  Json examples = Json::array();
  for (const Row& row : rows) {
    sources.Add(static_cast<int64_t>(row.example.input_ids.size()));
    targets.Add(static_cast<int64_t>(row.example.target_ids.size()));
    hashes.push_back(
        std::hash<std::string>()(absl::StrCat(row.source_text, "\n", row.references.front())));
    empty += row.references.front().empty() ? 1 : 0;
    if (static_cast<int64_t>(examples.size()) < kExamples)
      examples.push_back(
          ExampleJson(CutExample(row.example, limits.source, limits.target), tokenizer.get()));
  }
  return Json{
      {"path", path},
      {"kind", "task data"},
      {"task", task.name},
      {"rows", rows.size()},
      {"duplicates", Duplicates(hashes)},
      {"empty_targets", empty},
      {"unit", "tokens"},
      {"lengths",
       {{"source", sources.ToJson(limits.source)}, {"target", targets.ToJson(limits.target)}}},
      {"examples", std::move(examples)},
      {"notes", Json::array()}};
}

std::string Count(const Json& number) { return FormatCount(number.get<int64_t>()); }

std::string LinesText(const Json& found) {
  std::string text = absl::StrCat(
      "  ", Count(found["lines"]), " lines, ", FormatBytes(found["bytes"].get<double>()),
      " of text, longest line ", FormatBytes(found["longest_line"].get<double>()), "; ",
      Count(found["empty_lines"]), " empty, ", Count(found["duplicate_lines"]), " repeated, ",
      Count(found["broken"]), " broken\n");
  for (const Json& line : found["broken_lines"])
    absl::StrAppend(&text, "  broken: ", line["message"].get<std::string>(), "\n");
  for (const auto& [key, rows] : found["keys"].items())
    absl::StrAppend(&text, "  key ", key, ": in ", Count(rows), " rows\n");
  return text;
}

// Whether a person wants to see this field's lengths: a corpus has its text, rows have their sides,
// anything else all of its fields.
bool IsShown(const std::string& field, const Json& lengths) {
  const bool rows = lengths.contains("input") || lengths.contains("input_ids");
  if (rows) return IsSource(field) || IsTarget(field);
  return !lengths.contains("text") || field == "text" || lengths.contains("target");
}

std::string SpanText(const Json& found) {
  if (!found.contains("span_corruption")) return "";
  const Json& lengths = found["span_corruption"];
  const auto tokens = found["lengths"]["text"]["total"].get<int64_t>();
  const auto segment = lengths["segment"].get<int64_t>();
  return absl::StrCat("  span corruption: segments of ", segment, " tokens become ",
                      Count(lengths["source"]), " encoder and ", Count(lengths["target"]),
                      " target tokens; an epoch is about ", FormatCount(tokens / segment),
                      " examples\n");
}

}  // namespace

absl::StatusOr<Json> InspectData(const std::string& path, const DataView& view) {
  return view.task.empty() ? InspectLines(path, view) : InspectTaskData(path, view);
}

std::string DataText(const Json& found) {
  std::string text =
      found.contains("task")
          ? absl::StrCat("  task ", found["task"].get<std::string>(), ": ", Count(found["rows"]),
                         " rows, ", Count(found["duplicates"]), " repeated, ",
                         Count(found["empty_targets"]), " with an empty target\n")
          : LinesText(found);
  for (const auto& [field, counts] : found["lengths"].items()) {
    const std::string unit = field.ends_with("_ids") ? "ids" : found["unit"].get<std::string>();
    if (IsShown(field, found["lengths"])) text += LengthText(field, counts, unit);
  }
  text += SpanText(found);
  for (const Json& example : found["examples"]) text += ExampleText(example);
  for (const Json& note : found["notes"])
    absl::StrAppend(&text, "  note: ", note.get<std::string>(), "\n");
  if (found["examples"].empty() && !found["first"].is_null())
    absl::StrAppend(&text, "  first: ", ShortText(DumpJson(found["first"])), "\n");
  return text;
}

}  // namespace regroup
