package interop

import (
	"testing"

	"sotercall/internal/hostedtest"
)

func TestMain(m *testing.M) { hostedtest.Main(m, "verify", "token") }
