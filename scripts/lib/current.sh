# Whether set-up and build are current, and making them so. Sourced by scripts/regroup, scripts/test,
# scripts/dev, scripts/gpu_check and scripts/setup, after kit.sh. When all is current it touches no network.

sentencepiece_dir="$cache/sentencepiece-0.2.0"

# Changes whenever the set-up scripts, or what the user names as LibTorch, change.
setup_key() {
  {
    cat "$repo/scripts/setup" "$repo"/scripts/lib/* "$repo/cmake/FindLibTorch.cmake"
    echo "${REGROUP_LIBTORCH:-}|${Torch_DIR:-}|$(chosen_kit)"
  } | sha256sum | cut -c1-16
}

setup_stamp() { echo "$cache/setup/$(setup_key)"; }

# The stamp holds the folder of LibTorch.
setup_is_current() {
  local stamp
  stamp="$(setup_stamp)"
  [[ -f "$stamp" && -f "$(<"$stamp")/lib/libtorch_cpu.so" &&
    -f "$sentencepiece_dir/lib/libsentencepiece.a" ]]
}

ensure_setup() {
  setup_is_current || "$repo/scripts/setup"
}

# What a build folder is configured for: LibTorch's folder, and the kit's where one is used.
build_inputs() { cat "$(setup_stamp)" && chosen_kit; }

# Configures where that was not yet done for these. Nothing that was found before is kept.
ensure_configured() {
  if [[ ! -f "$build_dir/build.ninja" ]] || ! diff -q <(build_inputs) "$build_dir/configured_for" >/dev/null 2>&1; then
    say "configuring $build_dir"
    rm -f "$build_dir/CMakeCache.txt"
    (cd "$repo" && cmake --preset "$preset" -DREGROUP_KIT="$(chosen_kit)" >&2)
    build_inputs >"$build_dir/configured_for"
  fi
}

# Ninja's own check says whether anything is to do; its lines for "nothing" are left out.
run_ninja() { # targets
  local quiet='Re-checking globbed directories|no work to do|Entering directory'
  ninja -C "$build_dir" "$@" 2>&1 | { grep --line-buffered -vE "$quiet" || true; } >&2
}

# One build of a folder at a time; a second caller waits.
ensure_built() { # targets
  mkdir -p "$build_dir"
  (
    flock 9
    ensure_configured
    run_ninja "$@"
  ) 9>"$build_dir/.lock"
}
