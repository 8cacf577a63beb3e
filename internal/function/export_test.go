package function

import "time"

// SetClock sets the clock by which secrets are read anew.
func SetClock(h *Handler, now func() time.Time) { h.now = now }
