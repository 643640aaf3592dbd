// A pickle and its meaning as a state dict: every reference leads to an object that is there, every
// view fits.
#include "formats/pickle.h"
#include "formats/torch_state_dict.h"
#include "fuzz/fuzz.h"
#include "fuzz/torch_views.h"

namespace regroup {
namespace {

using Kind = PickleValue::Kind;

void CheckValue(const Pickle& pickle, const PickleValue& value) {
  if (value.kind < Kind::kTuple) return;
  REGROUP_CHECK(value.number >= 0 && static_cast<size_t>(value.number) < pickle.objects.size());
  const size_t items = pickle.Items(value).size();
  REGROUP_CHECK(value.kind != Kind::kDict || items % 2 == 0);
  REGROUP_CHECK(value.kind != Kind::kCall || items == 2);
  REGROUP_CHECK(value.kind != Kind::kPersistent || items == 1);
}

void CheckPickle(const Pickle& pickle, size_t size) {
  REGROUP_CHECK(pickle.bytes <= size);
  CheckValue(pickle, pickle.root);
  for (const auto& items : pickle.objects) {
    for (const PickleValue& value : items) CheckValue(pickle, value);
  }
}

}  // namespace
}  // namespace regroup

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  const auto pickle = ReadPickle(fuzz::Text(data, size), StateDictGlobals(), "data.pkl");
  fuzz::CheckRefusal(pickle.status());
  if (!pickle.ok()) return 0;
  CheckPickle(*pickle, size);
  const auto dict = ReadStateDict(*pickle, "data.pkl");
  fuzz::CheckRefusal(dict.status());
  if (!dict.ok()) return 0;
  for (const TorchTensor& tensor : dict->tensors) {
    fuzz::CheckView(tensor, dict->storages.at(tensor.storage).count);
  }
  return 0;
}
