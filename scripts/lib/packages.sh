# The packages of the distribution that building and testing need. Sourced by scripts/setup.

debian_packages=(
  g++ cmake ninja-build python3 python3-venv ca-certificates
  libabsl-dev libcli11-dev libgmock-dev libgtest-dev libutf8proc-dev libxxhash-dev libyaml-cpp-dev
  libzstd-dev nlohmann-json3-dev zlib1g-dev
)
debian_packages_megabytes=550 # on a machine that has none of them

missing_packages() { # yes|no: for fuzzing too
  local wanted=("${debian_packages[@]}")
  if [[ "$1" == yes ]]; then wanted+=("${fuzz_packages[@]}"); fi
  if ! command -v dpkg-query >/dev/null; then
    return
  fi
  local installed
  installed="$(dpkg-query --show --showformat='${db:Status-Abbrev}${Package}\n' 2>/dev/null |
    sed -n 's/^ii *//p')"
  local package
  for package in "${wanted[@]}"; do
    grep -qxF -- "$package" <<<"$installed" || echo "$package"
  done
}

# With neither root nor sudo, one message that says what to ask for.
install_packages() { # packages
  local as_root=()
  if [[ "$(id -u)" != 0 ]]; then
    if ! command -v sudo >/dev/null || ! sudo -v; then
      fail "these packages are missing, and neither root nor sudo is there to install them." \
        "Ask for: apt-get install $*"
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -q >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "$@" >&2
}
