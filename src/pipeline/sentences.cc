// Reading of training text for SentencePiece.
#include "pipeline/sentences.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/json.h"
#include "formats/lines.h"

namespace regroup {
namespace {

bool HoldsJson(std::string name) {
  for (const char* ending : {".gz", ".zst"}) {
    if (name.ends_with(ending)) name.resize(name.size() - std::string(ending).size());
  }
  return name.ends_with(".jsonl") || name.ends_with(".json");
}

void AddText(const std::string& text, std::vector<std::string>& sentences) {
  for (const absl::string_view row : absl::StrSplit(text, '\n')) {
    std::string line(absl::StripAsciiWhitespace(row));
    if (!line.empty()) sentences.push_back(std::move(line));
  }
}

absl::Status AddRow(const std::string& line, const std::string& place,
                    const std::vector<std::string>& keys, std::vector<std::string>& sentences) {
  REGROUP_ASSIGN_OR_RETURN(const Json row, ParseJson(line, place));
  if (!row.is_object()) return UserError(place, "expected a JSON object");
  for (const std::string& key : keys) {
    if (row.contains(key) && row[key].is_string()) AddText(row[key].get<std::string>(), sentences);
  }
  return absl::OkStatus();
}

absl::Status AddFile(const std::string& path, const std::vector<std::string>& keys,
                     std::vector<std::string>& sentences) {
  REGROUP_ASSIGN_OR_RETURN(const std::unique_ptr<LineReader> reader, LineReader::Open(path));
  const bool json = HoldsJson(path);
  const size_t before = sentences.size();
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const std::optional<std::string> line, reader->Next());
    if (!line.has_value()) break;
    const std::string place = absl::StrCat(path, ":", reader->line_number());
    if (json) {
      REGROUP_RETURN_IF_ERROR(AddRow(*line, place, keys, sentences));
    } else {
      REGROUP_RETURN_IF_ERROR(CheckUtf8(*line, place));
      AddText(*line, sentences);
    }
  }
  if (sentences.size() > before) return absl::OkStatus();
  return UserError(path, json ? absl::StrCat("no row has text under ", absl::StrJoin(keys, ", "))
                              : "holds no text");
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadSentences(const std::vector<std::string>& files,
                                                       const std::vector<std::string>& keys) {
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> paths, ExpandGlobs(files));
  std::vector<std::string> sentences;
  for (const std::string& path : paths) REGROUP_RETURN_IF_ERROR(AddFile(path, keys, sentences));
  return sentences;
}

}  // namespace regroup
