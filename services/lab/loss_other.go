//go:build !linux

package lab

import (
	"errors"
	"syscall"
)

// losesPackets: a socket's packets cannot be dropped before TCP here.
const losesPackets = false

func lose(syscall.Conn) error                   { return errors.ErrUnsupported }
func find(syscall.Conn) error                   { return errors.ErrUnsupported }
func setUserTimeout(syscall.RawConn, int) error { return errors.ErrUnsupported }
