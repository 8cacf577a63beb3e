package playground

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// copies are the commands and the event that repeat a run outside of the page.
type copies struct {
	Curl    string `json:"curl"`    // lines for a Unix shell
	Event   string `json:"event"`   // the event, for a file
	Command string `json:"command"` // runs the file
	// Fresh says that the event is genuine only as long as its challenge lives.
	Fresh bool `json:"fresh"`
}

// copies returns the commands and the event that repeat a run, for an event that is about
// to be sent.
func (p *Playground) copies(base string, c choice, sent verifyEvent, event []byte) (copies, error) {
	address, headers := p.world.Address(base, c.function("verify"), sent.OpenID)
	request := []string{"curl", "-s", address}
	for name, values := range headers {
		request = append(request, "-H", quote(name+": "+strings.Join(values, ", ")))
	}
	request = append(request, "-d", quote(string(event)))
	lines := slices.Repeat([]string{strings.Join(request, " ")}, c.mistake.times())
	if c.mistake.fails() {
		fault, err := json.Marshal(c.mistake.fault)
		if err != nil {
			return copies{}, err
		}
		faults := base + "/sandbox/faults"
		lines = slices.Concat(
			[]string{fmt.Sprintf("curl -s %s -d %s", faults, quote(string(fault)))},
			lines,
			[]string{"curl -s -X DELETE " + faults},
		)
	}
	command := "go run ./scripts/local invoke -platform " + c.platform
	if c.challenges {
		command += " -challenges"
	}
	return copies{
		Curl:    strings.Join(lines, "\n") + "\n",
		Event:   string(event) + "\n",
		Command: command + " event.json",
		Fresh:   c.challenges,
	}, nil
}

// quote makes one word of a text for a Unix shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
