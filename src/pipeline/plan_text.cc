// How a plan is shown: a table, totals, notes; the contract's JSON.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "pipeline/plan.h"
#include "report/table.h"

namespace regroup {

Json PlanToJson(const RecipePlan& plan) {
  Json json = {{"device", plan.device},
               {"stages", Json::array()},
               {"notes", plan.notes},
               {"problems", plan.problems.ToJson()}};
  for (const StagePlan& row : plan.stages) {
    json["stages"].push_back({{"name", row.name},
                              {"kind", row.kind},
                              {"parameters", row.parameters},
                              {"steps", row.steps},
                              {"tokens", row.tokens},
                              {"kv_bytes_per_position",
                               {{"decoder_self", row.kv_decoder_self}, {"cross", row.kv_cross}}},
                              {"peak_memory_bytes", row.peak_memory_bytes},
                              {"disk_bytes", row.disk_bytes},
                              {"seconds", row.seconds}});
  }
  return json;
}

std::string PlanToText(const RecipePlan& plan) {
  TextTable table{{"stage", "kind", "parameters", "K/V per position: self", "cross", "steps",
                   "target tokens", "memory", "disk", "time"},
                  {}};
  double seconds = 0, disk = 0, memory = 0;
  const auto count = [](int64_t n) { return n == 0 ? std::string("-") : FormatCount(n); };
  const auto bytes = [](int64_t n) { return n == 0 ? "-" : absl::StrCat(FormatCount(n), " B"); };
  for (const StagePlan& row : plan.stages) {
    table.rows.push_back({row.name, row.kind, count(row.parameters), bytes(row.kv_decoder_self),
                          bytes(row.kv_cross), count(row.steps), count(row.tokens),
                          FormatBytes(static_cast<double>(row.peak_memory_bytes)),
                          FormatBytes(static_cast<double>(row.disk_bytes)),
                          FormatDuration(row.seconds)});
    seconds += row.seconds;
    disk += static_cast<double>(row.disk_bytes);
    memory = std::max(memory, static_cast<double>(row.peak_memory_bytes));
  }
  std::string text = FormatTable(table);
  absl::StrAppend(&text, "\nin all about ", FormatDuration(seconds), ", ", FormatBytes(disk),
                  " of disk, at most ", FormatBytes(memory), " of memory\nestimates for ",
                  plan.device, "\n");
  for (const std::string& note : plan.notes) absl::StrAppend(&text, "note: ", note, "\n");
  return text;
}

}  // namespace regroup
