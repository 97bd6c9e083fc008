#!/bin/sh
# linger: see `linger --help`. What touches the network runs in a sandbox, the rest does not.
build=$(dirname "$(readlink -f "$0")")
case $build in
*/san) root=${build%/build/san} ;;
*) root=${build%/build} ;;
esac
python=$(readlink "$build/python") || { echo "linger: not built; run: make" >&2; exit 77; }
export LINGER_CALLER_PYTHONPATH="${PYTHONPATH-}"
export LINGER_BUILD="$build" PYTHONPATH="$root/harness" PYTHONUTF8=1
# ^C waits until linger can answer it: Python, interrupted while it starts, would end with 1.
case ${1-} in
census) shift && exec "$build/census" "$@" ;;
check | run | prove | test) exec "$build/sandbox" env --block-signal=INT "$python" -m linger "$@" ;;
*) exec env --block-signal=INT "$python" -m linger "$@" ;;
esac
