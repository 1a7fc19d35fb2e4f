#!/usr/bin/env bash
# Sends recorded requests to a fresh hello-apiserver and compares its answers with those of the Go
# server that were recorded.
#
#   replay.sh HELLO [FOLDER [FLAG...]]
#
# HELLO is the program; FOLDER holds replay.py and transcripts/ and is ../shared/conformance beside
# the repository where it is not given; the flags are for the program. What expected-failures.txt lists must fail, and nothing
# else may: a step that is mended must leave the list, so that the list only gets shorter.
set -uo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ]; then
  echo "usage: $0 HELLO [FOLDER [FLAG...]]" >&2
  exit 2
fi
HELLO=$1
FOLDER=${2:-$HERE/../../shared/conformance}
FLAGS=("${@:3}")
LIMIT_SECONDS=600
# shellcheck source=../.ci/server.sh
. "$HERE/../.ci/server.sh"

WORK=$(mktemp -d)
trap 'stop_server; rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM

# One "transcript / step" a line, sorted.
sed -n -E 's/^([^#[:space:]]+ \/ [^[:space:]]+)([[:space:]].*)?$/\1/p' \
  "$HERE/expected-failures.txt" | sort >"$WORK/expected"
if without_reason=$(grep -nE '^[^#[:space:]]+ / [^[:space:]]+[[:space:]]*$' \
  "$HERE/expected-failures.txt"); then
  echo "expected-failures.txt: every failure needs a reason: $without_reason"
  exit 1
fi

start_server --insecure-allow-all "${FLAGS[@]}" || exit 1
PYTHONDONTWRITEBYTECODE=1 timeout "$LIMIT_SECONDS" python3 "$FOLDER/replay.py" check \
  --base "$SERVER_URL" --transcripts "$FOLDER/transcripts" >"$WORK/out" 2>&1
CODE=$?
SUMMARY=$(tail -n 1 "$WORK/out")
case $SUMMARY in
*" passed, "*" failed") ;;
*)
  echo "the replay did not run to its end (exit $CODE):"
  tail -n 20 "$WORK/out" | sed 's/^/  | /'
  server_log
  exit 1
  ;;
esac

# A transcript that stopped counts as "name / stopped:".
sed -n -E 's/^FAIL ([^ ]+ \/ [^ ]+).*/\1/p' "$WORK/out" | sort >"$WORK/failed"
comm -13 "$WORK/expected" "$WORK/failed" >"$WORK/unexpected"
comm -23 "$WORK/expected" "$WORK/failed" >"$WORK/mended"

if [ -s "$WORK/unexpected" ]; then
  echo "these answers differ from the recorded ones:"
  while read -r line; do
    awk -v start="FAIL $line" 'index($0, start) == 1 { show = 1; print "  " $0; next }
      /^FAIL|passed, / { show = 0 } show { print "  " $0 }' "$WORK/out"
  done <"$WORK/unexpected"
fi
if [ -s "$WORK/mended" ]; then
  echo "these no longer fail: take them out of conformance/expected-failures.txt"
  sed 's/^/  /' "$WORK/mended"
fi
echo "replay: $SUMMARY, $(wc -l <"$WORK/expected") expected to fail"
[ ! -s "$WORK/unexpected" ] && [ ! -s "$WORK/mended" ]
