#!/usr/bin/env bash
# Ends the server of a folder and starts it again as it was started, for rounds that go across a restart.
#
#   restart.sh FOLDER URL
#
# FOLDER/pid names the process, FOLDER/command how it is started, a word a line; the output goes to
# FOLDER/server.log. URL is asked whether the server is ready.
set -euo pipefail
if [ $# -ne 2 ]; then
  echo "usage: $0 FOLDER URL" >&2
  exit 2
fi
FOLDER=$1
URL=$2
END_SECONDS=3
READY_SECONDS=60

running() { # A process that has ended and that nobody has asked about is a zombie.
  case $(ps -o stat= -p "$1" 2>/dev/null) in '' | Z*) return 1 ;; esac
}

PID=$(cat "$FOLDER/pid")
kill "$PID" 2>/dev/null || true
for ((i = 0; i < END_SECONDS * 10; i++)); do
  running "$PID" || break
  sleep 0.1
done
# The Go server waits for its watches to end. What is killed has to start again just as well.
while running "$PID"; do
  kill -KILL "$PID" 2>/dev/null || true
  sleep 0.1
done
mapfile -t COMMAND <"$FOLDER/command"
"${COMMAND[@]}" >>"$FOLDER/server.log" 2>&1 </dev/null &
PID=$!
echo "$PID" >"$FOLDER/pid"
for ((i = 0; i < READY_SECONDS * 5; i++)); do
  if curl -ksf --max-time 2 "$URL/readyz" >/dev/null 2>&1; then exit 0; fi
  if ! running "$PID"; then break; fi
  sleep 0.2
done
echo "the server was not ready again:" >&2
tail -n 20 "$FOLDER/server.log" >&2
exit 1
