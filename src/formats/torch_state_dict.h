// The meaning of a state dict's pickle: which tensors view which storages. `torch_file` alone calls
// it and finds the storages' bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "formats/pickle.h"
#include "formats/torch_file.h"

namespace regroup {

// What the pickle says of a storage, before it is believed.
struct StorageClaim {
  std::string_view key;  // inside the pickle's bytes
  DType dtype = DType::kF32;
  int64_t count = 0;   // 0 or more
  uint64_t bytes = 0;  // of `count` numbers
};

struct TorchStateDict {
  std::vector<StorageClaim> storages;
  std::vector<TorchTensor> tensors;  // sorted by name; each view fits its storage's claim
};

// The names that ReadPickle may meet in a state dict.
std::span<const std::string_view> StateDictGlobals();

// UserError: content that is no dict of tensors (all such keys are named), a tensor that does not
// fit its storage, a name that stands twice, a storage claimed with two types or sizes.
absl::StatusOr<TorchStateDict> ReadStateDict(const Pickle& pickle, const std::string& place);

}  // namespace regroup
