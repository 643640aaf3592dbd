// JSON-lines rows of text or ids, checked to the letter of the row format.
#include "data/rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "formats/lines.h"

namespace regroup {
namespace {

class RowReader {
 public:
  RowReader(const Tokenizer* tokenizer, int64_t vocab_size)
      : tokenizer_(tokenizer), vocab_size_(vocab_size) {}

  absl::StatusOr<Row> Read(const Json& json, int64_t number, const std::string& place) const {
    if (!json.is_object()) return UserError(place, "expected a JSON object");
    Row row;
    row.id = json.contains("id") ? json["id"] : Json(number);
    row.example.id = row.id.is_string() ? row.id.get<std::string>() : DumpJson(row.id);
    row.example.position = static_cast<uint64_t>(number);
    REGROUP_RETURN_IF_ERROR(ReadSource(json, place, &row));
    REGROUP_RETURN_IF_ERROR(ReadTarget(json, place, &row));
    return row;
  }

 private:
  absl::Status ReadSource(const Json& json, const std::string& place, Row* row) const {
    const bool has_text = json.contains("input");
    const bool has_ids = json.contains("input_ids");
    if (has_text && has_ids) {
      return UserError(place, "has both \"input\" and \"input_ids\"; give one of them");
    }
    if (has_ids) return ReadIds(json["input_ids"], "input_ids", place, &row->example.input_ids);
    if (!has_text) return MissingInput(json, place);
    if (!json["input"].is_string()) return WrongText(json["input"], "input", place);
    row->source_text = json["input"].get<std::string>();
    return Encode(row->source_text, "input", place, &row->example.input_ids);
  }

  // Zero or one of target_ids, target, targets.
  absl::Status ReadTarget(const Json& json, const std::string& place, Row* row) const {
    std::vector<std::string> given;
    for (const char* key : {"target_ids", "target", "targets"}) {
      if (json.contains(key)) given.emplace_back(key);
    }
    if (given.empty()) return absl::OkStatus();
    const std::string& key = given.front();
    if (given.size() > 1) {
      return UserError(
          place, absl::StrCat("has both \"", key, "\" and \"", given[1], "\"; give one of them"));
    }
    if (key == "target_ids") return ReadIds(json[key], key, place, &row->example.target_ids);
    REGROUP_RETURN_IF_ERROR(ReadReferences(json[key], key, place, &row->references));
    return Encode(row->references.front(), key, place, &row->example.target_ids);
  }

  static absl::Status ReadReferences(const Json& value, const std::string& key,
                                     const std::string& place,
                                     std::vector<std::string>* references) {
    if (key == "targets" && (!value.is_array() || value.empty())) {
      return UserError(place, absl::StrCat("\"targets\" is ", Shown(value),
                                           ", expected a list of one text or more"));
    }
    const Json list = key == "targets" ? value : Json::array({value});
    for (const Json& text : list) {
      if (!text.is_string()) return WrongText(text, key, place);
      references->push_back(text.get<std::string>());
    }
    return absl::OkStatus();
  }

  absl::Status ReadIds(const Json& value, const std::string& key, const std::string& place,
                       std::vector<int32_t>* ids) const {
    if (!value.is_array() || value.empty()) {
      return UserError(place, absl::StrCat("\"", key, "\" is ", Shown(value),
                                           ", expected a list of one token id or more"));
    }
    for (const Json& id : value) {
      const bool fits =
          id.is_number_unsigned() && id.get<uint64_t>() < static_cast<uint64_t>(vocab_size_);
      if (!fits) {
        return UserError(place,
                         absl::StrCat("\"", key, "\" holds ", Shown(id), " at index ", ids->size(),
                                      ", expected token ids from 0 to ", vocab_size_ - 1,
                                      id == Json(-100) ? " (rows hold no padding)" : ""));
      }
      ids->push_back(id.get<int32_t>());
    }
    return absl::OkStatus();
  }

  absl::Status Encode(const std::string& text, const std::string& key, const std::string& place,
                      std::vector<int32_t>* ids) const {
    if (tokenizer_ == nullptr) {
      return UserError(place,
                       absl::StrCat("\"", key, "\" is text, and the model's folder has no ",
                                    "tokenizer (spiece.model, or ByT5's tokenizer_config.json): "
                                    "add it or give token ids"));
    }
    *ids = tokenizer_->Encode(text);
    ids->push_back(kEosId);
    for (const int32_t id : *ids) {
      if (id >= vocab_size_) {
        return UserError(place, absl::StrCat("\"", key, "\" gives token id ", id,
                                             ", the model's vocabulary has only ", vocab_size_,
                                             ": the tokenizer does not belong to this model"));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status MissingInput(const Json& json, const std::string& place) {
    std::vector<std::string> keys;
    for (const auto& item : json.items()) keys.push_back(item.key());
    const std::string near_text = Nearest("input", keys);
    const std::string near_ids = Nearest("input_ids", keys);
    const std::string near = near_text.empty() ? near_ids : near_text;
    return UserError(place,
                     absl::StrCat("has neither \"input\" (text) nor \"input_ids\"",
                                  near.empty() ? "" : absl::StrCat("; found \"", near, "\"")));
  }

  static absl::Status WrongText(const Json& value, const std::string& key,
                                const std::string& place) {
    return UserError(place, absl::StrCat("\"", key, "\" is ", Shown(value), ", expected text"));
  }

  static std::string Shown(const Json& value) {
    const std::string text = DumpJson(value);
    return text.size() <= 60 ? text : absl::StrCat("of type ", value.type_name());
  }

  const Tokenizer* tokenizer_;
  int64_t vocab_size_;
};

}  // namespace

absl::Status ForEachRow(const std::string& path, const Tokenizer* tokenizer, int64_t vocab_size,
                        const std::function<absl::Status(Row)>& use) {
  const RowReader reader(tokenizer, vocab_size);
  REGROUP_ASSIGN_OR_RETURN(const auto lines, LineReader::Open(path));
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const auto line, lines->Next());
    if (!line.has_value()) return absl::OkStatus();
    const std::string place = absl::StrCat(path, ":", lines->line_number());
    REGROUP_ASSIGN_OR_RETURN(const Json json, ParseJson(*line, place));
    REGROUP_ASSIGN_OR_RETURN(Row row, reader.Read(json, lines->line_number() - 1, place));
    REGROUP_RETURN_IF_ERROR(use(std::move(row)));
  }
}

}  // namespace regroup
