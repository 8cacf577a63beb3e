package exampletest

import (
	"testing"

	"sotercall/internal/test/hosted"
)

func TestMain(m *testing.M) { hosted.Main(m, "verify", "challenge", "service") }
