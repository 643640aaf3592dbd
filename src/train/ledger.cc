// One JSON object per line; numbers that are not finite are written as texts ("nan", "inf"), which
// JSON has no numbers for.
#include "train/ledger.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "core/files.h"

namespace regroup {
namespace {

Json NumberToJson(double value) {
  return std::isfinite(value) ? Json(value) : Json(absl::StrCat(value));
}

double NumberFromJson(const Json& json) {
  if (json.is_number()) return json.get<double>();
  const std::string text = json.get<std::string>();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

Json ToJson(const LedgerEntry& entry) {
  return Json{{"action", entry.action},
              {"step", entry.step},
              {"position", entry.position},
              {"examples", entry.examples},
              {"ids", entry.ids},
              {"reason", entry.reason},
              {"loss", NumberToJson(entry.loss)},
              {"gradient_norm", NumberToJson(entry.gradient_norm)},
              {"learning_rate", entry.learning_rate},
              {"time", entry.time}};
}

LedgerEntry FromJson(const Json& json) {
  LedgerEntry entry;
  entry.action = json.at("action");
  entry.step = json.at("step");
  entry.position = json.at("position");
  entry.examples = json.at("examples");
  entry.ids = json.at("ids").get<std::vector<std::string>>();
  entry.reason = json.at("reason");
  entry.loss = NumberFromJson(json.at("loss"));
  entry.gradient_norm = NumberFromJson(json.at("gradient_norm"));
  entry.learning_rate = json.at("learning_rate");
  entry.time = json.at("time");
  return entry;
}

}  // namespace

absl::StatusOr<std::vector<LedgerEntry>> ReadLedger(const std::string& stage_folder) {
  const std::string path = JoinPath(stage_folder, kLedgerName);
  std::vector<LedgerEntry> entries;
  if (!FileExists(path)) return entries;
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    try {
      entries.push_back(FromJson(Json::parse(line)));
    } catch (const Json::exception& error) {
      // A line that a full disk or a kill tore is the last one, and its step was not taken yet.
      if (lines.peek() == std::istringstream::traits_type::eof() && text.back() != '\n') break;
      return UserError(absl::StrCat(path, ":", number),
                       "is no entry of a ledger; mend or remove this line");
    }
  }
  return entries;
}

absl::Status AppendToLedger(const std::string& stage_folder, const LedgerEntry& entry) {
  const std::string path = JoinPath(stage_folder, kLedgerName);
  std::string text;
  if (FileExists(path)) {
    REGROUP_ASSIGN_OR_RETURN(text, ReadFile(path));
    text.erase(text.rfind('\n') + 1);  // a torn last line
  }
  return WriteFileAtomically(path, absl::StrCat(text, DumpJson(ToJson(entry)), "\n"));
}

}  // namespace regroup
