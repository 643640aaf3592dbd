// Porter's stemmer with the extensions of NLTK, which rouge_score uses. It differs from Porter's
// own and from libstemmer's "porter" (irregular forms, -ies/-ied of four letters, -y after a
// consonant, -alli, -fulli, -logi). Used by rouge.cc.
#pragma once

#include <string>

namespace regroup {

// The stem of `word`, which holds only a-z and 0-9.
std::string PorterStem(const std::string& word);

}  // namespace regroup
