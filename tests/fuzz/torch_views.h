// The promise of formats/torch_file.h: a view never leaves its storage. For the targets of pickles
// and torch files.
#pragma once

#include "core/status.h"
#include "formats/torch_file.h"

namespace regroup::fuzz {

// `count`: numbers in the tensor's storage. Written without the reader's arithmetic: indices are
// added one by one.
inline void CheckView(const TorchTensor& tensor, int64_t count) {
  REGROUP_CHECK(tensor.shape.size() == tensor.strides.size());
  __extension__ using Wide = __int128;
  Wide elements = 1, last = tensor.offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    REGROUP_CHECK(tensor.shape[i] >= 0 && tensor.strides[i] >= 0);
    if (tensor.shape[i] == 0) return;
    last += Wide{tensor.shape[i] - 1} * tensor.strides[i];
    elements *= tensor.shape[i];
    REGROUP_CHECK(elements <= count && last < count, tensor.name);
  }
}

}  // namespace regroup::fuzz
