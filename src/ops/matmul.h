// Matrix products by the faster of the two libraries that LibTorch brings. `model`, the other
// functions of `ops` and `calibrate` call it.
//
// fp32 on AMD processors with AVX-512: oneDNN, whose kernels use AVX-512 there, while MKL's do not
// (1.1 to 1.5 times as fast, benchmarks/matmul.md). Everything else, and products too small
// to be worth the choice: ATen's own, which is MKL for fp32 and oneDNN for bf16.
#pragma once

#include <ATen/core/Tensor.h>

namespace regroup {

enum class MatMulLibrary { kAten, kOneDnn };

// Which one serves fp32 products of this processor.
MatMulLibrary Fp32Library();
// Whether fp32 products by oneDNN can be asked for here at all (AVX-512, a LibTorch that has them).
bool OneDnnServesFp32();

// a b of matrices [m, k], [k, n] or of batches of them [b, m, k], [b, k, n]; any strides. Not
// differentiable: for what has a gradient of its own, or needs none (checked).
at::Tensor MatMul(const at::Tensor& a, const at::Tensor& b);
void MatMulInto(at::Tensor& out, const at::Tensor& a, const at::Tensor& b);
// By this library, for tests and benchmarks.
void MatMulBy(MatMulLibrary library, at::Tensor& out, const at::Tensor& a, const at::Tensor& b);

// x [..., k] times w^T, w [n, k]: [..., n]. Differentiable. [at::linear without a bias]
at::Tensor Linear(const at::Tensor& x, const at::Tensor& w);

}  // namespace regroup
