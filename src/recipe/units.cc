// Parsing of numbers with units.
#include "recipe/units.h"

#include <cmath>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace regroup {
namespace {

const std::map<std::string, double>& Factors() {
  static const std::map<std::string, double> factors = {{"", 1},
                                                        {"k", 1e3},
                                                        {"M", 1e6},
                                                        {"G", 1e9},
                                                        {"T", 1e12},
                                                        {"B", 1},
                                                        {"kB", 1e3},
                                                        {"MB", 1e6},
                                                        {"GB", 1e9},
                                                        {"TB", 1e12},
                                                        {"KiB", 1024},
                                                        {"MiB", 1048576.0},
                                                        {"GiB", 1073741824.0},
                                                        {"TiB", 1099511627776.0}};
  return factors;
}

bool IsWord(const std::string& text) {
  static const std::set<std::string> words = {"",       "step",    "steps",    "token",
                                              "tokens", "example", "examples", "row",
                                              "rows",   "byte",    "bytes"};
  return words.contains(text);
}

// Splits "50k steps" into 50, "k", "steps".
bool SplitNumber(const std::string& text, double* number, std::string* unit, std::string* word) {
  size_t end = text.find_first_not_of("0123456789.+-_eE");
  if (end == std::string::npos) end = text.size();
  std::string digits = text.substr(0, end);
  std::erase(digits, '_');
  const std::string rest(absl::StripAsciiWhitespace(text.substr(end)));
  const size_t space = rest.find(' ');
  *unit = rest.substr(0, space);
  *word =
      space == std::string::npos ? "" : std::string(absl::StripAsciiWhitespace(rest.substr(space)));
  if (word->empty() && !Factors().contains(*unit)) std::swap(*unit, *word);
  return absl::SimpleAtod(digits, number) && std::isfinite(*number);
}

}  // namespace

absl::StatusOr<int64_t> ParseCount(const std::string& text) {
  const char* expected = "expected a whole number, for instance 800, 50k steps or 10 GB";
  double number;
  std::string unit, word;
  int64_t whole;
  if (absl::SimpleAtoi(text, &whole)) return whole;
  if (!SplitNumber(text, &number, &unit, &word) || !Factors().contains(unit) || !IsWord(word)) {
    return absl::InvalidArgumentError(expected);
  }
  const double value = number * Factors().at(unit);
  if (std::abs(value - std::round(value)) > 1e-6 * std::max(1.0, std::abs(value)) ||
      std::abs(value) > 9e18) {
    return absl::InvalidArgumentError(expected);
  }
  return std::llround(value);
}

absl::StatusOr<double> ParseNumber(const std::string& text) {
  const bool percent = text.ends_with('%');
  const std::string digits(
      absl::StripAsciiWhitespace(percent ? text.substr(0, text.size() - 1) : text));
  double value;
  if (!absl::SimpleAtod(digits, &value) || !std::isfinite(value)) {
    return absl::InvalidArgumentError("expected a number, for instance 0.001 or 5%");
  }
  return percent ? value / 100 : value;
}

std::string FormatLimit(double limit) {
  const bool whole = limit == std::floor(limit) && std::abs(limit) < 1e15;
  return whole ? absl::StrCat(static_cast<int64_t>(limit)) : absl::StrCat(limit);
}

}  // namespace regroup
