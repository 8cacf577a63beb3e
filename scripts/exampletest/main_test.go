package exampletest

import (
	"testing"

	"sotercall/internal/hostedtest"
)

func TestMain(m *testing.M) { hostedtest.Main(m, "verify", "challenge", "service") }
