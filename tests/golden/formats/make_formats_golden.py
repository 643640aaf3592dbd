#!/usr/bin/env python3
"""Makes files by the real torch.save (archives and the legacy format; weights, and things that are no weights) and
torch_files.json: what torch.load finds in them. Run with the pinned environment's python (scripts/setup --peers)."""
import json
import os
import pathlib
from collections import OrderedDict

import torch

HERE = pathlib.Path(__file__).parent


class Command:
    """Unpickling it would run a command that leaves a file behind."""

    def __reduce__(self):
        return os.system, ("touch executed_by_pickle",)


def weights() -> OrderedDict:
    torch.manual_seed(1)
    base = torch.randn(6, 5)
    state = OrderedDict(
        plain=torch.randn(2, 3), tied=base, tied_again=base, transposed=base.t(), column=base[1:, 2],
        half=torch.randn(3).half(), brain=torch.randn(4).bfloat16(), double=torch.randn(2, 2).double(),
        long=torch.tensor([-1, 2**40]), int=torch.tensor([7, -8], dtype=torch.int32),
        short=torch.tensor([300, -3], dtype=torch.int16), char=torch.tensor([-5], dtype=torch.int8),
        byte=torch.tensor([200], dtype=torch.uint8), bool=torch.tensor([True, False]), scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3))
    state["permuted"] = torch.randn(2, 3, 4).permute(2, 0, 1)
    state._metadata = OrderedDict({"": {"version": 1}, "layer": {"version": 2}})
    return state


def parameters() -> dict:
    torch.manual_seed(2)
    tied = torch.nn.Parameter(torch.randn(3, 2))
    return {"a": tied, "b": tied, "c": torch.nn.Parameter(torch.randn(2), requires_grad=False), "d": torch.ones(1)}


def bytes_of(tensor: torch.Tensor) -> str:
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes().hex() if flat.numel() else ""


def describe(path: pathlib.Path) -> dict:
    loaded = torch.load(path, weights_only=False)  # our own files; the restricted reader of torch stops at protocol 3
    return {name: {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape),
                   "bytes": bytes_of(tensor)} for name, tensor in loaded.items()}


def save_weights() -> list[str]:
    for protocol in (2, 3, 4, 5):
        torch.save(parameters(), HERE / f"parameters_{protocol}.bin", pickle_protocol=protocol)
    torch.save(weights(), HERE / "archive.bin")
    torch.save(weights(), HERE / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save(parameters(), HERE / "legacy_parameters.bin", _use_new_zipfile_serialization=False, pickle_protocol=4)
    torch.serialization.set_crc32_options(False)
    torch.save(weights(), HERE / "archive_without_checksums.bin")
    torch.serialization.set_crc32_options(True)
    return sorted(path.name for path in HERE.glob("*.bin"))


def save_others() -> dict:
    """What regroup must refuse, with a word that its message must hold."""
    ones = torch.ones(2)
    others = {
        "command": ({"weight": ones, "bad": Command()}, "posix.system"),
        "module": (torch.nn.Linear(2, 1), "torch.nn.modules.linear.Linear"),
        "checkpoint": ({"epoch": 3, "lr": 0.1, "state_dict": {"weight": ones}}, "\"epoch\" is an integer"),
        "tensor": (ones, "expected a state dict"),
        "list": ([ones], "expected a state dict"),
        "sparse": ({"weight": torch.eye(2).to_sparse()}, "_rebuild_sparse_tensor"),
        "unsigned": ({"weight": torch.ones(2, dtype=torch.uint16)}, "_rebuild_tensor_v3"),
        "complex": ({"weight": torch.ones(2, dtype=torch.complex64)}, "torch.ComplexFloatStorage"),
        "expanded": ({"weight": ones[:1].expand(1000000)}, "do not fit its storage of"),
        "storage": ({"weight": ones.untyped_storage()}, "torch.storage.UntypedStorage"),
        "size": ({"weight": ones, "shape": ones.shape}, "torch.Size"),
        "device": ({"weight": ones, "where": torch.device("cpu")}, "torch.device"),
        "numbered": ({3: ones}, "the key of an integer"),
        "state_of_parameter": ({"weight": with_state(torch.nn.Parameter(ones))}, "_rebuild_parameter_with_state"),
    }
    expected = {}
    for name, (content, word) in others.items():
        for folder, zipped in (("refused", True), ("refused_legacy", False)):
            path = HERE / folder / f"{name}.bin"
            path.parent.mkdir(exist_ok=True)
            torch.save(content, path, _use_new_zipfile_serialization=zipped)
            expected[f"{folder}/{name}.bin"] = word
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(HERE / "refused" / "program.bin"))
    expected["refused/program.bin"] = "TorchScript"
    return expected


def with_state(parameter: torch.nn.Parameter) -> torch.nn.Parameter:
    parameter.note = "kept by torch.save"
    return parameter


def main() -> None:
    read = {name: describe(HERE / name) for name in save_weights()}
    refused = save_others()
    (HERE / "torch_files.json").write_text(json.dumps({"read": read, "refused": refused}, indent=1) + "\n")


if __name__ == "__main__":
    main()
