#!/usr/bin/env bash
# Everything about the OpenAPI documents of a running server: they are compared with another
# server's or with kept ones, validated, and requests that are made up from them must not upset it.
#
#   run.sh PYTHON_FOLDER URL [WANT]
#
# PYTHON_FOLDER has the tools of requirements.txt; WANT is the URL of a server or a folder of kept
# documents. EXAMPLES and SECONDS_MAX bound the made-up requests, SEED repeats them. All steps are
# run even if one fails.
set -uo pipefail
if [ $# -lt 2 ]; then
  echo "usage: $0 PYTHON_FOLDER URL [WANT]" >&2
  exit 2
fi
BIN=$(cd "$1" && pwd)/bin
URL=$2
WANT=${3:-}
EXAMPLES=${EXAMPLES:-30}
SECONDS_MAX=${SECONDS_MAX:-12}
SEED=${SEED:-1}
REQUEST_SECONDS=10
WORKERS=4
export PYTHONDONTWRITEBYTECODE=1
cd "$(dirname "$0")" || exit 1
HERE=$PWD
FAILED=0

if [ -n "$WANT" ]; then
  "$BIN/python" compare.py --want "$WANT" --got "$URL" || FAILED=1
fi
"$BIN/python" validate.py --server "$URL" || FAILED=1

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
for version in v1 v2; do
  (cd "$WORK" && SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$HERE "$BIN/st" run "$URL/openapi/v3/apis/hello.zeng.dev/$version" --url "$URL" \
    --tls-verify false --no-color --checks not_a_server_error --phases fuzzing --warnings off \
    --exclude-path-regex '/watch/' --max-examples "$EXAMPLES" --max-time "$SECONDS_MAX" \
    --request-timeout "$REQUEST_SECONDS" --workers "$WORKERS" --seed "$SEED" \
    --generation-database none) >"$WORK/log" 2>&1
  CODE=$?
  if [ "$CODE" -ne 0 ]; then
    FAILED=1
    cat "$WORK/log"
  fi
  grep -E '^ +[0-9]+ generated' "$WORK/log" | sed "s/^ */$version: made-up requests: /"
done
exit "$FAILED"
