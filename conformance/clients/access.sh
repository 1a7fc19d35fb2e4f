#!/bin/bash
# RBAC with kubectl, against a hello.zeng.dev server that decides for itself.
#
#   access.sh KUBECONFIG [KUBECTL]
#
# The kubeconfig is the administrator's, who acts as others. Prints a line for each check, and exits
# with 1 if one failed.
set -u
kubeconfig=${1:?the kubeconfig of the administrator}
kubectl=${2:-kubectl}
failed=0
# A role follows what was written within moments; this is how often it is looked again.
TRIES_MAX=15

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
k() { "$kubectl" --kubeconfig "$kubeconfig" --cache-dir "$work/cache" "$@"; }

# check WHAT PART COMMAND...: what the command says, also when it fails, has the part.
check() {
	local what=$1 part=$2 said tries=0
	shift 2
	while
		said=$("$@" 2>&1)
		# "no" alone must not be found in other words.
		case " ${said//[$'\n'\"]/ } " in *" $part"*) echo "ok    $what" && return ;; esac
		[ $((tries += 1)) -lt $TRIES_MAX ]
	do sleep 0.1; done
	echo "FAIL  $what: want [$part], got [$said]"
	failed=1
}

# Before 1.28 kubectl asks for versions of the review that Kubernetes has removed since.
if "$kubectl" version --client -o json | grep -q '"minor": "27"'; then
	echo "skip  whoami"
else
	check "whoami" "system:admin" k auth whoami
	check "whoami as" "jane" k auth whoami --as jane
fi
check "can-i of the administrator" "yes" k auth can-i '*' '*' --all-namespaces
check "can-i before" "no" k auth can-i list foos --as jane
check "refused" 'is forbidden' k get foos --as jane
check "create role" "role.rbac.authorization.k8s.io/reader created" k create role reader --verb=get,list,watch --resource=foos.hello.zeng.dev
check "create rolebinding" "rolebinding.rbac.authorization.k8s.io/jane created" k create rolebinding jane --role=reader --user=jane
check "can-i after" "yes" k auth can-i list foos --as jane
check "can-i of a subresource" "no" k auth can-i get foos --subresource=config --as jane
check "allowed" "No resources found in default namespace." k get foos --as jane
check "elsewhere" "no" k auth can-i list foos --as jane --namespace other
check "can-i --list" "foos.hello.zeng.dev" k auth can-i --list --as jane
check "create clusterrole" "clusterrole.rbac.authorization.k8s.io/writer created" k create clusterrole writer --verb=create --resource=foos
check "create clusterrole with a path" "created" k create clusterrole paths --verb=get --non-resource-url=/metrics
check "create clusterrolebinding" "created" k create clusterrolebinding robots --clusterrole=writer --serviceaccount=ops:robot
check "a service account" "yes" k auth can-i create foos --as system:serviceaccount:ops:robot -n anywhere
check "set subject" "subjects updated" k set subject rolebinding jane --user=joe
check "whom it was set for" "yes" k auth can-i list foos --as joe
check "wide" "jane, joe" k get rolebinding jane -o wide
check "describe" "foos.hello.zeng.dev" k describe role reader
check "explain" "PolicyRule" k explain clusterrole.rules

cat >"$work/more.yaml" <<'END'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: writer}
rules: [{verbs: [delete], apiGroups: [hello.zeng.dev], resources: [foos]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: new}
rules: [{verbs: [get], apiGroups: [hello.zeng.dev], resources: [foos/status]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: new}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: new}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: readers}]
END
check "reconcile" "clusterrole.rbac.authorization.k8s.io/new reconciled" k auth reconcile -f "$work/more.yaml"
check "reconcile keeps" "create" k get clusterrole writer -o jsonpath='{.rules[*].verbs}'
check "reconcile adds" "delete" k get clusterrole writer -o jsonpath='{.rules[*].verbs}'
check "a group" "yes" k auth can-i get foos --subresource=status --as x --as-group readers
check "apply" "configured" k apply -f "$work/more.yaml"
check "apply of a part" "serverside-applied" k apply --server-side --force-conflicts -f "$work/more.yaml"
check "an administrator of a namespace" "created" k create rolebinding joe --clusterrole=admin --user=joe
check "escalation" "is attempting to grant RBAC permissions not currently held" k create rolebinding more --clusterrole=cluster-admin --user=jane --as joe
check "delete" 'deleted' k delete clusterrolebinding robots
check "what was taken away" "no" k auth can-i create foos --as system:serviceaccount:ops:robot -n anywhere
exit $failed
