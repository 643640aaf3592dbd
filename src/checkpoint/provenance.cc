// Sentences of the chain. The record may be anything that is a JSON object: what has another type
// is passed over.
#include "checkpoint/provenance.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/log.h"

namespace regroup {
namespace {

Json At(const Json& json, const char* key) {
  return json.is_object() ? json.value(key, Json()) : Json();
}

std::optional<int64_t> Count(const Json& json) {
  return json.is_number_integer() ? std::optional<int64_t>(json.get<int64_t>()) : std::nullopt;
}

std::string Text(const Json& json) { return json.is_string() ? json.get<std::string>() : ""; }

std::string Pretrained(const Json& provenance) {
  const std::optional<int64_t> steps = Count(At(At(provenance, "pretraining"), "original_steps"));
  return steps.has_value() ? absl::StrCat("pre-trained ", FormatCount(*steps), " steps") : "";
}

std::string HeadsText(const Json& heads) {
  if (!heads.is_object()) return DumpJson(heads);
  std::vector<std::string> sites;
  for (const auto& [site, value] : heads.items())
    sites.push_back(absl::StrCat(site, "=", DumpJson(value)));
  return absl::StrJoin(sites, ", ");
}

std::string Converted(const Json& conversion) {
  const Json config = At(conversion, "config");
  const std::string method = Text(At(config, "method")), source = Text(At(conversion, "source"));
  if (method.empty()) return "";
  std::vector<std::string> sites;
  for (const Json& site : At(config, "sites")) sites.push_back(Text(site));
  return absl::StrCat("K/V heads", sites.empty() ? "" : " of ", absl::StrJoin(sites, ", "),
                      " merged by ", method, " to ", HeadsText(At(config, "kv_heads")),
                      source.empty() ? "" : ", from ", source);
}

std::string Uptrained(const Json& provenance) {
  const Json alpha = At(provenance, "alpha"), pretraining = At(provenance, "pretraining");
  if (!alpha.is_number()) return "";
  const std::optional<int64_t> original = Count(At(pretraining, "original_steps")),
                               taken = Count(At(pretraining, "schedule_steps"));
  std::string text =
      absl::StrFormat("uptrained %.4g %% of the original steps", 100 * alpha.get<double>());
  if (original.has_value() && taken.has_value() && *taken >= *original)
    absl::StrAppend(&text, " (", FormatCount(*taken - *original), ")");
  return text;
}

std::string Finetuned(const Json& provenance) {
  const std::string task = Text(At(provenance, "task"));
  if (task.empty()) return "";
  const std::optional<int64_t> steps = Count(At(At(provenance, "training"), "step"));
  const bool last = Text(At(provenance, "kind")) == "finetune";
  return absl::StrCat(
      "fine-tuned on ", task,
      last && steps.has_value() ? absl::StrCat(", ", FormatCount(*steps), " steps") : "");
}

}  // namespace

std::vector<std::string> ProvenanceChain(const Json& provenance) {
  struct Event {
    const char* kind;
    std::string text;
  };
  std::vector<Event> events = {{"pretrain", Pretrained(provenance)}};
  for (const Json& conversion : At(provenance, "conversions"))
    events.push_back({"convert", Converted(conversion)});
  events.push_back({"uptrain", Uptrained(provenance)});
  events.push_back({"finetune", Finetuned(provenance)});
  const std::string last = Text(At(provenance, "kind"));
  const auto latest = std::find_if(events.rbegin(), events.rend(),
                                   [&](const Event& event) { return event.kind == last; });
  if (latest != events.rend()) std::rotate(latest.base() - 1, latest.base(), events.end());
  std::vector<std::string> chain;
  for (const Event& event : events) {
    if (!event.text.empty()) chain.push_back(event.text);
  }
  return chain;
}

}  // namespace regroup
