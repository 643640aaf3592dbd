# pip in a virtual environment of its own: Debian's Python refuses installs outside one.
# Sourced by scripts/setup.

pytorch_index=https://download.pytorch.org/whl


download_pip() {
  if [[ ! -x "$cache/pip/bin/pip" ]]; then
    mkdir -p "$cache"
    "$(system_python)" -m venv "$cache/pip" >&2
  fi
  "$cache/pip/bin/python" -m pip --disable-pip-version-check "$@"
}

# From the places pip is configured with, else from PyTorch's own index; both answers are shown
# when neither has it.
from_configured_or_pytorch() { # pip-function subindex wheel-here wheel-there arguments...
  local pip_function="$1" subindex="$2" here="$3" there="$4"
  shift 4
  if ! run_logged try_both "$@"; then
    fail "could not fetch $here, neither from where pip is configured to look nor from" \
      "$pytorch_index/$subindex; or name an unpacked LibTorch with REGROUP_LIBTORCH=<folder>"
  fi
}

# Reads the variables of its caller, from_configured_or_pytorch.
try_both() {
  "$pip_function" "$@" "$here" || "$pip_function" "$@" --index-url "$pytorch_index/$subindex" "$there"
}
