package registry

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"pintle.dev/conformance/reference/api/hello"
)

var fooColumns = []metav1.TableColumnDefinition{
	{Name: "Name", Type: "string", Format: "name", Description: metav1.ObjectMeta{}.SwaggerDoc()["name"]},
	{Name: "Status", Type: "string", Format: "status", Description: "status of where the Foo is in its lifecycle"},
	{Name: "Age", Type: "string", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"]},
	{Name: "Message", Type: "string", Format: "message", Description: "foo message", Priority: 1},
	{Name: "Message1", Type: "string", Format: "message1", Description: "foo message plus", Priority: 1},
}

func toTable(obj, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	switch obj := obj.(type) {
	case *hello.Foo:
		table.ResourceVersion = obj.ResourceVersion
		table.Rows = append(table.Rows, fooRow(obj))
	case *hello.FooList:
		table.ListMeta = metav1.ListMeta{
			ResourceVersion:    obj.ResourceVersion,
			Continue:           obj.Continue,
			RemainingItemCount: obj.RemainingItemCount,
		}
		for i := range obj.Items {
			table.Rows = append(table.Rows, fooRow(&obj.Items[i]))
		}
	default:
		return nil, fmt.Errorf("no columns for %T", obj)
	}
	if options, ok := options.(*metav1.TableOptions); !ok || !options.NoHeaders {
		table.ColumnDefinitions = fooColumns
	}
	return table, nil
}

func fooRow(foo *hello.Foo) metav1.TableRow {
	age := "<unknown>"
	if !foo.CreationTimestamp.IsZero() {
		age = duration.HumanDuration(time.Since(foo.CreationTimestamp.Time))
	}
	return metav1.TableRow{
		Cells:  []any{foo.Name, string(foo.Status.Phase), age, foo.Spec.Config.Msg, foo.Spec.Config.Msg1},
		Object: runtime.RawExtension{Object: foo},
	}
}
