// An inspected checkpoint in words a person wants (inspect_checkpoint.h).
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "checkpoint/inspect_checkpoint.h"
#include "core/log.h"

namespace regroup {
namespace {

// A line "  name        value".
std::string Fact(const std::string& name, const std::string& value) {
  return absl::StrFormat("  %-12s %s\n", name, value);
}

std::string Count(const Json& number) { return FormatCount(number.get<int64_t>()); }

std::string Plural(const Json& number, const std::string& thing) {
  return absl::StrCat(Count(number), " ", thing, number == 1 ? "" : "s");
}

// One block a layer: as high as the layer's share of the query heads.
std::string Picture(const std::vector<int64_t>& layers, int64_t query_heads) {
  static const std::vector<std::string> blocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto most = static_cast<int64_t>(blocks.size());
  std::string picture;
  for (const int64_t heads : layers) {
    const int64_t height =
        std::clamp<int64_t>(heads * most / std::max<int64_t>(1, query_heads), 1, most);
    picture += blocks[static_cast<size_t>(height - 1)];
  }
  return picture;
}

std::string SiteHeads(const Json& found, const char* site) {
  const auto layers = found["kv_heads"][site].get<std::vector<int64_t>>();
  const auto query_heads = found["config"]["num_heads"].get<int64_t>();
  const bool same = std::ranges::adjacent_find(layers, std::not_equal_to<>()) == layers.end();
  if (same)
    return absl::StrCat(layers.front(),
                        layers.front() == query_heads ? " (multi-head)"
                        : layers.front() == 1         ? " (multi-query)"
                                                      : " (grouped)",
                        ", every layer");
  return absl::StrCat(absl::StrJoin(layers, " "), "  ", Picture(layers, query_heads),
                      " (first layer first)");
}

std::string CacheBytes(const Json& found, const char* site) {
  const Json& bytes = found["kv_bytes"];
  const auto fp32 = bytes["fp32"][site].get<int64_t>();
  const auto whole = bytes["multi_head"]["fp32"].get<int64_t>();
  std::string text =
      absl::StrFormat("%s fp32, %s bf16", Count(bytes["fp32"][site]), Count(bytes["bf16"][site]));
  if (fp32 != whole)
    absl::StrAppend(
        &text, absl::StrFormat(", %.4g %% of multi-head",
                               100.0 * static_cast<double>(fp32) / static_cast<double>(whole)));
  return text;
}

std::string HeadsText(const Json& found) {
  std::string text =
      Fact("K/V heads", absl::StrCat("of ", Count(found["config"]["num_heads"]), " query heads"));
  text += Fact("", "encoder self  " + SiteHeads(found, "encoder_self"));
  text += Fact("", "decoder self  " + SiteHeads(found, "decoder_self"));
  text += Fact("", "cross         " + SiteHeads(found, "cross"));
  text += Fact("K/V bytes", "per position of the decoder's caches, all layers");
  text += Fact("", "decoder self  " + CacheBytes(found, "decoder_self"));
  return text + Fact("", "cross         " + CacheBytes(found, "cross"));
}

std::string VocabularyText(const Json& found) {
  const std::string rows = Count(found["config"]["vocab_size"]) + " rows in the embedding";
  const Json& tokenizer = found["tokenizer"];
  if (tokenizer.is_null()) return Fact("vocabulary", rows + ", no tokenizer");
  return Fact("vocabulary",
              absl::StrCat(Count(tokenizer["size"]), " ids in the tokenizer, ",
                           Count(tokenizer["sentinels"]), " of them sentinels; ", rows));
}

std::string Number(const Json& value) {
  return value.is_number() ? absl::StrFormat("%.4g", value.get<double>()) : "-";
}

std::string ValuesText(const Json& found) {
  std::string text = absl::StrFormat("  %-24s %7s %10s %10s %10s %10s %6s %6s\n", "values",
                                     "tensors", "min", "max", "mean |x|", "RMS", "NaN", "inf");
  for (const auto& [group, values] : found["values"].items()) {
    absl::StrAppend(&text, absl::StrFormat("    %-22s %7d %10s %10s %10s %10s %6d %6d\n", group,
                                           values["tensors"].get<int64_t>(), Number(values["min"]),
                                           Number(values["max"]), Number(values["mean_abs"]),
                                           Number(values["rms"]), values["nan"].get<int64_t>(),
                                           values["infinite"].get<int64_t>()));
  }
  for (const Json& tensor : found["not_finite"])
    text += Fact("not finite",
                 absl::StrCat(tensor["name"].get<std::string>(), ": ", Count(tensor["nan"]),
                              " NaN, ", Count(tensor["infinite"]), " infinite"));
  return text;
}

// What training recorded beside the weights.
std::string TrainingText(const Json& found) {
  if (!found.contains("step")) return "";
  const Json& progress = found["progress"];
  std::string text = absl::StrCat("step ", DumpJson(found["step"]));
  const auto add = [&](const char* key, const char* what) {
    const Json value = progress.is_object() ? progress.value(key, Json()) : Json();
    if (value.is_number_integer()) absl::StrAppend(&text, ", ", what, Count(value));
  };
  add("target_tokens", "target tokens seen ");
  add("source_tokens", "source tokens ");
  add("data_position", "next example ");
  return Fact("training", text) +
         Fact("optimizer", absl::StrCat(Plural(found["optimizer"]["tensors"], "tensor"), ", ",
                                        FormatBytes(found["optimizer"]["bytes"].get<double>()))) +
         Fact("manifest", "verified: every file has its size and hash");
}

std::string HistoryText(const Json& found) {
  std::string text;
  for (const Json& event : found["history"])
    text += Fact(text.empty() ? "history" : "",
                 absl::StrCat(text.empty() ? "" : "-> ", event.get<std::string>()));
  if (!text.empty() || !found["provenance"].is_null()) return text;
  return Fact("history", "not recorded (no regroup.json): a model of other software");
}

std::string TensorLines(const Json& found) {
  std::string text = "  tensors\n";
  for (const Json& tensor : found["tensors"])
    absl::StrAppend(
        &text, absl::StrFormat("    %-66s %-9s [%s]\n", tensor["name"].get<std::string>(),
                               tensor["dtype"].get<std::string>(),
                               absl::StrJoin(tensor["shape"].get<std::vector<int64_t>>(), ", ")));
  return text;
}

}  // namespace

std::string InspectionText(const Json& found, bool tensors) {
  const Json& config = found["config"];
  std::vector<std::string> types;
  for (const auto& [type, count] : found["dtype"].items())
    types.push_back(absl::StrCat(count.get<int64_t>(), " ", type));
  std::string text =
      absl::StrCat(found["path"].get<std::string>(), ": ", found["kind"].get<std::string>(), "\n");
  text += Fact("family", found["family"].get<std::string>());
  text +=
      Fact("shape", absl::StrCat(Count(config["num_layers"]), " + ",
                                 Count(config["num_decoder_layers"]), " layers, d_model ",
                                 Count(config["d_model"]), ", d_ff ", Count(config["d_ff"]), ", ",
                                 Count(config["num_heads"]), " heads of ", Count(config["d_kv"])));
  text += Fact("parameters", absl::StrCat(Count(found["parameters"]), ", ",
                                          FormatBytes(found["bytes"].get<double>()), " (",
                                          absl::StrJoin(types, ", "), " tensors)"));
  text += HeadsText(found) + VocabularyText(found) + HistoryText(found) + TrainingText(found);
  text += Fact("hash", found["weights_hash"].get<std::string>()) + ValuesText(found);
  for (const Json& note : found["notes"]) text += Fact("note", note.get<std::string>());
  return tensors ? text + TensorLines(found) : text;
}

}  // namespace regroup
