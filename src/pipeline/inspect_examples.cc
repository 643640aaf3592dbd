// Examples as JSON and as lines.
#include "pipeline/inspect_examples.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace regroup {
namespace {

constexpr size_t kMostIds = 16, kMostText = 240;

std::vector<int32_t> ShiftedRight(const std::vector<int32_t>& target) {
  std::vector<int32_t> shifted = target;
  if (shifted.empty()) return shifted;
  std::rotate(shifted.rbegin(), shifted.rbegin() + 1, shifted.rend());
  shifted.front() = kPadId;
  return shifted;
}

void Cut(std::vector<int32_t>& ids, int64_t length) {
  if (static_cast<int64_t>(ids.size()) <= length) return;
  ids.resize(static_cast<size_t>(length));
  ids.back() = kEosId;
}

// "12 ids: 3 4 5 ... 1"
std::string IdsText(const Json& json) {
  const auto ids = json.get<std::vector<int32_t>>();
  if (ids.size() <= kMostIds) return absl::StrCat(ids.size(), " ids: ", absl::StrJoin(ids, " "));
  const std::vector<int32_t> head(ids.begin(), ids.begin() + kMostIds - 3);
  const std::vector<int32_t> tail(ids.end() - 2, ids.end());
  return absl::StrCat(ids.size(), " ids: ", absl::StrJoin(head, " "), " ... ",
                      absl::StrJoin(tail, " "));
}

}  // namespace

Json ExampleJson(const Example& example, const Tokenizer* tokenizer) {
  Json json = {{"id", example.id}, {"input_ids", example.input_ids}};
  if (tokenizer != nullptr) json["input"] = tokenizer->Decode(example.input_ids);
  json["target_ids"] = example.target_ids;
  if (tokenizer != nullptr) json["target"] = tokenizer->Decode(example.target_ids);
  json["decoder_input_ids"] = ShiftedRight(example.target_ids);
  return json;
}

Example CutExample(Example example, int64_t source, int64_t target) {
  Cut(example.input_ids, source);
  Cut(example.target_ids, target);
  return example;
}

std::string ExampleText(const Json& example) {
  std::string text = absl::StrCat("  example ", example["id"].get<std::string>(), "\n");
  const auto line = [&](const char* name, const std::string& value) {
    absl::StrAppend(&text, absl::StrFormat("    %-14s %s\n", name, value));
  };
  line("encoder input", IdsText(example["input_ids"]));
  if (example.contains("input")) line("", ShortText(example["input"].get<std::string>()));
  if (example["target_ids"].empty()) return text;
  line("target", IdsText(example["target_ids"]));
  if (example.contains("target")) line("", ShortText(example["target"].get<std::string>()));
  line("decoder input", IdsText(example["decoder_input_ids"]));
  return text;
}

std::string ShortText(const std::string& text) {
  if (text.size() <= kMostText) return text;
  size_t end = kMostText;
  while ((text[end] & 0xC0) == 0x80) --end;
  return text.substr(0, end) + " ...";
}

}  // namespace regroup
