#!/bin/sh
# Starts a fresh etcd and the Go server in a temporary folder and, when the server is
# ready, runs the command given, or waits for Ctrl-C if there is none. Both processes
# and the folder are gone afterwards, however it ends.
#
#   PORT=26443 ETCD_PORT=22379 ETCD_FLAGS= SERVER_FLAGS= REFERENCE=reference serve.sh [COMMAND...]
#
# The command finds BASE (the server's URL), WORK (the folder) and RESTART (a command that restarts the
# server, and leaves etcd as it is) in its environment.
set -eu
bin=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)/bin
port=${PORT:-26443}
etcd_port=${ETCD_PORT:-22379}
peer=http://127.0.0.1:$((etcd_port + 1))
client=http://127.0.0.1:$etcd_port
ready_seconds=60

WORK=$(mktemp -d)
BASE=https://127.0.0.1:$port
RESTART="$(dirname "$bin")/clients/restart.sh $WORK $BASE"
export WORK BASE RESTART
started=
finish() {
	code=$?
	trap - EXIT
	# The server is another process after a restart.
	again=$(cat "$WORK/pid" 2>/dev/null || :)
	for process in $again $started; do kill "$process" 2>/dev/null || :; done
	for process in $started; do wait "$process" 2>/dev/null || :; done
	rm -rf "$WORK"
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A port that is taken would have us talk to a stranger.
free() {
	if python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$1" 2>/dev/null; then
		echo "port $1 is taken" >&2
		exit 1
	fi
}
free "$port"
free "$etcd_port"

# shellcheck disable=SC2086 # the flags are words
"$bin/etcd" --data-dir "$WORK/etcd" --log-level error \
	--listen-client-urls "$client" --advertise-client-urls "$client" \
	--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" \
	${ETCD_FLAGS:-} >"$WORK/etcd.log" 2>&1 &
started="$!"
# shellcheck disable=SC2086
printf '%s\n' "$bin/${REFERENCE:-reference}" --bind-address 127.0.0.1 --secure-port "$port" \
	--cert-dir "$WORK/certificates" --enable-etcd-storage --etcd-servers "$client" ${SERVER_FLAGS:-} >"$WORK/command"
# The words of the command, a line each.
IFS='
'
# shellcheck disable=SC2046
$(cat "$WORK/command") >"$WORK/server.log" 2>&1 &
unset IFS
echo "$!" >"$WORK/pid"
started="$! $started"

waited=0
until curl -ksf --max-time 2 "$BASE/readyz" >/dev/null 2>&1; do
	for process in $started; do
		if ! kill -0 "$process" 2>/dev/null; then
			cat "$WORK/etcd.log" "$WORK/server.log" >&2
			exit 1
		fi
	done
	waited=$((waited + 1))
	if [ "$waited" -gt $((ready_seconds * 5)) ]; then
		echo "not ready in $ready_seconds s" >&2
		cat "$WORK/server.log" >&2
		exit 1
	fi
	sleep 0.2
done

if [ $# -gt 0 ]; then
	"$@"
else
	echo "serving at $BASE, etcd at $client, logs in $WORK; Ctrl-C ends both"
	# shellcheck disable=SC2086
	wait $started
fi
