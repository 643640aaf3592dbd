// A control that must fail: a reader that believes the length of 4 bytes with which its input
// begins and reads the last of as many bytes behind it. targets_test.py expects the fault to be
// found.
#include <cstdint>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint32_t claimed = 0;
  if (size < sizeof claimed) return 0;
  std::memcpy(&claimed, data, sizeof claimed);
  const uint8_t* rest = data + sizeof claimed;
  [[maybe_unused]] const volatile uint8_t end = claimed == 0 ? uint8_t{0} : rest[claimed - 1];
  return 0;
}
