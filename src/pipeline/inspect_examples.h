// Rows as a model sees them: ids of both sides, what the decoder is given, and all of it decoded
// back. inspect_data.cc shows the first ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/batch.h"
#include "text/tokenizer.h"

namespace regroup {

// {"id", "input_ids", "target_ids", "decoder_input_ids"} and with a tokenizer {"input", "target"}:
// the ids decoded back. The decoder's input is the target shifted right behind the start id 0.
Json ExampleJson(const Example& example, const Tokenizer* tokenizer);

// Cut to the limits as training does: the last id becomes EOS.
Example CutExample(Example example, int64_t source, int64_t target);

std::string ExampleText(const Json& example);
// The beginning of a long text, cut between characters.
std::string ShortText(const std::string& text);

}  // namespace regroup
