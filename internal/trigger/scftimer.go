package trigger

// SCFTimer is a timer trigger of SCF (scf-go-lib events/timer.go).
const SCFTimer Door = "scf-timer"

var scfTimer = source{
	door:    SCFTimer,
	timer:   true,
	members: []string{"Type", "TriggerName", "Time"},
	is: func(e event) bool {
		return e.text("Type") == "Timer" && e.text("TriggerName") != "" && e.text("Time") != ""
	},
}
