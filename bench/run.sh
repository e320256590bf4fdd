#!/usr/bin/env bash
# Side-by-side benchmark: `bench/run.sh --help`, bench/README.md. `bench/run.sh agreement …` runs agreement.py instead. Everything it needs and makes lies in one cache folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export WHODID_BENCH_CACHE=${WHODID_BENCH_CACHE:-$HOME/.cache/whodid/bench}
venv=$WHODID_BENCH_CACHE/venv
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/requirements.txt"
fi
cd "$here"
[ "${1-}" != agreement ] || { shift; exec "$venv/bin/python" agreement.py "$@"; }
exec "$venv/bin/python" -m side_by_side "$@"
