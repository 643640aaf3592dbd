// UTF-8 without a library: where a character ends. Readers of lines and byte tokenizers use it.
#pragma once

#include <cstddef>
#include <string_view>

namespace regroup {

// Bytes of the character that `text` (not empty) begins with, 0 if none does (RFC 3629; Unicode,
// table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF).
size_t Utf8CharacterBytes(std::string_view text);

// Where `text` stops being UTF-8, or npos.
size_t FindNotUtf8(std::string_view text);

}  // namespace regroup
