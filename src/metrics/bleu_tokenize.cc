// Tokenizers of sacreBLEU 2.6: 13a is mteval-v13a, intl is mteval-v14 with Unicode classes. Each
// Substitute below is one regular expression of the reference, with its rule that matches do not
// overlap.
#include "metrics/bleu_tokenize.h"

#include <algorithm>

#include "metrics/unicode.h"

namespace regroup {
namespace {

bool IsAsciiDigit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool IsNotAsciiDigit(char32_t c) { return !IsAsciiDigit(c); }
bool IsPeriodOrComma(char32_t c) { return c == U'.' || c == U','; }
bool IsDash(char32_t c) { return c == U'-'; }
bool IsNotNumber(char32_t c) { return !IsNumber(c); }

// [\{-\~\[-\` -\&\(-\+\:-\@\/]: ASCII punctuation and space, without ' , - and period.
bool Is13aSymbol(char32_t c) {
  return (c >= U'{' && c <= U'~') || (c >= U'[' && c <= U'`') || (c >= U' ' && c <= U'&') ||
         (c >= U'(' && c <= U'+') || (c >= U':' && c <= U'@') || c == U'/';
}

// (class) -> " \1 "
template <typename Class>
std::u32string SurroundEach(std::u32string_view text, Class matches) {
  std::u32string out;
  out.reserve(text.size() * 2);
  for (const char32_t c : text) {
    if (matches(c)) {
      out.append({U' ', c, U' '});
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// (first)(second) -> "\1 \2 " when `space_inside`, else " \1 \2". Matches are found from the left
// without overlap.
template <typename First, typename Second>
std::u32string SubstitutePairs(std::u32string_view text, First first, Second second,
                               bool space_inside) {
  std::u32string out;
  out.reserve(text.size() * 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 == text.size() || !first(text[i]) || !second(text[i + 1])) {
      out.push_back(text[i]);
      continue;
    }
    if (space_inside) {
      out.append({text[i], U' ', text[i + 1], U' '});
    } else {
      out.append({U' ', text[i], U' ', text[i + 1]});
    }
    ++i;
  }
  return out;
}

// str.replace(from, to).
std::u32string ReplaceAll(std::u32string text, std::u32string_view from, std::u32string_view to) {
  size_t found = text.find(from);
  if (found == std::u32string::npos) return text;
  std::u32string out;
  size_t at = 0;
  for (; found != std::u32string::npos; found = text.find(from, at)) {
    out.append(text, at, found - at).append(to);
    at = found + from.size();
  }
  return out.append(text, at);
}

std::u32string Tokenize13a(std::u32string_view segment) {
  std::u32string text = ReplaceAll(std::u32string(segment), U"<skipped>", U"");
  text = ReplaceAll(std::move(text), U"-\n", U"");
  text = ReplaceAll(std::move(text), U"\n", U" ");
  text = ReplaceAll(std::move(text), U"&quot;", U"\"");
  text = ReplaceAll(std::move(text), U"&amp;", U"&");
  text = ReplaceAll(std::move(text), U"&lt;", U"<");
  text = ReplaceAll(std::move(text), U"&gt;", U">");
  text = SurroundEach(U" " + text + U" ", Is13aSymbol);
  text = SubstitutePairs(text, IsNotAsciiDigit, IsPeriodOrComma, true);
  text = SubstitutePairs(text, IsPeriodOrComma, IsNotAsciiDigit, false);
  return SubstitutePairs(text, IsAsciiDigit, IsDash, true);
}

std::u32string TokenizeIntl(std::u32string_view segment) {
  std::u32string text = SubstitutePairs(segment, IsNotNumber, IsPunctuation, true);
  text = SubstitutePairs(text, IsPunctuation, IsNotNumber, false);
  return SurroundEach(text, IsSymbol);
}

}  // namespace

absl::StatusOr<BleuTokenizer> ParseBleuTokenizer(const std::string& name) {
  REGROUP_RETURN_IF_ERROR(CheckBleuTokenizer(name));
  const auto& names = BleuTokenizerNames();
  return static_cast<BleuTokenizer>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::u32string SeparateTokens(std::u32string_view segment, BleuTokenizer tokenizer) {
  switch (tokenizer) {
    case BleuTokenizer::k13a:
      return Tokenize13a(segment);
    case BleuTokenizer::kIntl:
      return TokenizeIntl(segment);
    case BleuTokenizer::kChar:
      return SurroundEach(segment, [](char32_t) { return true; });
    case BleuTokenizer::kNone:
      break;
  }
  return std::u32string(segment);
}

}  // namespace regroup
