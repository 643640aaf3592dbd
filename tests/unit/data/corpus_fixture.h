// Small corpora of numbers and the inverse of span corruption. For the tests of `data`.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/batch.h"
#include "data/span_corruption.h"
#include "support/number_tokenizer.h"
#include "support/temp_folder.h"

namespace regroup {

inline constexpr int32_t kTestVocab = 200'000;
inline constexpr int32_t kTestSentinels = 100;

inline std::shared_ptr<const Tokenizer> TestTokenizer() {
  return std::make_shared<NumberTokenizer>(kTestVocab, kTestSentinels);
}

// `documents` JSON lines of 1 to 40 tokens that count up from `*next`.
inline std::string JsonDocuments(int documents, int32_t* next) {
  std::string lines;
  for (int i = 0; i < documents; ++i) {
    std::string text;
    for (int k = 0; k <= (i * 7) % 40; ++k) text += std::to_string((*next)++) + " ";
    lines += DumpJson(Json{{"text", text}, {"url", "x"}}) + "\n";
    if (i % 50 == 0) lines += "{\"text\": \"\"}\n";  // an empty document
  }
  return lines;
}

// What was corrupted: the source with each sentinel replaced by its span of the target.
inline std::vector<int32_t> Restore(const Example& example) {
  const auto is_sentinel = [](int32_t id) { return id >= kTestVocab - kTestSentinels; };
  std::map<int32_t, std::vector<int32_t>> spans;
  // In the target S1 stands for the first kept run, so span k follows sentinel k.
  int32_t current = 0;
  for (const int32_t id : example.target_ids) {
    if (is_sentinel(id)) {
      current = id;
    } else if (id != kEosId) {
      spans[current].push_back(id);
    }
  }
  std::vector<int32_t> ids;
  for (const int32_t id : example.input_ids) {
    if (is_sentinel(id)) {
      ids.insert(ids.end(), spans[id].begin(), spans[id].end());
    } else if (id != kEosId) {
      ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace regroup
