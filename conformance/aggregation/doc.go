// Package aggregation is a test: hello.zeng.dev behind a real kube-apiserver.
//
// It runs kube-apiserver through its own test server, the controllers that fill roles, empty
// namespaces and collect garbage, an etcd, two replicas of a hello-apiserver behind a Service, and
// kubectl. Nodes there are none; what is deployed is what samples/hello/deploy says, except where
// the Service leads.
//
//	make -C conformance aggregation      # ours, and the Go server
package aggregation
