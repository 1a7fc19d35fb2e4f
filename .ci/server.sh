# Starts and ends a hello-apiserver; for scripts, which source it.
#
# start_server FLAG...: on a free port, with a new data folder; sets SERVER_URL and
# SERVER_KUBECONFIG. stop_server: by its own process id, and removes the folder. Both need HELLO,
# the program. Whoever sources this calls stop_server in a trap, so that nothing is left behind.

SERVER_PID=
SERVER_FOLDER=
SERVER_URL=
SERVER_KUBECONFIG=
SERVER_START_SECONDS=30

start_server() {
  SERVER_FOLDER=$(mktemp -d)
  SERVER_KUBECONFIG=$SERVER_FOLDER/admin.kubeconfig
  "$HELLO" --secure-port 0 --data-dir "$SERVER_FOLDER" "$@" \
    >"$SERVER_FOLDER/server.log" 2>&1 </dev/null &
  SERVER_PID=$!
  local waited=0
  until SERVER_URL=$(sed -n 's/.* serves on \(https:[^ ]*\).*/\1/p' "$SERVER_FOLDER/server.log") &&
    [ -n "$SERVER_URL" ]; do
    if ! kill -0 "$SERVER_PID" 2>/dev/null || [ $((waited += 1)) -gt $((SERVER_START_SECONDS * 10)) ]; then
      echo "the server did not start: $HELLO $*" >&2
      cat "$SERVER_FOLDER/server.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

stop_server() {
  if [ -n "$SERVER_PID" ]; then
    kill "$SERVER_PID" 2>/dev/null
    wait "$SERVER_PID" 2>/dev/null
    SERVER_PID=
  fi
  if [ -n "$SERVER_FOLDER" ]; then
    rm -rf "$SERVER_FOLDER"
    SERVER_FOLDER=
  fi
  return 0
}

# The server's last words, for when a step has failed.
server_log() {
  echo "the end of the server's log:"
  tail -n "${1:-20}" "$SERVER_FOLDER/server.log" | sed 's/^/  | /'
}
