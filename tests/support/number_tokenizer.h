// A tokenizer for tests: "7 8 9" is the ids 7, 8, 9. No model file, no surprises.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace regroup {

class NumberTokenizer : public Tokenizer {
 public:
  NumberTokenizer(int32_t size, int32_t sentinels) : size_(size), sentinels_(sentinels) {}

  std::vector<int32_t> Encode(std::string_view text) const override {
    std::istringstream in{std::string(text)};
    std::vector<int32_t> ids;
    for (int32_t id; in >> id;) ids.push_back(id);
    return ids;
  }
  std::string Decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
    return text;
  }
  int32_t size() const override { return size_; }
  int32_t sentinels() const override { return sentinels_; }
  std::vector<std::pair<std::string, std::string>> Files() const override { return {}; }

 private:
  int32_t size_;
  int32_t sentinels_;
};

}  // namespace regroup
