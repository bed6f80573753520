// Package pb is the pipeline's protobuf messages and gRPC stubs, generated from
// the .proto files beside it.
package pb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative inventory.proto order.proto payment.proto warehouse.proto
