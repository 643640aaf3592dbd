// Text as Python sees it: code points, categories, str.lower() and str.split(), so that the scorers
// below agree with references written in Python. Used by every metric of this room; the character
// tables are utf8proc's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace regroup {

// Code points of `utf8`; each byte that is not part of valid UTF-8 becomes U+FFFD.
std::u32string DecodeUtf8(std::string_view utf8);

// Byte offset of the first byte that is not valid UTF-8, or npos.
size_t FirstInvalidUtf8(std::string_view utf8);

// str.lower(): simple mappings, plus the two context rules that change text (U+0130, final sigma).
std::u32string Lower(std::u32string text);

bool IsSpace(char32_t c);        // str.isspace()
bool IsPunctuation(char32_t c);  // \p{P}
bool IsSymbol(char32_t c);       // \p{S}
bool IsNumber(char32_t c);       // \p{N}
bool IsWord(char32_t c);         // \w: letter, number or underscore; combining marks are not

// str.split(): the pieces between runs of white space, as views into `text`.
std::vector<std::u32string_view> SplitWords(std::u32string_view text);

// str.rstrip().
std::u32string_view StripRight(std::u32string_view text);

}  // namespace regroup
