// Package scfguard keeps an emulated SCF function to itself. scf-go-lib listens
// on all interfaces, which the platform's own network makes safe, and takes calls
// from whoever connects; the variables in a call go into the process environment
// before the handler runs (cloudfunction/entry.go and function.go). On a
// developer's computer that is an open door to the network.
//
// A process that the emulator starts has a key in its environment. It listens on
// 127.0.0.1, and a connection must begin with the key: one that does not is closed
// before net/rpc reads a byte of it. Without a key, which is how the platform
// starts it, the library does as it always does.
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

	// greeting goes before the key. To an unguarded process it is the length of a
	// message that encoding/gob refuses at once, so that nobody waits for more.
	greeting = "\xf8\xff\xff\xff\xff\xff\xff\xff\xff"
	accepted = '+' // what a process answers to the right key
	patience = 10 * time.Second
)

// Key is what one process and its emulator know, and nobody else.
type Key string

// NewKey returns a random key.
func NewKey() Key { return Key(rand.Text() + rand.Text()) }

// Variable is the entry NAME=value for the environment of the process.
func (k Key) Variable() string { return keyVariable + "=" + string(k) }

// ErrRefused says that the other side did not accept the key: it is a process
// that was started with another one, or that is not guarded.
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

// StartHandler is cloudfunction.StartHandler, and like it does not return. With a
// key in the environment it takes calls from the emulator only.
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

// serve does for connections that begin with the key what rpc.Accept does for all
// of them. It returns the listener's error.
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

// function is the library's own service around a handler. The library makes one
// only in StartHandler, behind a listener of its own, so its one field, which has
// no exported way in, is set here. Should another version of the library name it
// otherwise, this panics at the start, under the emulator alone.
func function(handler cloudfunction.Handler) *cloudfunction.Function {
	f := new(cloudfunction.Function)
	field := reflect.ValueOf(f).Elem().FieldByName("handler")
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(handler))
	return f
}
