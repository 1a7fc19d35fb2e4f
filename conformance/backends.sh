#!/usr/bin/env bash
# Replays the recorded transcripts with every storage: memory, SQLite, etcd, PostgreSQL, MariaDB.
#
#   backends.sh HELLO [FOLDER]
#
# The arguments are those of replay.sh. etcd is conformance/bin/etcd or the one in the path; the
# databases are started here, each in a folder of its own and behind a Unix socket. What is not
# installed is skipped, and said.
set -uo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: $0 HELLO [FOLDER]" >&2
  exit 2
fi
HELLO=$1
FOLDER=${2:-$HERE/../../shared/conformance}
START_SECONDS=60

WORK=$(mktemp -d)
chmod 755 "$WORK"
PID=
stop_database() {
  if [ -n "$PID" ]; then
    kill -"${1:-TERM}" "$PID" 2>/dev/null
    wait "$PID" 2>/dev/null
    PID=
  fi
}
trap 'stop_database KILL; rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM
FAILED=0

# as USER COMMAND...: as another user where this is root, which databases refuse to run as.
as() {
  local user=$1
  shift
  if [ "$(id -u)" -eq 0 ]; then
    setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
  else
    "$@"
  fi
}

# A folder that a user may use.
room() {
  mkdir -p "$WORK/$1"
  if [ "$(id -u)" -eq 0 ]; then chown "$2" "$WORK/$1"; fi
}

found() { # name, folders...
  local name=$1 folder
  shift
  for folder in "$@"; do
    if [ -x "$folder/$name" ]; then
      echo "$folder/$name"
      return 0
    fi
  done
  command -v "$name"
}

# until COMMAND...: waits until it succeeds, as long as the database runs.
until_well() {
  local waited=0
  until "$@" >/dev/null 2>&1; do
    if ! kill -0 "$PID" 2>/dev/null || [ $((waited += 1)) -gt $((START_SECONDS * 10)) ]; then
      return 1
    fi
    sleep 0.1
  done
}

replay() { # name, address
  local start=$SECONDS
  if bash "$HERE/replay.sh" "$HELLO" "$FOLDER" --storage "$2" >"$WORK/out" 2>&1; then
    echo "$1: $(tail -n 1 "$WORK/out"), $((SECONDS - start)) s"
  else
    FAILED=1
    echo "$1: FAILED"
    sed 's/^/  | /' "$WORK/out"
  fi
}

skip() { echo "$1: SKIPPED, it is not installed"; }

broken() { # name, log
  FAILED=1
  echo "$1: it does not start"
  tail -n 20 "$2" | sed 's/^/  | /'
}

on_etcd() {
  local etcd client peer
  etcd=$(found etcd "$HERE/bin") || { skip etcd; return; }
  read -r client peer < <(python3 -c 'import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
  "$etcd" --data-dir "$WORK/etcd" --log-level error \
    --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
    --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "default=http://127.0.0.1:$peer" >"$WORK/etcd.log" 2>&1 </dev/null &
  PID=$!
  if until_well bash -c "exec 3<>/dev/tcp/127.0.0.1/$client"; then
    replay etcd "etcd:http://127.0.0.1:$client"
  else
    broken etcd "$WORK/etcd.log"
  fi
  stop_database
}

on_postgres() {
  local initdb postgres at=$WORK/postgres folders
  mapfile -t folders < <(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV)
  initdb=$(found initdb "${folders[@]}") && postgres=$(found postgres "${folders[@]}") || {
    skip PostgreSQL
    return
  }
  room postgres postgres
  (cd "$at" && as postgres "$initdb" -D "$at/data" -U hello -A trust -E UTF8 -N >"$WORK/postgres.log" 2>&1)
  (cd "$at" && exec >>"$WORK/postgres.log" 2>&1 </dev/null &&
    as postgres "$postgres" -D "$at/data" -k "$at" -c listen_addresses= -c fsync=off) &
  PID=$!
  if until_well test -S "$at/.s.PGSQL.5432"; then
    replay PostgreSQL "postgres://hello@localhost/postgres?host=$at"
  else
    broken PostgreSQL "$WORK/postgres.log"
  fi
  # The process that waits for it ends when it does.
  [ -f "$at/data/postmaster.pid" ] && kill -QUIT "$(head -n 1 "$at/data/postmaster.pid")" 2>/dev/null
  wait "$PID" 2>/dev/null
  PID=
}

on_mariadb() {
  local install server at=$WORK/mariadb
  install=$(found mariadb-install-db /usr/bin) && server=$(found mariadbd /usr/sbin) || {
    skip MariaDB
    return
  }
  room mariadb mysql
  as mysql "$install" --no-defaults --datadir="$at/data" --auth-root-authentication-method=normal \
    >"$WORK/mariadb.log" 2>&1
  as mysql "$server" --no-defaults --datadir="$at/data" --socket="$at/socket" --skip-networking \
    --pid-file="$at/pid" --innodb-flush-log-at-trx-commit=2 >>"$WORK/mariadb.log" 2>&1 </dev/null &
  PID=$!
  if until_well test -S "$at/socket"; then
    replay MariaDB "mysql://root@localhost/test?socket=$at/socket"
  else
    broken MariaDB "$WORK/mariadb.log"
  fi
  [ -f "$at/pid" ] && kill -KILL "$(cat "$at/pid")" 2>/dev/null
  wait "$PID" 2>/dev/null
  PID=
}

replay memory memory
replay SQLite sqlite
on_etcd
on_postgres
on_mariadb
exit "$FAILED"
