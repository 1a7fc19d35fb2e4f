// Package openapi holds the generated OpenAPI definitions of all types that are served.
package openapi
