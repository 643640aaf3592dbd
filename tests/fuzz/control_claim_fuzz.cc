// A control that must fail: a reader that allocates as many bytes as the first 4 of its input
// claim. targets_test.py expects the fault to be found.
#include <cstdint>
#include <cstring>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint32_t claimed = 0;
  if (size < sizeof claimed) return 0;
  std::memcpy(&claimed, data, sizeof claimed);
  const std::vector<uint8_t> content(claimed);
  [[maybe_unused]] const volatile bool empty = content.empty();
  return 0;
}
