// Weights that torch.save wrote (pytorch_model.bin), as a zip archive or in the legacy format, with
// nothing in them executed; without tensors. `checkpoint` turns them into at::Tensor. Formats:
// torch/serialization.py of PyTorch 2.13 (_save, _legacy_save), torch/_utils.py
// (_rebuild_tensor_v2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/status.h"
#include "formats/safetensors.h"

namespace regroup {

// Numbers of one type in the mapping: aligned to 64 bytes in an archive, not at all in a legacy
// file.
struct TorchStorage {
  DType dtype = DType::kF32;
  int64_t count = 0;
  const std::byte* data = nullptr;
};

// A view of a storage, inside its bounds; several tensors may share one. It never has more elements
// than the storage, so that a copy costs no more than the file does. Offset and strides are
// elements.
struct TorchTensor {
  std::string name;
  size_t storage = 0;
  int64_t offset = 0;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};

class TorchFile {
 public:
  // Reads a state dict: a dict or OrderedDict of text -> dense tensor or nn.Parameter. UserError:
  // any other content, a global that state dicts do not have (it is named), a storage or a view
  // outside the file, a name that stands twice, a wrong checksum (an archive's, where it has any).
  static absl::StatusOr<TorchFile> Open(const std::string& path);
  const std::vector<TorchStorage>& storages() const { return storages_; }
  const std::vector<TorchTensor>& tensors() const { return tensors_; }  // sorted by name
  std::shared_ptr<const MappedFile> file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<TorchStorage> storages_;
  std::vector<TorchTensor> tensors_;
};

}  // namespace regroup
