// Python's view of text on top of utf8proc's tables: see unicode.h.
#include "metrics/unicode.h"

#include <utf8proc.h>

#include <algorithm>

#include "metrics/unicode_additions.h"

namespace regroup {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kCapitalSigma = 0x03A3;
constexpr char32_t kSmallSigma = 0x03C3;
constexpr char32_t kFinalSigma = 0x03C2;

utf8proc_category_t Category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Decodes one code point at `at`; returns its length in bytes, or 0 when the byte starts none.
size_t DecodeOne(std::string_view utf8, size_t at, char32_t& c) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()) + at;
  utf8proc_int32_t value = 0;
  const utf8proc_ssize_t length =
      utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(utf8.size() - at), &value);
  c = length > 0 ? static_cast<char32_t>(value) : kReplacement;
  return length > 0 ? static_cast<size_t>(length) : 0;
}

// The property Cased: letters with case, and Other_Lowercase and Other_Uppercase of PropList.txt as
// far as they are not Case_Ignorable.
bool IsCased(char32_t c) {
  constexpr CodePointRange kOtherCased[] = {
      {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2160, 0x217F},  {0x24B6, 0x24E9},
      {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
  if (IsInRanges(kOtherCased, c)) return true;
  const auto category = Category(c);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

// The Unicode property Case_Ignorable: marks, formats, modifiers, and punctuation inside words.
bool IsCaseIgnorable(char32_t c) {
  constexpr std::u32string_view kInsideWords =
      U"'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";
  if (kInsideWords.find(c) != std::u32string_view::npos) return true;
  switch (Category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return false;
  }
}

// A capital sigma is final when a cased letter stands before it and none after it, ignorable ones
// skipped.
bool IsFinalSigma(const std::u32string& text, size_t at) {
  const auto begin = std::make_reverse_iterator(text.begin() + static_cast<std::ptrdiff_t>(at));
  const auto before = std::find_if_not(begin, text.rend(), IsCaseIgnorable);
  if (before == text.rend() || !IsCased(*before)) return false;
  const auto after = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                      text.end(), IsCaseIgnorable);
  return after == text.end() || !IsCased(*after);
}

char32_t LowerSimple(char32_t c) {
  if (c < 0x80) return c >= U'A' && c <= U'Z' ? c + 32 : c;
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

}  // namespace

std::u32string DecodeUtf8(std::string_view utf8) {
  std::u32string text;
  text.reserve(utf8.size());
  for (size_t at = 0; at < utf8.size();) {
    const auto byte = static_cast<unsigned char>(utf8[at]);
    char32_t c = byte;
    at += byte < 0x80 ? 1 : std::max<size_t>(1, DecodeOne(utf8, at, c));
    text.push_back(c);
  }
  return text;
}

size_t FirstInvalidUtf8(std::string_view utf8) {
  for (size_t at = 0; at < utf8.size();) {
    char32_t c = 0;
    const size_t length = static_cast<unsigned char>(utf8[at]) < 0x80 ? 1 : DecodeOne(utf8, at, c);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::u32string Lower(std::u32string text) {
  const bool has_context_rule = text.find_first_of(U"\u0130\u03A3") != std::u32string::npos;
  if (!has_context_rule) {
    std::transform(text.begin(), text.end(), text.begin(), LowerSimple);
    return text;
  }
  std::u32string lower;
  lower.reserve(text.size() + 4);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == U'\u0130') {
      lower += U"i\u0307";
    } else if (text[i] == kCapitalSigma) {
      lower += IsFinalSigma(text, i) ? kFinalSigma : kSmallSigma;
    } else {
      lower += LowerSimple(text[i]);
    }
  }
  return lower;
}

bool IsSpace(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsPunctuation(char32_t c) {
  const auto category = Category(c);
  return (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) ||
         IsInRanges(kNewPunctuation, c);
}

bool IsSymbol(char32_t c) {
  const auto category = Category(c);
  return (category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO) ||
         IsInRanges(kNewSymbol, c);
}

bool IsNumber(char32_t c) {
  const auto category = Category(c);
  return (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) ||
         IsInRanges(kNewNumber, c);
}

bool IsWord(char32_t c) {
  const auto category = Category(c);
  return c == U'_' || (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         IsNumber(c);
}

std::vector<std::u32string_view> SplitWords(std::u32string_view text) {
  std::vector<std::u32string_view> words;
  for (size_t i = 0; i < text.size();) {
    if (IsSpace(text[i])) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (end < text.size() && !IsSpace(text[end])) ++end;
    words.push_back(text.substr(i, end - i));
    i = end;
  }
  return words;
}

std::u32string_view StripRight(std::u32string_view text) {
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace regroup
