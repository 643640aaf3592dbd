# Which LibTorch is used, and how one is fetched. Sourced by scripts/setup.
# The choice itself is cmake/FindLibTorch.cmake's, asked through cmake/ProbeLibTorch.cmake.

libtorch_version=2.13.0
cpu_megabytes=700         # wheel 190, unpacked 510
cuda_megabytes=7000       # wheels, and the same unpacked
cuda_download_gigabytes=2.5

nvidia_driver_answers() { nvidia-smi -L 2>/dev/null | grep -q GPU; }

# "cpu|cuda|cuda+kernels <version> <folder>", nothing where there is none or no cmake yet to ask.
# A folder that was named and does not fit ends the script with CMake's sentence.
probe_libtorch() {
  command -v cmake >/dev/null || return 0
  cmake -P "$repo/cmake/ProbeLibTorch.cmake"
}

# Sets torch_plan to: have, fetch-cpu or fetch-cuda; torch_found to what the probe said.
plan_libtorch() { # yes|no: --cuda was given
  local asked_cuda="$1"
  torch_found="$(probe_libtorch)" || exit 1
  local want=cpu
  if [[ "$asked_cuda" == yes ]] || nvidia_driver_answers; then want=cuda; fi
  torch_plan=have
  if [[ -z "$torch_found" ]]; then
    torch_plan="fetch-$want"
  elif [[ "$torch_found" == cpu* && "$want" == cuda && -z "${REGROUP_LIBTORCH:-}${Torch_DIR:-}" ]]; then
    # A CPU torch of Python's is used as it is unless --cuda says otherwise.
    if [[ "$asked_cuda" == yes || "$torch_found" == *" $cache/"* ]]; then torch_plan=fetch-cuda; fi
  fi
}

unpack_wheels() { # destination wheels...
  "$(system_python)" - "$@" <<'PYTHON'
import sys, zipfile

keep = ("torch/lib/", "torch/include/", "torch/share/", "torch/version.py", "nvidia/")
for wheel in sys.argv[2:]:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(sys.argv[1], [n for n in archive.namelist() if n.startswith(keep)])
PYTHON
}

# Unpacks aside and renames, so that a stopped set-up leaves no half LibTorch behind.
unpack_as_version() { # wheels...
  local aside version
  aside="$(mktemp -d "$cache/libtorch/.unpack.XXXXXX")"
  unpack_wheels "$aside" "$@"
  version="$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$aside/torch/version.py")"
  chmod 755 "$aside"
  rm -rf "$cache/libtorch/$version"
  mv "$aside" "$cache/libtorch/$version"
  echo "$cache/libtorch/$version/torch"
}

fetch_cpu_libtorch() {
  local wheels="$cache/download/torch-cpu"
  mkdir -p "$wheels" "$cache/libtorch"
  say "fetching LibTorch $libtorch_version for CPU"
  from_configured_or_pytorch download_pip cpu "torch==$libtorch_version+cpu" \
    "torch==$libtorch_version+cpu" download --quiet --no-deps --dest "$wheels"
  unpack_as_version "$wheels"/torch-*.whl >/dev/null
  rm -rf "$wheels"
}

# "===" compares the version's text: a +cpu wheel that pip is configured to see does not match.
fetch_cuda_libtorch() { # yes|no: --cuda was given
  local wheels="$cache/download/torch-cuda" root
  mkdir -p "$wheels" "$cache/libtorch"
  say "fetching LibTorch $libtorch_version with CUDA and its run-time wheels"
  from_configured_or_pytorch download_pip cu130 "torch===$libtorch_version" \
    "torch==$libtorch_version+cu130" download --quiet --only-binary=:all: --dest "$wheels"
  root="$(unpack_as_version "$wheels"/torch-*.whl "$wheels"/nvidia_*.whl)"
  if [[ ! -e "$root/lib/libtorch_cuda.so" ]]; then
    fail "the wheel that pip found for torch===$libtorch_version has no CUDA part ($root)"
  fi
  if [[ "$1" == yes ]]; then echo "$root" >"$cache/libtorch/chosen"; fi
  rm -rf "$wheels"
}
