package emulator

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// logTail puts the platform's own lines around the process's log, and keeps its end.
// Source: AWS Lambda developer guide, page "Log and monitor Ruby Lambda functions" (START,
// END, REPORT, and Init Duration after a cold start). The line of a time-out comes from log
// events that users have published. Memory use is not measured: as in AWS' Runtime
// Interface Emulator, REPORT has the configured memory. cause is why the sandbox ended, or
// nil.
func (l *Lambda) logTail(answer Response, logged []byte, cause error) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "START RequestId: %s Version: %s\n%s", answer.RequestID, latestVersion, logged)
	fmt.Fprintf(&b, "END RequestId: %s\n", answer.RequestID)
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		answer.RequestID, milliseconds(answer.Duration), math.Ceil(milliseconds(answer.Duration+answer.InitDuration)),
		l.function.MemoryMB, l.function.MemoryMB)
	if answer.InitDuration > 0 {
		fmt.Fprintf(&b, "Init Duration: %.2f ms\t", milliseconds(answer.InitDuration))
	}
	b.WriteString("\n")
	if errors.Is(cause, errTimedOut) {
		fmt.Fprintf(&b, "%s %s Task timed out after %.2f seconds\n\n",
			time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), answer.RequestID, l.function.Timeout.Seconds())
	}
	text := b.String()
	return []byte(text[max(0, len(text)-logTailSize):])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
