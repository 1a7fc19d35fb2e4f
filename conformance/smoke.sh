#!/usr/bin/env bash
# Drives a running hello-apiserver with one kubectl, as a user would, and asserts what it prints.
#
#   smoke.sh KUBECTL KUBECONFIG
#
# The server must be fresh (no foos), must run with --enable-admission and without
# --insecure-allow-all, and KUBECONFIG must be its administrator's. Every step that fails says what
# it ran, what it expected and what came back; the exit code is 1 if any did.
set -uo pipefail

# shellcheck source=kubectl.sh
. "$(dirname "$0")/kubectl.sh"

v1_foo() { # name, msg
  cat <<EOF
apiVersion: hello.zeng.dev/v1
kind: Foo
metadata:
  name: $1
  namespace: default
spec:
  msg: $2
  msg1: of version 1
EOF
}

v2_foo() { # name, msg
  cat <<EOF
apiVersion: hello.zeng.dev/v2
kind: Foo
metadata:
  name: $1
  namespace: default
  labels: {set: many}
spec:
  image: busybox:1.36
  config:
    msg: $2
    msg1: of version 2
EOF
}

discovery() {
  step "version"
  expect '^Server Version: ' -- k version
  step "api-versions"
  expect '^hello\.zeng\.dev/v1$' '^hello\.zeng\.dev/v2$' -- k api-versions
  step "api-resources"
  expect '^foos +fo +hello\.zeng\.dev/v[12] +true +Foo$' -- k api-resources
  step "api-resources of the group, as names"
  expect '^foos\.hello\.zeng\.dev$' -- k api-resources --api-group=hello.zeng.dev -o name
  step "get when there is nothing"
  expect '^No resources found in default namespace\.$' -- k get foos
}

creating() {
  step "create v1"
  v1_foo one hello | from one.yaml
  expect '^foo\.hello\.zeng\.dev/one created$' -- k create -f "$WORK/one.yaml"
  step "create v2"
  v2_foo two hi | from two.yaml
  expect '^foo\.hello\.zeng\.dev/two created$' -- k create -f "$WORK/two.yaml"
  step "create from JSON"
  k create -f "$WORK/two.yaml" --dry-run=client -o json | sed 's/"two"/"three"/' | from three.json
  expect '^foo\.hello\.zeng\.dev/three created$' -- k create -f "$WORK/three.json"
  step "create --dry-run=server stores nothing"
  v2_foo dry run | from dry.yaml
  expect '^foo\.hello\.zeng\.dev/dry created \(server dry run\)$' -- \
    k create -f "$WORK/dry.yaml" --dry-run=server
  refuse 'Error from server \(NotFound\): foos\.hello\.zeng\.dev "dry" not found' -- k get foo dry
  step "create what is there"
  refuse 'Error from server \(AlreadyExists\).*foos\.hello\.zeng\.dev "one" already exists' -- \
    k create -f "$WORK/one.yaml"
}

getting() {
  step "get, the table"
  expect '^NAME +STATUS +AGE$' '^one +Processing +[0-9]+s$' '^two +Processing ' -- k get foos
  lines 4
  step "get -o wide"
  expect '^NAME +STATUS +AGE +MESSAGE +MESSAGE1$' '^one .* hello +of version 1$' -- \
    k get fo -o wide
  step "get -o yaml"
  expect '^apiVersion: hello\.zeng\.dev/v2$' '^  name: one$' '^    msg: hello$' \
    '^  image: busybox:1\.36$' '^  phase: Processing$' -- k get foo one -o yaml
  step "get the older version"
  expect '^apiVersion: hello\.zeng\.dev/v1$' '^  msg: hi$' '!phase' -- \
    k get foos.v1.hello.zeng.dev two -o yaml
  step "get -o json"
  expect '"apiVersion": "hello\.zeng\.dev/v2"' '"msg": "hi"' -- k get foo two -o json
  step "get -o name"
  expect '^foo\.hello\.zeng\.dev/one$' '^foo\.hello\.zeng\.dev/two$' -- k get foos -o name
  lines 3
  step "get -o jsonpath"
  expect '^hello hi$' -- k get foos one two -o 'jsonpath={.items[*].spec.config.msg}'
  step "get -o custom-columns"
  expect '^one +busybox:1\.36$' -- k get foo one -o custom-columns=N:.metadata.name,I:.spec.image
  step "get --show-managed-fields"
  expect '^ +manager: kubectl-create$' '^ +f:msg: \{\}$' -- \
    k get foo two -o yaml --show-managed-fields
  step "get -A"
  expect '^NAMESPACE +NAME +STATUS +AGE$' '^default +one ' -- k get foos -A
  step "get --sort-by"
  expect '^one ' -- k get foos --sort-by=.metadata.name
  step "get --field-selector"
  expect '^two ' '!^one ' -- k get foos --field-selector metadata.name=two
  step "get --raw"
  expect '"kind": ?"FooList"' -- k get --raw /apis/hello.zeng.dev/v2/namespaces/default/foos
  step "describe"
  expect '^Name: +one$' '^API Version: +hello\.zeng\.dev/v2$' '^ +Msg: +hello$' '^Events: +<none>$' \
    -- k describe fo one
}

explaining() {
  step "explain"
  expect '^KIND: +Foo$' '^VERSION: +v2$' '^  spec' '<FooSpec>' -- k explain foos
  step "explain a field"
  expect '^FIELD: config <FooConfig>' '^  msg1?[[:space:]]+<string>' 'Msg says hello world!' -- \
    k explain foos.spec.config
  step "explain the older version"
  expect '^VERSION: +v1$' '^  msg[[:space:]]+<string>' '!image' -- \
    k explain foos.spec --api-version=hello.zeng.dev/v1
  step "explain --recursive"
  expect '^  spec[[:space:]]+<FooSpec>' '^      msg1[[:space:]]+<string>' \
    '^    conditions[[:space:]]+<\[\]FooCondition>' -- k explain foos --recursive
  step "explain by OpenAPI v2"
  expect '^KIND: +Foo$' '^VERSION: +hello\.zeng\.dev/v2$' '^ +spec[[:space:]]+<Object>' -- \
    k explain foos --output=plaintext-openapiv2
  step "explain what is not there"
  refuse 'field "nothing" does not exist' -- k explain foos.spec.nothing
}

changing() {
  step "edit"
  expect '^foo\.hello\.zeng\.dev/one edited$' -- \
    env KUBE_EDITOR="sed -i 's/msg: hello/msg: edited/'" \
    timeout "$LIMIT_SECONDS" "$KUBECTL" --kubeconfig "$CONFIG" edit foo one
  expect '^edited$' -- k get foo one -o 'jsonpath={.spec.config.msg}{"\n"}'
  step "edit that changes nothing"
  expect '^Edit cancelled, no changes made\.$' -- \
    env KUBE_EDITOR=true timeout "$LIMIT_SECONDS" "$KUBECTL" --kubeconfig "$CONFIG" edit foo one
  step "edit what cannot be"
  refuse '^error: foos\.hello\.zeng\.dev "one" is invalid$' \
    'Edit cancelled, no valid changes were saved' -- \
    env KUBE_EDITOR="sed -i 's/metadata.name: one$/metadata.name: a b/'" \
    timeout "$LIMIT_SECONDS" "$KUBECTL" --kubeconfig "$CONFIG" edit foo one
  step "edit --subresource=status"
  expect '^foo\.hello\.zeng\.dev/one edited$' -- \
    env KUBE_EDITOR="sed -i -e 's/phase: Processing/phase: Odd/' -e 's/msg: edited/msg: not this/'" \
    timeout "$LIMIT_SECONDS" "$KUBECTL" --kubeconfig "$CONFIG" edit foo one --subresource=status
  expect '^edited Odd$' -- k get foo one -o 'jsonpath={.spec.config.msg} {.status.phase}{"\n"}'
  step "patch --type=merge"
  expect '^foo\.hello\.zeng\.dev/one patched$' -- \
    k patch foo one --type=merge -p '{"spec":{"config":{"msg":"merged","msg1":null}}}'
  expect '^merged-$' -- \
    k get foo one -o 'jsonpath={.spec.config.msg}-{.spec.config.msg1}{"\n"}'
  step "patch --type=json"
  expect '^foo\.hello\.zeng\.dev/one patched$' -- \
    k patch foo one --type=json \
    -p '[{"op":"test","path":"/spec/config/msg","value":"merged"},
         {"op":"replace","path":"/spec/config/msg","value":"by json"}]'
  expect '^by json$' -- k get foo one -o 'jsonpath={.spec.config.msg}{"\n"}'
  step "patch that changes nothing"
  expect '^foo\.hello\.zeng\.dev/one patched \(no change\)$' -- \
    k patch foo one --type=merge -p '{"spec":{"config":{"msg":"by json"}}}'
  step "patch --dry-run=server"
  expect '^dry$' -- k patch foo one --type=merge -p '{"spec":{"config":{"msg":"dry"}}}' \
    --dry-run=server -o 'jsonpath={.spec.config.msg}{"\n"}'
  expect '^by json$' -- k get foo one -o 'jsonpath={.spec.config.msg}{"\n"}'
  step "patch of another type"
  refuse 'type must be one of' -- k patch foo one --type=other -p '{}'
  step "patch of what is not there"
  refuse 'Error from server \(NotFound\): foos\.hello\.zeng\.dev "none" not found' -- \
    k patch foo none --type=merge -p '{"spec":{"image":"x"}}'
  step "patch --type=json whose test fails"
  refuse 'the server rejected our request due to an error in our request|Invalid|testing value' -- \
    k patch foo one --type=json -p '[{"op":"test","path":"/spec/config/msg","value":"other"}]'
  step "patch --type=strategic"
  expect '^foo\.hello\.zeng\.dev/one patched$' -- \
    k patch foo one --type=strategic \
    -p '{"status":{"conditions":[{"type":"Worker","status":"True"}]}}'
  expect '^foo\.hello\.zeng\.dev/one patched$' -- \
    k patch foo one --type=strategic \
    -p '{"status":{"conditions":[{"type":"Config","status":"False"}]}}'
  expect '^Config Worker$|^Worker Config$' -- \
    k get foo one -o 'jsonpath={.status.conditions[*].type}{"\n"}'
  step "patch --subresource=status"
  expect '^foo\.hello\.zeng\.dev/one patched$' -- \
    k patch foo one --subresource=status --type=merge -p '{"status":{"phase":"Ready"}}'
  expect '^one +Ready ' -- k get foo one
  step "replace"
  k get foo two -o yaml | sed 's/msg: hi/msg: replaced/' | from replaced.yaml
  expect '^foo\.hello\.zeng\.dev/two replaced$' -- k replace -f "$WORK/replaced.yaml"
  expect '^replaced$' -- k get foo two -o 'jsonpath={.spec.config.msg}{"\n"}'
  step "replace of what has changed since"
  refuse 'Error from server \(Conflict\).*the object has been modified' -- \
    k replace -f "$WORK/replaced.yaml"
  step "replace of what is not there"
  sed 's/name: two/name: none/' "$WORK/two.yaml" | from none.yaml
  refuse 'Error from server \(NotFound\).*foos\.hello\.zeng\.dev "none" not found' -- \
    k replace -f "$WORK/none.yaml"
  step "replace --subresource=status"
  k get foo two -o yaml | sed -e 's/phase: .*/phase: Ready/' -e 's/msg: replaced/msg: lost/' | from status.yaml
  expect '^foo\.hello\.zeng\.dev/two replaced$' -- \
    k replace --subresource=status -f "$WORK/status.yaml"
  expect '^replaced Ready$' -- \
    k get foo two -o 'jsonpath={.spec.config.msg} {.status.phase}{"\n"}'
  step "replace --force makes another one"
  k get foo three -o 'jsonpath={.metadata.uid}{"\n"}' | from uid
  expect '"three" deleted' '^foo\.hello\.zeng\.dev/three replaced$' -- \
    k replace --force -f "$WORK/three.json"
  expect "!^$(cat "$WORK/uid")\$" '^[0-9a-f-]{36}$' -- \
    k get foo three -o 'jsonpath={.metadata.uid}{"\n"}'
  step "label"
  expect '^foo\.hello\.zeng\.dev/two labeled$' -- k label foo two tier=front
  expect '^two ' '!^one ' -- k get foos -l tier=front
  step "label without --overwrite"
  refuse "already has a value" -- k label foo two tier=back
  step "label --overwrite"
  expect '^foo\.hello\.zeng\.dev/two labeled$' -- k label foo two tier=back --overwrite
  step "label that is there"
  expect '^foo\.hello\.zeng\.dev/two not labeled$' -- k label foo two tier=back
  step "label --list"
  expect '^set=many$' '^tier=back$' -- k label foo two --list
  lines 2
  step "label that is none"
  refuse 'invalid label value: "tier=a b"' -- k label foo two 'tier=a b' --overwrite
  refuse 'is invalid: metadata\.labels: Invalid value: "a b"' -- \
    k patch foo two --type=merge -p '{"metadata":{"labels":{"tier":"a b"}}}'
  step "label of many"
  expect '^foo\.hello\.zeng\.dev/one labeled$' '^foo\.hello\.zeng\.dev/two labeled$' -- \
    k label foos --all seen=yes
  lines 3
  expect 'one unlabeled$' 'two unlabeled$' 'three unlabeled$' -- k label foos --all seen-
  lines 3
  step "label --resource-version of what has changed since"
  refuse 'Error from server \(Conflict\): .*the object has been modified' -- \
    k label foo two tier=middle --overwrite --resource-version=1
  step "label removed"
  expect '^foo\.hello\.zeng\.dev/two unlabeled$' -- k label foo two tier-
  expect '^No resources found' -- k get foos -l tier
  step "annotate"
  expect '^foo\.hello\.zeng\.dev/two annotated?$' -- k annotate foo two note=this
  expect '^this$' -- k get foo two -o 'jsonpath={.metadata.annotations.note}{"\n"}'
  step "annotate without --overwrite"
  refuse 'already has a value \(this\)' -- k annotate foo two note=that
  step "annotate --overwrite"
  expect '^foo\.hello\.zeng\.dev/two annotated?$' -- k annotate foo two note=that --overwrite
  expect '^note=that$' -- k annotate foo two --list
  step "annotation removed"
  expect '^foo\.hello\.zeng\.dev/two annotated?$' -- k annotate foo two note-
  expect '^-$' -- k get foo two -o 'jsonpath={.metadata.annotations.note}-{"\n"}'
}

applying() {
  step "diff of what is not there"
  v2_foo four said | from four.yaml
  refuse '^\+ +msg: said$' -- k diff -f "$WORK/four.yaml"
  step "apply creates"
  expect '^foo\.hello\.zeng\.dev/four created$' -- k apply -f "$WORK/four.yaml"
  step "apply of the same"
  expect '^foo\.hello\.zeng\.dev/four unchanged$' -- k apply -f "$WORK/four.yaml"
  step "diff of the same"
  expect -- k diff -f "$WORK/four.yaml"
  lines 0
  step "diff of a change"
  v2_foo four changed | grep -v msg1 | from four.yaml
  refuse '^- +msg: said$' '^\+ +msg: changed$' -- k diff -f "$WORK/four.yaml"
  step "apply of a change"
  expect '^foo\.hello\.zeng\.dev/four configured$' -- k apply -f "$WORK/four.yaml"
  expect '^changed-$' -- \
    k get foo four -o 'jsonpath={.spec.config.msg}-{.spec.config.msg1}{"\n"}'
  step "apply of another version"
  printf '%s\n' 'apiVersion: hello.zeng.dev/v1' 'kind: Foo' 'metadata: {name: four, namespace: default, labels: {set: many}}' \
    'spec: {msg: older}' | from older.yaml
  expect '^foo\.hello\.zeng\.dev/four configured$' -- k apply -f "$WORK/older.yaml"
  expect '^older busybox:1\.36$' -- k get foo four -o 'jsonpath={.spec.config.msg} {.spec.image}{"\n"}'
  expect '^foo\.hello\.zeng\.dev/four configured$' -- k apply -f "$WORK/four.yaml"
  step "apply --dry-run=server"
  sed 's/msg: changed/msg: dry/' "$WORK/four.yaml" | from dry.yaml
  expect '^foo\.hello\.zeng\.dev/four configured \(server dry run\)$' -- \
    k apply --dry-run=server -f "$WORK/dry.yaml"
  expect '^changed$' -- k get foo four -o 'jsonpath={.spec.config.msg}{"\n"}'
  step "apply view-last-applied"
  expect 'msg: changed' -- k apply view-last-applied foo/four
  step "apply --server-side creates"
  v2_foo five said | from five.yaml
  expect '^foo\.hello\.zeng\.dev/five serverside-applied$' -- \
    k apply --server-side -f "$WORK/five.yaml"
  step "apply --server-side meets a conflict"
  sed 's/msg: said/msg: mine/' "$WORK/five.yaml" | from mine.yaml
  refuse 'Apply failed with 1 conflict: conflict with "kubectl": \.spec\.config\.msg' -- \
    k apply --server-side --field-manager=other -f "$WORK/mine.yaml"
  step "apply --server-side --force-conflicts"
  expect '^foo\.hello\.zeng\.dev/five serverside-applied$' -- \
    k apply --server-side --field-manager=other --force-conflicts -f "$WORK/mine.yaml"
  expect '^mine$' -- k get foo five -o 'jsonpath={.spec.config.msg}{"\n"}'
  step "apply --server-side leaves out what it had"
  expect '^many-$' -- k get foo five -o 'jsonpath={.metadata.labels.set}-{.metadata.labels.more}{"\n"}'
  grep -v -e '^  labels' -e msg1 "$WORK/mine.yaml" | from less.yaml
  expect '^foo\.hello\.zeng\.dev/five serverside-applied$' -- \
    k apply --server-side --field-manager=other -f "$WORK/less.yaml"
  # kubectl has applied them too.
  expect '^many of version 2$' -- k get foo five -o 'jsonpath={.metadata.labels.set} {.spec.config.msg1}{"\n"}'
  expect '^foo\.hello\.zeng\.dev/five serverside-applied$' -- k apply --server-side -f "$WORK/less.yaml"
  expect '^- -mine$' -- \
    k get foo five -o 'jsonpath={.metadata.labels.set}- {.spec.config.msg1}-{.spec.config.msg}{"\n"}'
  expect 'serverside-applied$' -- k apply --server-side --force-conflicts -f "$WORK/mine.yaml"
  step "diff --server-side"
  expect -- k diff --server-side -f "$WORK/mine.yaml"
  lines 0
  sed 's/msg: mine/msg: other/' "$WORK/mine.yaml" | from other.yaml
  refuse '^- +msg: mine$' '^\+ +msg: other$' -- \
    k diff --server-side --force-conflicts -f "$WORK/other.yaml"
  step "apply --server-side after client side"
  expect '^foo\.hello\.zeng\.dev/four serverside-applied$' -- \
    k apply --server-side -f "$WORK/four.yaml"
}

watching() {
  step "get -w"
  : >"$WORK/watched"
  "$KUBECTL" --kubeconfig "$CONFIG" get foos -w -o name >"$WORK/watched" 2>&1 &
  WATCHER=$!
  # It has begun when it has printed what is there.
  local waited=0
  until [ "$(grep -c '^foo' "$WORK/watched")" -ge 5 ] || [ $((waited += 1)) -gt 100 ]; do
    sleep 0.1
  done
  v2_foo seen now | from seen.yaml
  expect '^foo\.hello\.zeng\.dev/seen created$' -- k create -f "$WORK/seen.yaml"
  run sees_event
  if [ "$CODE" -ne 0 ]; then fail "an event of foo seen within 10 seconds"; fi
  kill "$WATCHER" 2>/dev/null
  wait "$WATCHER" 2>/dev/null
  WATCHER=
  step "wait for what is"
  expect '^foo\.hello\.zeng\.dev/seen condition met$' -- \
    k wait foo/seen --for=jsonpath='{.status.phase}'=Processing --timeout=10s
  step "wait for what is not"
  refuse 'timed out waiting for the condition' -- \
    k wait foo/seen --for=jsonpath='{.status.phase}'=Gone --timeout=1s
  step "wait for a condition"
  expect '^foo\.hello\.zeng\.dev/one condition met$' -- \
    k wait foo/one --for=condition=Worker --timeout=10s
}

sees_event() {
  local waited=0
  until grep -q '^foo.hello.zeng.dev/seen$' "$WORK/watched"; do
    if [ $((waited += 1)) -gt 100 ]; then
      cat "$WORK/watched"
      return 1
    fi
    sleep 0.1
  done
}

listing() {
  step "page by --chunk-size"
  # Without a table kubectl walks the pages itself; at -v=6 it names each request.
  expect '^foo\.hello\.zeng\.dev/two$' 'limit=2' 'continue=' -- \
    k get foos --chunk-size=2 -o name -v=6
  step "page by --chunk-size, every object once"
  expect -- k get foos --chunk-size=2 -o name
  lines 6
  step "select by label"
  expect '^four ' '^five ' '!^one ' -- k get foos -l set=many
  expect '^one ' '!^four ' -- k get foos -l 'set!=many'
  expect '^four ' '!^one ' -- k get foos -l 'set in (many, few)'
  step "select by a label that makes no sense"
  refuse 'unable to parse requirement|Error from server \(BadRequest\)' -- k get foos -l 'a in'
}

refusing() {
  step "create --validate=strict with an unknown field"
  v2_foo odd one | sed 's/^  image:/  imagine: that\n  image:/' | from odd.yaml
  refuse 'strict decoding error: unknown field "spec\.imagine"' -- \
    k create -f "$WORK/odd.yaml" --validate=strict
  step "create --validate=warn with an unknown field"
  expect 'Warning: unknown field "spec\.imagine"' '^foo\.hello\.zeng\.dev/odd created$' -- \
    k create -f "$WORK/odd.yaml" --validate=warn
  step "create --validate=ignore with an unknown field"
  sed 's/name: odd/name: odder/' "$WORK/odd.yaml" | from odder.yaml
  expect '!Warning' '^foo\.hello\.zeng\.dev/odder created$' -- \
    k create -f "$WORK/odder.yaml" --validate=ignore
  step "apply --server-side with an unknown field"
  refuse '\.spec\.imagine: field not declared in schema' -- \
    k apply --server-side -f "$WORK/odder.yaml"
  expect '"odder" deleted' -- k delete foo odder
  step "create what is not valid"
  printf 'apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: bare}\n' | from bare.yaml
  refuse 'The Foo "bare" is invalid: spec\.image: Required value' -- k create -f "$WORK/bare.yaml"
  step "create a name that is none"
  v2_foo a%b c | from name.yaml
  refuse 'is invalid: metadata\.name: Invalid value: "a%b"' -- k create -f "$WORK/name.yaml"
  step "create bad YAML"
  printf 'apiVersion: hello.zeng.dev/v2\n kind: Foo\n' | from bad.yaml
  refuse 'error (parsing|converting)' -- k create -f "$WORK/bad.yaml"
  step "bad YAML that reaches the server"
  refuse 'Error from server \(BadRequest\)|error:' -- \
    k create --raw /apis/hello.zeng.dev/v2/namespaces/default/foos -f "$WORK/bad.yaml"
  step "an unknown resource"
  refuse "the server doesn't have a resource type \"bars\"" -- k get bars
  step "an unknown kind"
  sed 's/kind: Foo/kind: Bar/' "$WORK/one.yaml" | from bar.yaml
  refuse 'no matches for kind "Bar" in version "hello\.zeng\.dev/v1"' -- \
    k create -f "$WORK/bar.yaml"
  step "an unknown object"
  refuse 'Error from server \(NotFound\): foos\.hello\.zeng\.dev "none" not found' -- k get foo none
  step "what the admission plugin refuses"
  v2_foo kept out | sed 's/namespace: default/namespace: kube-system/' | from kept.yaml
  refuse 'Error from server \(Forbidden\).*namespace/kube-system is not permitted' -- \
    k create -f "$WORK/kept.yaml"
}

subresources() {
  step "the action base64 by create --raw"
  printf '%s' '{"apiVersion":"transformation.zeng.dev/v1beta1","kind":"Base64","spec":{"fieldPath":"spec.image"}}' |
    from base64.json
  expect "$(printf '"busybox:1.36"' | base64)" -- \
    k create --raw /apis/hello.zeng.dev/v2/namespaces/default/foos/two/base64 \
    -f "$WORK/base64.json"
  step "the part config by get --raw"
  expect '"kind": ?"Config"' '"msg": ?"replaced"' -- \
    k get --raw /apis/hello.zeng.dev/v2/namespaces/default/foos/two/config
}

authentication() {
  step "no token"
  # Without any credential kubectl asks its terminal for one, so it gets one that says nothing here.
  grep -v 'token:' "$CONFIG" | sed 's/^  user:$/  user: {}/' | from anonymous.kubeconfig
  refuse 'Forbidden|Unauthorized|You must be logged in|provide credentials' -- \
    timeout "$LIMIT_SECONDS" "$KUBECTL" --kubeconfig "$WORK/anonymous.kubeconfig" get foos \
    --username=somebody --password=secret
  step "a wrong token"
  refuse 'Unauthorized|must be logged in|provide credentials' -- k --token=wrong get foos
}

# What a deletion leaves of an object that it waits for.
LEFT='jsonpath={.metadata.finalizers} {.metadata.deletionTimestamp}{"\n"}'

deleting() {
  step "delete"
  expect '^foo\.hello\.zeng\.dev "one" deleted' -- k delete foo one
  refuse 'NotFound' -- k get foo one
  step "delete what is not there"
  refuse 'Error from server \(NotFound\)' -- k delete foo one
  expect -- k delete foo one --ignore-not-found
  step "delete -f"
  expect '"two" deleted' -- k delete -f "$WORK/two.yaml"
  step "delete -l"
  expect '"four" deleted' '"five" deleted' -- k delete foos -l set=many
  expect '^No resources found' -- k get foos -l set=many
  step "a finalizer holds an object back"
  v2_foo held back | sed 's/^  labels:.*/  finalizers: [hello.zeng.dev\/hold]/' | from held.yaml
  expect 'created$' -- k create -f "$WORK/held.yaml"
  expect 'deleted' -- k delete foo held --wait=false
  expect '^[0-9]{4}-' -- k get foo held -o 'jsonpath={.metadata.deletionTimestamp}{"\n"}'
  expect 'patched$' -- k patch foo held --type=merge -p '{"metadata":{"finalizers":null}}'
  refuse 'NotFound' -- k get foo held
  for way in background foreground orphan; do
    step "delete --cascade=$way"
    v1_foo "$way" gone | from "$way.yaml"
    expect 'created$' -- k create -f "$WORK/$way.yaml"
    expect "\"$way\" deleted" -- k delete foo "$way" --cascade="$way" --wait=false
    case $way in
      background) refuse 'NotFound' -- k get foo "$way" ;;
      # Nobody collects garbage here, so the finalizer holds it.
      foreground) expect '^\["foregroundDeletion"\] [0-9]{4}-' -- k get foo "$way" -o "$LEFT" ;;
      orphan) expect '^\["orphan"\] [0-9]{4}-' -- k get foo "$way" -o "$LEFT" ;;
    esac
    if [ "$way" != background ]; then
      expect 'patched$' -- k patch foo "$way" --type=merge -p '{"metadata":{"finalizers":null}}'
      refuse 'NotFound' -- k get foo "$way"
    fi
  done
  step "delete --dry-run=server"
  v1_foo kept one | from kept.yaml
  expect 'created$' -- k create -f "$WORK/kept.yaml"
  expect '"kept" deleted.*\(server dry run\)$' -- k delete foo kept --dry-run=server
  expect '^kept ' -- k get foo kept
  step "delete --all"
  v1_foo last one | from last.yaml
  expect 'created$' -- k create -f "$WORK/last.yaml"
  expect '"last" deleted' -- k delete foos --all
  expect '^No resources found' -- k get foos
}

client
discovery
creating
getting
explaining
changing
applying
watching
listing
refusing
subresources
authentication
deleting
result
