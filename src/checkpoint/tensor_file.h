// Files of weights <-> tensors by name. Used by the HF folder, run checkpoints and `inspect`.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/status.h"
#include "formats/safetensors.h"
#include "formats/torch_file.h"
#include "ops/state_dict.h"

namespace regroup {

// The tensors of one file in the file's dtypes. Where the data is aligned for its type the tensor
// lies on the read-only mapping and keeps it alive (never write to it: clone first); otherwise it
// is a copy.
StateDict TensorsOf(const SafetensorsFile& file);
// The same; tensors that share a storage share its memory, and strides are those of the file.
StateDict TensorsOf(const TorchFile& file);
// By the name: *.safetensors, else a file that torch.save wrote.
absl::StatusOr<StateDict> ReadTensorFile(const std::string& path);

// Writes CPU or device tensors of any strides; the same content gives the same bytes.
absl::Status WriteTensorFile(const std::string& path, const StateDict& tensors);

// "float32", "bfloat16", ... as `torch_dtype` in config.json spells it.
std::string TorchDtypeName(at::ScalarType dtype);
// safetensors' spelling ("F32"); programmer error for types that we never write.
DType ToDType(at::ScalarType dtype);

// False if a floating-point tensor holds NaN or an infinity.
bool AllFinite(const at::Tensor& tensor);
// Same dtype, shape and bytes.
bool SameBits(const at::Tensor& a, const at::Tensor& b);
// "[512, 64]"
std::string ShapeText(const std::vector<int64_t>& shape);

}  // namespace regroup
