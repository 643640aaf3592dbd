// One JSON object per line.
#include "train/ledger.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"

namespace regroup {
namespace {

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
              {"loss", LedgerNumber(entry.loss)},
              {"gradient_norm", LedgerNumber(entry.gradient_norm)},
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

std::string WhichExamples(const LedgerEntry& entry) {
  constexpr size_t kShown = 8;
  std::string text = absl::StrCat("data positions ", entry.position, " to ",
                                  entry.position + static_cast<uint64_t>(entry.examples) - 1);
  if (entry.ids.empty()) return text;
  const std::vector<std::string> shown(entry.ids.begin(),
                                       entry.ids.begin() + std::min(kShown, entry.ids.size()));
  return absl::StrCat(text, " (ids ", absl::StrJoin(shown, ", "),
                      entry.ids.size() > kShown ? ", ..." : "", ")");
}

Json LedgerNumber(double value) {
  return std::isfinite(value) ? Json(value) : Json(absl::StrCat(value));
}

}  // namespace regroup
