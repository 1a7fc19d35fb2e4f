#!/usr/bin/env bash
# Starts a fresh hello-apiserver on SQLite, runs a command with SERVER_URL and RESTART (a command that
# restarts the server) in its environment, and ends the server: for the rounds of the clients.
#
#   ours.sh HELLO COMMAND...
set -uo pipefail
if [ $# -lt 2 ]; then
  echo "usage: $0 HELLO COMMAND..." >&2
  exit 2
fi
HELLO=$1
shift
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../../.ci/server.sh
. "$HERE/../../.ci/server.sh"
# The process is another one after a restart.
finish() {
  [ ! -f "$SERVER_FOLDER/pid" ] || SERVER_PID=$(cat "$SERVER_FOLDER/pid")
  stop_server
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start_server --insecure-allow-all || exit 1
export SERVER_URL
export RESTART="$HERE/restart.sh $SERVER_FOLDER $SERVER_URL"
echo "$SERVER_PID" >"$SERVER_FOLDER/pid"
printf '%s\n' "$HELLO" --secure-port "${SERVER_URL##*:}" --data-dir "$SERVER_FOLDER" \
  --insecure-allow-all >"$SERVER_FOLDER/command"
"$@"
CODE=$?
[ "$CODE" -eq 0 ] || server_log
exit "$CODE"
