#!/bin/sh
# linger: see `linger --help`. What touches the network runs in a sandbox, the rest does not.
build=$(dirname "$(readlink -f "$0")")
case $build in
*/san) root=${build%/build/san} ;;
*) root=${build%/build} ;;
esac
python=$(readlink "$build/python")
export LINGER_BUILD="$build" PYTHONPATH="$root/harness"
case ${1-} in
run | prove | test) exec "$build/sandbox" "$python" -m linger "$@" ;;
*) exec "$python" -m linger "$@" ;;
esac
