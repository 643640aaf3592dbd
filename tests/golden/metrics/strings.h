// C++ twin of strings.py: rows that a golden's maker and its test both draw, so that the golden
// stores scores only. Used by strings_golden_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace regroup::golden {

// SplitMix64 (Steele, Lea and Flood 2014), a stream per row.
class Draws {
 public:
  explicit Draws(uint64_t row) : state_(row * 0xD1342543DE82EF95ULL) {}

  uint64_t Below(uint64_t n) {
    state_ += 0x9E3779B97F4A7C15ULL;
    uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return (x ^ (x >> 31)) % n;
  }

  const Json& OneOf(const Json& items) { return items[Below(items.size())]; }

 private:
  uint64_t state_;
};

inline std::string Utf8(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  const auto tail = [&](int shift) { return byte(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | (c >> 6)), tail(0)};
  if (c < 0x10000) return {byte(0xE0 | (c >> 12)), tail(6), tail(0)};
  return {byte(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

inline std::string Piece(Draws& draws, uint64_t kind, const Json& alphabet) {
  if (kind == 0) return draws.OneOf(alphabet["characters"]);
  if (kind == 1) return draws.OneOf(alphabet["digits"]);
  if (kind == 2) {
    const Json& block = draws.OneOf(alphabet["blocks"]);
    const uint64_t first = block[0];
    return Utf8(static_cast<char32_t>(first + draws.Below(block[1].get<uint64_t>() - first + 1)));
  }
  std::string word = draws.OneOf(alphabet["words"]);
  if (draws.Below(4) == 0) word += draws.OneOf(alphabet["endings"]).get<std::string>();
  return word + (draws.Below(3) == 0 ? draws.OneOf(alphabet["spaces"]).get<std::string>() : " ");
}

inline std::vector<std::string> Pieces(Draws& draws, const Json& alphabet) {
  const uint64_t kind = draws.Below(8);
  std::vector<std::string> pieces(draws.Below(30));
  for (std::string& piece : pieces) piece = Piece(draws, kind, alphabet);
  return pieces;
}

inline std::string Changed(Draws& draws, const std::vector<std::string>& base,
                           const Json& alphabet) {
  std::vector<std::string> out;
  for (const std::string& item : base) {
    const uint64_t what = draws.Below(10);
    const std::string used = what == 1 ? Piece(draws, 3, alphabet) : item;
    if (what != 0) out.push_back(used);
    if (what == 2) out.push_back(used);
  }
  const size_t begin = draws.Below(6) == 0 ? out.size() / 2 : 0;
  std::string text;
  for (size_t i = 0; i < out.size(); ++i) text += out[(begin + i) % out.size()];
  return text;
}

inline std::string Repeated(const std::string& text, uint64_t times) {
  std::string out;
  for (uint64_t i = 0; i < times; ++i) out += text;
  return out;
}

struct TextRow {
  std::string prediction;
  std::vector<std::string> references;
};

inline TextRow Row(uint64_t number, const Json& alphabet) {
  Draws draws(number);
  const std::vector<std::string> base = Pieces(draws, alphabet);
  TextRow row{Changed(draws, base, alphabet), {}};
  row.references.resize(1 + draws.Below(3));
  for (std::string& reference : row.references) {
    const auto source = draws.Below(5) == 0 ? Pieces(draws, alphabet) : base;
    reference = Changed(draws, source, alphabet);
  }
  if (draws.Below(12) == 0) row.references.back() = row.prediction;
  if (number % 100 == 99) {
    const uint64_t times = 4 + draws.Below(12);
    row.prediction = Repeated(row.prediction, times);
    for (std::string& reference : row.references) reference = Repeated(reference, times);
  }
  return row;
}

}  // namespace regroup::golden
