// A pickle read as data: nothing in it is called, imported or looked up. `torch_file` gets the
// state dict of a torch.save file through it. Format: CPython's Lib/pickletools.py, protocols 2 to
// 5; of the operations only those that a state dict needs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace regroup {

struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,        // number
    kInt,         // number
    kLong,        // text: more than 64 bits, two's complement, little-endian
    kFloat,       // its value is not read
    kText,        // text
    kGlobal,      // text: "module.name"
    kTuple,       // items
    kList,        // items
    kDict,        // items: key, value, key, value, ... in order of writing
    kCall,        // items: what would be called, the tuple of its arguments
    kPersistent,  // items: the id of something stored outside the pickle
  };
  Kind kind = Kind::kNone;
  int64_t number = 0;     // where there are items: which object holds them
  std::string_view text;  // inside the pickle's bytes or the caller's names of globals
};
const char* KindName(PickleValue::Kind kind);  // for messages: "a dict"

// What a pickle holds. Objects refer to each other by number and may do so in circles: readers go
// down by fixed steps, never to the end.
struct Pickle {
  PickleValue root;
  std::vector<std::vector<PickleValue>> objects;
  size_t bytes = 0;  // its own length: something else may follow

  // The items of a tuple, list, dict, call or persistent value.
  const std::vector<PickleValue>& Items(const PickleValue& value) const;
};

// Longer pickles are refused: each byte may cost a hundred in memory. T5-XXL's has 200 kB.
inline constexpr size_t kLongestPickle = size_t{2} << 20;

// Reads the pickle at the beginning of `bytes`, which must outlive the result. A global outside
// `globals` ("module.name") is a UserError that names it; so is every operation that a state dict
// does not need. collections.OrderedDict() is a dict; attributes of a dict are dropped. Memory is
// bounded by the pickle's true length, and nothing recurses.
absl::StatusOr<Pickle> ReadPickle(std::string_view bytes, std::span<const std::string_view> globals,
                                  const std::string& place);

}  // namespace regroup
