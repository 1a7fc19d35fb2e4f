// Command protoc is as much of the protobuf compiler as go-to-protobuf calls, written in
// Go so that generating needs no other tool chain:
//
//	protoc -I DIR... --gogo_out=DIR FILE...
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

const (
	plugin  = "protoc-gen-gogo"
	outFlag = "--gogo_out="
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var imports, files []string
	out := "."
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-I" && i+1 < len(args):
			i++
			imports = append(imports, args[i])
		case strings.HasPrefix(args[i], outFlag):
			out = strings.TrimPrefix(args[i], outFlag)
		default:
			files = append(files, args[i])
		}
	}
	for i, file := range files {
		files[i] = relative(file, imports)
	}
	request, err := compile(imports, files)
	if err != nil {
		return err
	}
	response, err := generate(request)
	if err != nil {
		return err
	}
	for _, file := range response.File {
		path := filepath.Join(out, file.GetName())
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(file.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// relative is the file as it is imported: below the longest import path that holds it.
func relative(file string, imports []string) string {
	best := file
	for _, dir := range imports {
		if name, err := filepath.Rel(dir, file); err == nil && !strings.HasPrefix(name, "..") && len(name) < len(best) {
			best = name
		}
	}
	return best
}

func compile(imports, files []string) (*pluginpb.CodeGeneratorRequest, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: imports}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	linked, err := compiler.Compile(context.Background(), files...)
	if err != nil {
		return nil, err
	}
	request, seen := &pluginpb.CodeGeneratorRequest{FileToGenerate: files}, map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		// A plugin wants each file after those that it imports.
		request.ProtoFile = append(request.ProtoFile, protoutil.ProtoFromFileDescriptor(file))
	}
	for _, file := range linked {
		add(file)
	}
	return request, nil
}

func generate(request *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
	input, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	command := exec.Command(plugin)
	command.Stdin, command.Stderr = bytes.NewReader(input), os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", plugin, err)
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(output, response); err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, fmt.Errorf("%s: %s", plugin, response.GetError())
	}
	return response, nil
}
