# Drives a running server with one kubectl, and asserts what it prints; for scripts, which source it
# and get KUBECTL and KUBECONFIG as their arguments. Every step that fails says what it ran, what it
# expected and what came back.

if [ $# -ne 2 ]; then
  echo "usage: $0 KUBECTL KUBECONFIG" >&2
  exit 2
fi
KUBECTL=$1
CONFIG=$2
WORK=$(mktemp -d)
WATCHER=
# A command that hangs is a failure, not a CI run without an end.
LIMIT_SECONDS=60
STEPS=0
FAILED=0
# kubectl keeps what it discovers; a home of its own keeps servers and versions apart.
export HOME=$WORK
export TERM=dumb
unset KUBECONFIG KUBE_EDITOR EDITOR

finish() {
  if [ -n "$WATCHER" ]; then
    kill "$WATCHER" 2>/dev/null
    wait "$WATCHER" 2>/dev/null
  fi
  rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 130' INT TERM

k() { timeout "$LIMIT_SECONDS" "$KUBECTL" --kubeconfig "$CONFIG" "$@"; }

fail() { # what was expected
  FAILED=$((FAILED + 1))
  echo "FAIL $STEP"
  echo "  ran:      $RAN"
  echo "  expected: $1"
  echo "  exit:     $CODE"
  sed 's/^/  | /' "$WORK/out"
}

run() {
  STEPS=$((STEPS + 1))
  RAN="$*"
  "$@" >"$WORK/out" 2>&1
  CODE=$?
}

step() { STEP=$1; }

# expect REGEX... -- COMMAND: it succeeds, and each regex matches a line of its output.
# A regex that starts with "!" must match no line.
expect() {
  local want=()
  while [ "$1" != -- ]; do want+=("$1"); shift; done
  shift
  run "$@"
  if [ "$CODE" -ne 0 ]; then fail "success"; return; fi
  matches "${want[@]}"
}

# refuse REGEX... -- COMMAND: it fails, and says why.
refuse() {
  local want=()
  while [ "$1" != -- ]; do want+=("$1"); shift; done
  shift
  run "$@"
  if [ "$CODE" -eq 0 ]; then fail "a refusal"; return; fi
  if [ "$CODE" -eq 124 ]; then fail "a refusal within $LIMIT_SECONDS seconds"; return; fi
  matches "${want[@]}"
}

matches() {
  local regex
  for regex in "$@"; do
    if [ "${regex:0:1}" = "!" ]; then
      if grep -qE -e "${regex:1}" "$WORK/out"; then fail "no line like: ${regex:1}"; return; fi
    elif ! grep -qE -e "$regex" "$WORK/out"; then
      fail "a line like: $regex"
      return
    fi
  done
}

# lines COUNT: the last command printed so many lines.
lines() {
  local got
  got=$(wc -l <"$WORK/out")
  if [ "$got" -ne "$1" ]; then fail "$1 lines, not $got"; fi
}

# from FILE: its name, made from standard input.
from() {
  cat >"$WORK/$1"
}

client() {
  STEP="the client"
  expect 'gitVersion: v1' -- k version --client -o yaml
  CLIENT="kubectl $(sed -n 's/.*gitVersion: //p' "$WORK/out")"
}

# Says how it went; fails if anything did.
result() {
  echo "$CLIENT: $STEPS commands, $FAILED failed"
  [ "$FAILED" -eq 0 ]
}
