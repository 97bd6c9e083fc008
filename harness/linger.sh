#!/bin/sh
# linger: see `linger --help`. Commands that touch the network run in a sandbox, the rest do not.
build=$(readlink -f "$0")
build=${build%/*}
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
[ -x "$python" ] || { echo "linger: $python no longer runs; $again" >&2; exit 77; }
# The caller's settings for their Python are not for ours (environment.py restores them).
for name in DONTWRITEBYTECODE HOME NOUSERSITE PATH UTF8; do
	eval "export LINGER_CALLER_PYTHON$name=\"\${PYTHON$name-}\"; unset PYTHON$name"
done
export LINGER_BUILD="$build" PYTHONPATH="$root/harness" PYTHONNOUSERSITE=1 PYTHONUTF8=1
# Not -m, which finds modules in the working folder first: a json.py there is not ours.
main='import sys; "" in sys.path and sys.path.remove(""); import linger.__main__'
# ^C waits until linger can handle it: Python would exit with 1 if interrupted while it starts.
case ${1-}:${2-} in
*:-h | *:--help) exec "$python" -c "$main" "$@" ;;
check:* | check-client:* | run:* | prove:* | test:*) exec "$build/sandbox" env --block-signal=INT "$python" -c "$main" "$@" ;;
*) exec env --block-signal=INT "$python" -c "$main" "$@" ;;
esac
