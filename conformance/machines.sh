#!/usr/bin/env bash
# What kubectl does to the objects of the example machines and cannot do to foos: scale, deletions that
# take their time, dependents, conditions, a log.
#
#   machines.sh KUBECTL KUBECONFIG
#
# The server must be fresh and run with its defaults, and KUBECONFIG must be its administrator's.
set -uo pipefail

# shellcheck source=kubectl.sh
. "$(dirname "$0")/kubectl.sh"

MACHINES=/apis/machines.example.com/v1/namespaces/default/machines

machine() { # name, work, more lines of the spec
  cat <<YAML
apiVersion: machines.example.com/v1
kind: Machine
metadata:
  name: $1
  namespace: default
spec:
  work: $2
  hands: 2
  parts:
  - name: wheel
    size: 3
${3:-}
YAML
}

# field NAME JSONPATH: what is there of a machine.
field() { k get machine "$1" -o "jsonpath={$2}{\"\\n\"}"; }

edits() { # sed script, arguments of edit...
  local script=$1
  shift
  KUBE_EDITOR="sed -i '$script'" k edit "$@"
}

applying() {
  step "apply"
  machine mill grinding | from mill.yaml
  expect 'mill created$' -- k apply -f "$WORK/mill.yaml"
  step "apply of what others have added to a list"
  expect 'patched$' -- k patch machine mill --type=json \
    -p '[{"op":"add","path":"/spec/parts/-","value":{"name":"stone","size":9}}]'
  machine mill milling | from mill.yaml
  expect 'mill configured$' -- k apply -f "$WORK/mill.yaml"
  expect '^milling$' -- field mill .spec.work
  step "diff --server-side of nothing"
  machine press pressing | from press.yaml
  expect 'press serverside-applied$' -- k apply --server-side -f "$WORK/press.yaml"
  expect -- k diff --server-side -f "$WORK/press.yaml"
  lines 0
  step "diff --server-side of a change"
  machine press printing | from printing.yaml
  refuse '^- +work: pressing$' '^\+ +work: printing$' -- \
    k diff --server-side -f "$WORK/printing.yaml"
  step "apply --server-side keeps what others have in a list"
  machine press pressing | sed 's/name: wheel/name: lever/' | from lever.yaml
  expect 'serverside-applied$' -- \
    k apply --server-side --field-manager=other -f "$WORK/lever.yaml"
  expect '^wheel lever$' -- field press '.spec.parts[*].name'
  step "apply --server-side takes back what it had"
  machine press pressing | sed '/parts:/,$d' | from bare.yaml
  expect 'serverside-applied$' -- \
    k apply --server-side --field-manager=other -f "$WORK/bare.yaml"
  expect '^wheel$' -- field press '.spec.parts[*].name'
  step "apply of two documents"
  printf -- '---\n' | cat "$WORK/mill.yaml" - "$WORK/press.yaml" | from both.yaml
  # kubectl sends the order of a list that others have added to, and calls that a change.
  expect 'mill configured \(server dry run\)$' 'press configured \(server dry run\)$' -- \
    k apply --dry-run=server -f "$WORK/both.yaml"
  step "apply --dry-run=server"
  machine mill dreaming | from dream.yaml
  expect 'configured \(server dry run\)$' -- k apply --dry-run=server -f "$WORK/dream.yaml"
  expect '^milling$' -- field mill .spec.work
}

changing() {
  step "edit"
  expect 'mill edited$' -- edits 's/work: milling/work: edited/' machine mill
  expect '^edited$' -- field mill .spec.work
  step "edit that changes nothing"
  expect 'Edit cancelled, no changes made' -- edits 's/nothing/at all/' machine mill
  step "edit --subresource=status"
  expect 'patched$' -- k patch machine mill --subresource=status --type=merge \
    -p '{"status":{"hands":0}}'
  expect 'mill edited$' -- edits 's/hands: 0/hands: 1/' machine mill --subresource=status
  expect '^2 1$' -- k get machine mill -o 'jsonpath={.spec.hands} {.status.hands}{"\n"}'
  step "patch, three types"
  expect 'patched$' -- k patch machine mill --type=merge -p '{"spec":{"work":"merged"}}'
  expect 'patched$' -- k patch machine mill --type=json \
    -p '[{"op":"replace","path":"/spec/hands","value":3}]'
  expect 'patched$' -- k patch machine mill --type=strategic \
    -p '{"spec":{"parts":[{"name":"wheel","size":4},{"name":"belt"}]}}'
  expect '^merged 3 4$' -- k get machine mill -o \
    'jsonpath={.spec.work} {.spec.hands} {.spec.parts[?(@.name=="wheel")].size}{"\n"}'
  expect 'belt' 'wheel' -- field mill '.spec.parts[*].name'
  step "patch that changes nothing"
  expect 'patched \(no change\)$' -- k patch machine mill --type=merge -p '{"spec":{"hands":3}}'
  step "replace"
  k get machine mill -o yaml | sed 's/work: merged/work: replaced/' | from replaced.yaml
  expect 'replaced$' -- k replace -f "$WORK/replaced.yaml"
  expect '^replaced$' -- field mill .spec.work
  step "label and annotate"
  expect 'labeled$' -- k label machine mill place=river
  expect 'annotated?$' -- k annotate machine mill built=1802
  expect '^river 1802$' -- k get machine mill -o \
    'jsonpath={.metadata.labels.place} {.metadata.annotations.built}{"\n"}'
  step "set what is not a workload"
  refuse 'error' -- k set image machine/mill a=b
}

scaling() {
  step "scale"
  expect 'mill scaled$' -- k scale machine mill --replicas=5
  expect '^5$' -- field mill .spec.hands
  step "scale under a condition"
  expect 'mill scaled$' -- k scale machine/mill --current-replicas=5 --replicas=6
  refuse 'Expected replicas to be 5, was 6' -- \
    k scale machine/mill --current-replicas=5 --replicas=7
  step "get --subresource=scale"
  expect '"replicas": ?6' '"kind": ?"Scale"' -- k get --raw "$MACHINES/mill/scale"
}

waiting() {
  step "wait for a condition"
  expect 'patched$' -- k patch machine mill --subresource=status --type=merge \
    -p '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
  expect 'mill condition met$' -- k wait machine/mill --for=condition=Ready --timeout=10s
  step "wait for a value"
  expect 'mill condition met$' -- \
    k wait machine/mill --for=jsonpath='{.spec.hands}'=6 --timeout=10s
  step "wait for a deletion"
  machine brief waiting | from brief.yaml
  expect 'created$' -- k create -f "$WORK/brief.yaml"
  "$KUBECTL" --kubeconfig "$CONFIG" delete machine brief --wait=false >/dev/null 2>&1 &
  WATCHER=$!
  expect -- k wait machine/brief --for=delete --timeout=20s
  wait "$WATCHER"
  WATCHER=
  step "wait for a deletion that does not come"
  refuse 'timed out waiting for the condition' -- \
    k wait machine/mill --for=delete --timeout=1s
}

connecting() {
  step "a log"
  expect '^replaced with 6 hands$' -- k get --raw "$MACHINES/mill/log"
  step "a log that is followed"
  run timeout 3 "$KUBECTL" --kubeconfig "$CONFIG" get --raw "$MACHINES/mill/log?follow=true"
  if [ "$CODE" -ne 124 ]; then fail "a log that goes on"; fi
  matches '^replaced with 6 hands$'
  lines_at_least 2
  step "api-resources -o wide"
  expect '^machines +ma +machines\.example\.com/v1 +true +Machine ' -- k api-resources -o wide
}

lines_at_least() {
  local got
  got=$(wc -l <"$WORK/out")
  if [ "$got" -lt "$1" ]; then fail "$1 lines or more, not $got"; fi
}

# cascade WAY FINALIZERS: what a deletion leaves of an object that it may have to wait for.
cascade() {
  step "delete --cascade=$1"
  machine owner owning | from owner.yaml
  expect 'created$' -- k create -f "$WORK/owner.yaml"
  expect 'deleted' -- k delete machine owner --cascade="$1" --wait=false
  if [ -z "$2" ]; then
    refuse 'NotFound' -- k get machine owner
    return
  fi
  expect "^\\[\"$2\"\\]\$" -- field owner .metadata.finalizers
  expect '^0$' -- field owner .metadata.deletionGracePeriodSeconds
  # What a garbage collector does when it is done.
  expect 'patched$' -- k patch machine owner --type=merge -p '{"metadata":{"finalizers":null}}'
  refuse 'NotFound' -- k get machine owner
}

deleting() {
  cascade background ''
  cascade foreground foregroundDeletion
  cascade orphan orphan
  step "delete of what takes its time"
  machine slow ending '  seconds_to_end: 600' | from slow.yaml
  expect 'created$' -- k create -f "$WORK/slow.yaml"
  expect 'deleted' -- k delete machine slow --wait=false
  expect '^600$' -- field slow .metadata.deletionGracePeriodSeconds
  step "delete --grace-period shortens it"
  expect 'deleted' -- k delete machine slow --wait=false --grace-period=60
  expect '^60$' -- field slow .metadata.deletionGracePeriodSeconds
  step "delete --grace-period that is longer"
  expect 'deleted' -- k delete machine slow --wait=false --grace-period=90
  expect '^60$' -- field slow .metadata.deletionGracePeriodSeconds
  step "delete --force"
  expect 'force deleted' -- k delete machine slow --force --grace-period=0
  refuse 'NotFound' -- k get machine slow
  step "delete --dry-run=server"
  expect 'deleted \(server dry run\)$|deleted.* \(server dry run\)' -- \
    k delete machine mill --dry-run=server
  expect '^mill ' -- k get machine mill
  step "delete -f, and --all"
  expect '"press" deleted' -- k delete -f "$WORK/press.yaml"
  expect '"mill" deleted' -- k delete machines --all
  expect '^No resources found' -- k get machines
}

client
applying
changing
scaling
waiting
connecting
deleting
result
