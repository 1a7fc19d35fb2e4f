#!/usr/bin/env bash
# Starts a fresh hello-apiserver, runs a command with SERVER_URL in its environment, and ends the
# server: for the rounds of the clients.
#
#   ours.sh HELLO COMMAND...
set -uo pipefail
if [ $# -lt 2 ]; then
  echo "usage: $0 HELLO COMMAND..." >&2
  exit 2
fi
HELLO=$1
shift
# shellcheck source=../../.ci/server.sh
. "$(cd "$(dirname "$0")" && pwd)/../../.ci/server.sh"
trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start_server --insecure-allow-all || exit 1
export SERVER_URL
"$@"
CODE=$?
[ "$CODE" -eq 0 ] || server_log
exit "$CODE"
