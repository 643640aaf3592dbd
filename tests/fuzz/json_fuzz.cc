// A JSON text: what was accepted is the same after writing and reading it.
#include "core/json.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  const auto json = ParseJson(std::string(fuzz::Text(data, size)), "config.json");
  fuzz::CheckRefusal(json.status());
  if (!json.ok()) return 0;
  for (const std::string& text : {DumpJson(*json), DumpJsonPretty(*json)}) {
    const auto again = ParseJson(text, "again.json");
    REGROUP_CHECK(again.ok(), again.status().ToString());
    REGROUP_CHECK(DumpJson(*again) == DumpJson(*json), text);
  }
  return 0;
}
