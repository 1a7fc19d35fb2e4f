#!/bin/sh
# Writes a kubeconfig for a service account of the current cluster:
#   hack/kubeconfig.sh [NAMESPACE] SERVICEACCOUNT
# It is NAMESPACE-SERVICEACCOUNT.kubeconfig, with a token for a year, or as long as the cluster allows.
# With SERVER=https://HOST:PORT and CA=FILE it is for another server that trusts the cluster, as
# hello-apiserver itself.
set -eu
case $# in
    1) namespace=default account=$1 ;;
    2) namespace=$1 account=$2 ;;
    *) echo "usage: $0 [NAMESPACE] SERVICEACCOUNT" >&2; exit 2 ;;
esac
view() { kubectl config view --raw --minify --flatten -o "jsonpath=$1"; }
server=${SERVER:-$(view '{.clusters[0].cluster.server}')}
if [ -n "${CA:-}" ]; then
    authority=$(base64 < "$CA" | tr -d '\n')
else
    authority=$(view '{.clusters[0].cluster.certificate-authority-data}')
fi
token=$(kubectl create token "$account" --namespace "$namespace" --duration 8760h)
file=$namespace-$account.kubeconfig
umask 077
cat > "$file" <<END
apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    server: "$server"
    certificate-authority-data: "$authority"
users:
- name: "$account"
  user:
    token: "$token"
contexts:
- name: default
  context:
    cluster: cluster
    user: "$account"
    namespace: "$namespace"
current-context: default
END
echo "$file"
