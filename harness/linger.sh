#!/bin/sh
# linger: see `linger --help`. What touches the network runs in a sandbox, the rest does not.
build=$(dirname "$(readlink -f "$0")")
python=$(readlink "$build/python")
again="run: make"
case $build in
*/san) root=${build%/build/san} ;;
*/build) root=${build%/build} ;;
*) # installed; without a link, as in Debian's package, on the system's Python
	root=${build%/harness/linger/programs} again="install linger again"
	python=${python:-/usr/bin/python3} ;;
esac
[ "${1-}" != census ] || { shift && exec "$build/census" "$@"; } # which needs no Python
[ -n "$python" ] || { echo "linger: not built; $again" >&2; exit 77; }
[ -x "$python" ] || { echo "linger: $python does not run any more; $again" >&2; exit 77; }
# What the caller set for their Python is not meant for ours (environment.py gives it back).
for name in DONTWRITEBYTECODE HOME NOUSERSITE PATH UTF8; do
	eval "export LINGER_CALLER_PYTHON$name=\"\${PYTHON$name-}\"; unset PYTHON$name"
done
export LINGER_BUILD="$build" PYTHONPATH="$root/harness" PYTHONNOUSERSITE=1 PYTHONUTF8=1
# ^C waits until linger can answer it: Python, interrupted while it starts, would end with 1.
case ${1-}:${2-} in
*:-h | *:--help) exec "$python" -m linger "$@" ;;
check:* | check-client:* | run:* | prove:* | test:*) exec "$build/sandbox" env --block-signal=INT "$python" -m linger "$@" ;;
*) exec env --block-signal=INT "$python" -m linger "$@" ;;
esac
