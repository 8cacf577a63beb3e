package redis_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

// echo answers every command with the command, without quotes.
func echo(connection net.Conn) {
	in := bufio.NewReader(connection)
	for {
		var count, size int
		var words []string
		if _, err := fmt.Fscanf(in, "*%d\r\n", &count); err != nil {
			return
		}
		for range count {
			if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
				return
			}
			word := make([]byte, size+2)
			if _, err := io.ReadFull(in, word); err != nil {
				return
			}
			words = append(words, string(word[:size]))
		}
		_, _ = io.WriteString(connection, "-ERR I do not like "+strings.Join(words, " ")+"\r\n")
	}
}

func TestWhatAServerEchoesIsNotInAnError(t *testing.T) {
	const password, token, another = "p4$s w&rd!", "81_Tk9xQ2vYw7LmRz4BdPsHfJc6", "80_Vb3Nm9Lk5Jh1Gf8Dd4Sa0"
	address := listen(t, echo)

	store := open(t, secret.New("redis://"+address))
	_, err := store.Do(t.Context(), "SET", "key-of-a-token", []byte("{value: "+token+"}"), "PX", 1000)
	require.EqualError(t, err, "redis: SET: the server refuses: ERR I do not like SET key-of-a-token [redacted]")
	for ; err != nil; err = unwrap(err) {
		assert.NotContains(t, err.Error(), token)
	}
	_, err = store.Run(t.Context(), add, "key", token)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), token)
	_, err = store.Do(t.Context(), "ECHO", "x "+another)
	assert.EqualError(t, err, "redis: ECHO: the server refuses: ERR I do not like ECHO x [redacted]")

	_, err = open(t, secret.New("redis://:"+password+"@"+address)).Do(t.Context(), "PING")
	assert.EqualError(t, err, "redis: PING: the server refuses: ERR I do not like auth [redacted]")
}
