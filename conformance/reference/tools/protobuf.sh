#!/bin/sh
# Generates generated.proto and generated.pb.go beside each versioned package. go-to-protobuf
# wants packages in folders named after their import paths, so it gets a folder of links.
set -eu
go=${GO:-go}
module=pintle.dev/conformance/reference
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin"
$go build -o "$work/bin/protoc" ./tools/protoc
$go build -o "$work/bin/" k8s.io/code-generator/cmd/go-to-protobuf \
	k8s.io/code-generator/cmd/go-to-protobuf/protoc-gen-gogo golang.org/x/tools/cmd/goimports

link() {
	mkdir -p "$work/src/$(dirname -- "$1")"
	ln -s "$2" "$work/src/$1"
}
link "$module" "$root"
link k8s.io/apimachinery "$($go list -m -f '{{.Dir}}' k8s.io/apimachinery)"
link github.com/gogo/protobuf "$($go list -m -f '{{.Dir}}' github.com/gogo/protobuf)"

PATH="$work/bin:$PATH" go-to-protobuf --go-header-file boilerplate.go.txt \
	--output-dir "$work/src" --proto-import "$work/src" \
	--apimachinery-packages -k8s.io/apimachinery/pkg/runtime,-k8s.io/apimachinery/pkg/runtime/schema,-k8s.io/apimachinery/pkg/apis/meta/v1 \
	--packages "$module/api/hello/v1,$module/api/hello/v2,$module/api/transformation/v1beta1"
