// Text from files made fit for a page or a terminal. Used by everything that shows what a run
// folder holds.
#pragma once

#include <string>
#include <string_view>

namespace regroup {

// Bytes that are no UTF-8 become U+FFFD, one for each.
std::string ToUtf8(std::string_view text);

// ToUtf8, with control characters (but tab and newline) as U+FFFD and < > & " ' as entities: fit
// for HTML's text and quoted attributes.
std::string EscapeHtml(std::string_view text);

// ToUtf8 on one line: control characters become spaces, so that nothing steers a terminal.
std::string OneLine(std::string_view text);

// At most `columns` characters; a longer text ends with an ellipsis. `text` is UTF-8.
std::string Shorten(std::string_view text, size_t columns);

// Code points of UTF-8 text.
size_t CharacterCount(std::string_view text);

}  // namespace regroup
