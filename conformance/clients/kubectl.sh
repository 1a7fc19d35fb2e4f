#!/bin/bash
# Rounds of kubectl against a hello.zeng.dev server, with each kubectl that is found.
#
#   kubectl.sh --server URL [--token T] [--ca FILE] [--namespace NS] [--also KUBECTL]
#
# KUBECTLS lists the programs; by default every kubectl.1.* beside kubectl, or else kubectl. With --also
# there is one more.
# Prints a line per round and version, and exits with 1 if one failed.
set -u
server= token= ca= also= namespace=client-kubectl-$RANDOM
while [ $# -gt 1 ]; do
	case $1 in
	--server) server=$2 ;;
	--token) token=$2 ;;
	--ca) ca=$2 ;;
	--namespace) namespace=$2 ;;
	--also) also=$(readlink -f "$2") ;;
	*) echo "unknown option $1" >&2; exit 2 ;;
	esac
	shift 2
done
[ -n "$server" ] || { echo "--server is required" >&2; exit 2; }
found=$(command -v kubectl) && found=$(readlink -f "$found")
[ -n "$found$also" ] || { echo "there is no kubectl" >&2; exit 2; }
KUBECTLS="${KUBECTLS:-$([ -z "$found" ] || ls "$(dirname "$found")"/kubectl.1.* 2>/dev/null || echo "$found")} $also"
# Without any credential kubectl would ask the terminal for one.
token=${token:-none}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trust='insecure-skip-tls-verify: true'
[ -z "$ca" ] || trust="certificate-authority: \"$(readlink -f "$ca")\""
cat >"$work/config" <<END
apiVersion: v1
kind: Config
current-context: it
clusters: [{name: it, cluster: {server: "$server", $trust}}]
users: [{name: it, user: {token: "$token"}}]
contexts: [{name: it, context: {cluster: it, user: it, namespace: "$namespace"}}]
END

# k runs this kubectl.
k() { "${command[@]}" "$@"; }

# is WHAT GOT WANT fails the round unless both are the same text.
is() { [ "$2" = "$3" ] || { echo "$1: want [$3], got [$2]"; return 1; }; }
# has WHAT GOT PART fails the round unless the text holds the part.
has() { case $2 in *"$3"*) ;; *) echo "$1: want [$3] in [$2]"; return 1 ;; esac; }
# refused PART COMMAND... wants the command to fail with that in its message.
refused() {
	local part=$1 said
	shift
	if said=$("$@" 2>&1); then echo "$*: want a refusal, got [$said]"; return 1; fi
	has "$*" "$said" "$part"
}

foo_v1() { printf 'apiVersion: hello.zeng.dev/v1\nkind: Foo\nmetadata:\n  name: %s\nspec:\n  msg: %s\n' "$1" "${2:-hello}"; }
foo_v2() { printf 'apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata:\n  name: %s\n  labels: {parity: %s}\nspec:\n  image: %s\n  config:\n    msg: hello\n    msg1: world\n' "$1" "${3:-even}" "${2:-nginx}"; }
create_many() { for i in $(seq 0 $(($1 - 1))); do foo_v2 "f$i" nginx "$([ $((i % 2)) = 0 ] && echo even || echo odd)"; echo ---; done | k create -f - >/dev/null; }

round_discovery() {
	has "api-resources" "$(k api-resources --api-group=hello.zeng.dev --no-headers | tr -s ' ')" "foos fo hello.zeng.dev/v2 true Foo" &&
		is "api-versions" "$(k api-versions | grep hello | tr '\n' ' ')" "hello.zeng.dev/v1 hello.zeng.dev/v2 " &&
		has "explain" "$(k explain foos.spec --api-version=hello.zeng.dev/v2)" "Container image that the container is running" &&
		has "version" "$(k version -o json)" '"serverVersion"'
}
round_create() {
	is "create v1" "$(foo_v1 old | k create -f -)" "foo.hello.zeng.dev/old created" &&
		is "create v2" "$(foo_v2 new | k create -f -)" "foo.hello.zeng.dev/new created" &&
		is "v1 as v2" "$(k get foos.v2.hello.zeng.dev old -o jsonpath='{.spec.image} {.spec.config.msg} {.status.phase}')" "busybox:1.36 hello Processing" &&
		is "v2 as v1" "$(k get foos.v1.hello.zeng.dev new -o jsonpath='{.spec.msg} {.metadata.annotations.spec\.image}')" "hello nginx" &&
		refused 'unknown field "spec.extra"' k create -f - <<<"$(foo_v2 strict)
  extra: 1"
}
round_get() {
	create_many 2 || return 1
	is "columns" "$(k get fo | head -1 | tr -s ' ')" "NAME STATUS AGE" &&
		is "wide" "$(k get fo f0 -o wide --no-headers | tr -s ' ' | cut -d' ' -f1,2,4,5)" "f0 Processing hello world" &&
		is "names" "$(k get foos -o name | tr '\n' ' ')" "foo.hello.zeng.dev/f0 foo.hello.zeng.dev/f1 " &&
		is "sorted" "$(k get foos --sort-by='{.metadata.name}' --no-headers | wc -l)" 2 &&
		has "describe" "$(k describe foo f0)" "Name:         f0"
}
round_page() {
	create_many 7 || return 1
	is "chunks" "$(k get foos --chunk-size=3 --no-headers | wc -l)" 7
}
round_select() {
	create_many 4 || return 1
	is "equal" "$(k get foos -l parity=even -o name | wc -l)" 2 &&
		is "in" "$(k get foos -l 'parity in (odd)' -o name | wc -l)" 2 &&
		is "absent" "$(k get foos -l '!parity' -o name 2>/dev/null | wc -l)" 0 &&
		is "by name" "$(k get foos --field-selector metadata.name=f2 -o name)" "foo.hello.zeng.dev/f2"
}
round_watch() {
	local out=$work/watch watcher
	create_many 1 || return 1
	"${command[@]}" get foos --watch --output-watch-events -o jsonpath='{.type} {.object.metadata.name}{"\n"}' >"$out" 2>&1 &
	watcher=$!
	for _ in $(seq 100); do grep -q . "$out" && break; sleep 0.1; done
	foo_v2 later | k create -f - >/dev/null
	k delete foo later >/dev/null
	for _ in $(seq 100); do grep -q DELETED "$out" && break; sleep 0.1; done
	kill "$watcher" 2>/dev/null
	wait "$watcher" 2>/dev/null
	is "events" "$(tr '\n' ' ' <"$out")" "ADDED f0 ADDED later DELETED later "
}
round_update() {
	local old=$work/old.json
	foo_v2 a | k create -f - >/dev/null && k get foo a -o json >"$old" || return 1
	is "replace" "$(sed 's/"image": "nginx"/"image": "redis"/' "$old" | k replace -f -)" "foo.hello.zeng.dev/a replaced" &&
		refused "the object has been modified" k replace -f "$old" &&
		is "label" "$(k label foo a team=x)" "foo.hello.zeng.dev/a labeled" &&
		has "annotate" "$(k annotate foo a note=y)" "foo.hello.zeng.dev/a annotate" &&
		is "edit" "$(EDITOR="sed -i s/redis/edited/" k edit foo a)" "foo.hello.zeng.dev/a edited" &&
		is "image" "$(k get foo a -o jsonpath='{.spec.image}')" edited
}
round_patch() {
	foo_v2 a | k create -f - >/dev/null || return 1
	is "merge" "$(k patch foo a --type=merge -p '{"spec":{"image":"merge"}}' -o jsonpath='{.spec.image}')" merge &&
		is "json" "$(k patch foo a --type=json -p '[{"op":"replace","path":"/spec/image","value":"json"}]' -o jsonpath='{.spec.image}')" json &&
		is "status" "$(k patch foo a --subresource=status --type=merge -p '{"status":{"phase":"Ready"}}' -o jsonpath='{.status.phase}')" Ready
}
round_apply() {
	is "client-side" "$(foo_v2 a | k apply -f -)" "foo.hello.zeng.dev/a created" &&
		is "again" "$(foo_v2 a | k apply -f -)" "foo.hello.zeng.dev/a unchanged" &&
		is "changed" "$(foo_v2 a redis | k apply -f -)" "foo.hello.zeng.dev/a configured" &&
		has "diff" "$(foo_v2 a other | k diff -f -)" "+  image: other" &&
		is "server-side" "$(foo_v2 b | k apply --server-side -f -)" "foo.hello.zeng.dev/b serverside-applied" &&
		refused "conflict with \"kubectl\": .spec.image" k apply --server-side --field-manager=two -f - <<<"$(foo_v2 b redis)" &&
		is "forced" "$(foo_v2 b redis | k apply --server-side --field-manager=two --force-conflicts -f -)" "foo.hello.zeng.dev/b serverside-applied"
}
round_delete() {
	create_many 3 || return 1
	is "one" "$(k delete foo f0)" 'foo.hello.zeng.dev "f0" deleted' ||
		is "one" "$(k get foo f0 --ignore-not-found)" "" || return 1
	refused "foos.hello.zeng.dev \"f0\" not found" k delete foo f0 &&
		k delete foos --all >/dev/null &&
		is "left" "$(k get foos -o name)" ""
}
round_errors() {
	# For an object that is missing kubectl asks for its namespace too, and shows that answer.
	refused 'Error from server (NotFound)' k get foo none &&
		refused 'spec.image: Required value' k create -f - <<<"$(foo_v2 bad '""')" &&
		refused 'is not a known field selector' k get foos --field-selector spec.image=x &&
		is "first" "$(foo_v2 a | k create -f -)" "foo.hello.zeng.dev/a created" &&
		refused '(AlreadyExists)' k create -f - <<<"$(foo_v2 a)"
}

failed=0
for kubectl in $KUBECTLS; do
	# Each has a cache of its own, for discovery is part of what is tried.
	command=(env HOME="$work" timeout 60 "$kubectl" --kubeconfig "$work/config" --cache-dir "$work/cache-$(basename "$kubectl")")
	version=$("$kubectl" version --client -o json 2>/dev/null | sed -n 's/.*"gitVersion": "\(.*\)".*/\1/p' | head -1)
	for round in discovery create get page select watch update patch apply delete errors; do
		k delete foos --all >/dev/null 2>&1
		if said=$("round_$round" 2>&1); then
			echo "ok   kubectl $version $round"
		else
			failed=$((failed + 1))
			echo "FAIL kubectl $version $round: $said"
		fi
	done
	k delete foos --all >/dev/null 2>&1
done
[ "$failed" = 0 ] || { echo "kubectl: $failed rounds failed"; exit 1; }
