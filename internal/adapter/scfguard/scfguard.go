// Package scfguard protects an emulated SCF function on a developer's computer. scf-go-lib
// listens on all interfaces, which the platform's own network makes safe, and serves any
// connection. The variables in a call go into the process environment before the handler
// runs (cloudfunction/entry.go and function.go). So any computer on the network could call
// the function.
//
// A process that the emulator starts has a key in its environment. It listens on 127.0.0.1,
// and a connection must begin with the key. Any other is closed before net/rpc reads a byte
// of it. The platform starts it without a key; then the library works unchanged.
package scfguard

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/rpc"
	"os"
	"reflect"
	"time"
	"unsafe"

	"github.com/tencentyun/scf-go-lib/cloudfunction"
)

const (
	keyVariable  = "SOTERCALL_EMULATOR_KEY"
	portVariable = "_LAMBDA_SERVER_PORT" // the platform's, as scf-go-lib reads it

	// greeting goes before the key. To an unguarded process it is the length of a message
	// that encoding/gob refuses at once, so that neither side waits.
	greeting = "\xf8\xff\xff\xff\xff\xff\xff\xff\xff"
	accepted = '+' // the process's reply to the right key
	patience = 10 * time.Second
)

// Key is a secret of one process and its emulator.
type Key string

// NewKey returns a random key.
func NewKey() Key { return Key(rand.Text() + rand.Text()) }

// Variable returns the entry NAME=value for the environment of the process.
func (k Key) Variable() string { return keyVariable + "=" + string(k) }

// ErrRefused says that the other side did not accept the key. The process was started with
// another one, or is not guarded.
var ErrRefused = errors.New("scfguard: the process does not know the emulator's key; it must start with scfguard.StartHandler")

// Present opens a connection to the process. Calls of net/rpc may follow.
func (k Key) Present(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("scfguard: %w", err)
	}
	if _, err := io.WriteString(conn, greeting+string(k)); err != nil {
		return fmt.Errorf("%w (%w)", ErrRefused, err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return fmt.Errorf("%w (%w)", ErrRefused, err)
	}
	if answer[0] != accepted {
		return ErrRefused
	}
	return conn.SetDeadline(time.Time{})
}

// StartHandler is cloudfunction.StartHandler, and like it does not return. With a key in
// the environment it serves the emulator only.
func StartHandler(handler cloudfunction.Handler) {
	key := Key(os.Getenv(keyVariable))
	if key == "" {
		cloudfunction.StartHandler(handler)
		return
	}
	os.Unsetenv(keyVariable) // the handler has no use for it
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv(portVariable))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(serve(listener, key, handler))
}

// serve is rpc.Accept for connections that begin with the key. It returns the listener's
// error.
func serve(listener net.Listener, key Key, handler cloudfunction.Handler) error {
	server := rpc.NewServer()
	if err := server.Register(function(handler)); err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			if !admit(conn, key) {
				conn.Close()
				return
			}
			server.ServeConn(conn)
		}()
	}
}

// admit reads the greeting and the key, and no more: what follows belongs to
// net/rpc.
func admit(conn net.Conn, key Key) bool {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return false
	}
	want := []byte(greeting + string(key))
	said := make([]byte, len(want))
	if _, err := io.ReadFull(conn, said); err != nil {
		return false
	}
	if subtle.ConstantTimeCompare(said, want) != 1 {
		return false
	}
	if _, err := conn.Write([]byte{accepted}); err != nil {
		return false
	}
	return conn.SetDeadline(time.Time{}) == nil
}

// function is the library's own service around a handler. The library makes one only in
// StartHandler, behind a listener of its own. Its only field is unexported, so it is set
// here. If another version of the library renames it, this panics at the start, under the
// emulator only.
func function(handler cloudfunction.Handler) *cloudfunction.Function {
	f := new(cloudfunction.Function)
	field := reflect.ValueOf(f).Elem().FieldByName("handler")
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(handler))
	return f
}
