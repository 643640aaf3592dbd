# The pinned Python environment (scripts/peers-requirements.txt), with transformers 4 in a folder of its own
# (scripts/peers-transformers4-requirements.txt). Sourced by scripts/setup and scripts/test.

peers_megabytes=1700
peers_dir() { echo "$cache/peers-$(cat "$repo"/scripts/peers-*requirements.txt | sha256sum | cut -c1-12)"; }
peers_python() { echo "$(peers_dir)/bin/python"; }
peers_ready() { [[ -f "$(peers_dir)/ready" ]]; }

peers_pip() { "$(peers_python)" -m pip --disable-pip-version-check "$@"; }

make_peers() {
  local dir torch
  dir="$(peers_dir)"
  torch="$(sed -n 's/^torch==//p' "$repo/scripts/peers-requirements.txt")"
  say "making the Python environment $dir"
  rm -rf "$dir"
  "$(system_python)" -m venv "$dir" >&2
  from_configured_or_pytorch peers_pip cpu "torch==$torch+cpu" "torch==$torch+cpu" \
    install --quiet --no-deps
  run_logged peers_pip install --quiet --use-pep517 \
    --requirement "$repo/scripts/peers-requirements.txt" || fail "pip failed; see above"
  run_logged peers_pip install --quiet --no-deps --target "$dir/transformers4" \
    --requirement "$repo/scripts/peers-transformers4-requirements.txt" || fail "pip failed; see above"
  touch "$dir/ready"
}
