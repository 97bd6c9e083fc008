#!/bin/sh
# linger: see `linger --help`. What touches the network runs in a sandbox, the rest does not.
build=$(dirname "$(readlink -f "$0")")
case $build in
*/san) root=${build%/build/san} ;;
*) root=${build%/build} ;;
esac
[ "${1-}" != census ] || { shift && exec "$build/census" "$@"; } # which needs no Python
python=$(readlink "$build/python") || { echo "linger: not built; run: make" >&2; exit 77; }
[ -x "$python" ] || { echo "linger: $python does not run any more; run: make" >&2; exit 77; }
# What the caller set for their Python is not meant for ours (environment.py gives it back).
for name in HOME NOUSERSITE PATH UTF8; do
	eval "export LINGER_CALLER_PYTHON$name=\"\${PYTHON$name-}\"; unset PYTHON$name"
done
export LINGER_BUILD="$build" PYTHONPATH="$root/harness" PYTHONNOUSERSITE=1 PYTHONUTF8=1
# ^C waits until linger can answer it: Python, interrupted while it starts, would end with 1.
case ${1-} in
check | run | prove | test) exec "$build/sandbox" env --block-signal=INT "$python" -m linger "$@" ;;
*) exec env --block-signal=INT "$python" -m linger "$@" ;;
esac
