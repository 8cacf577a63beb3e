package trigger

// AWSSchedule is a rule of Amazon EventBridge, or its newer Scheduler.
const AWSSchedule Door = "aws-schedule"

var awsSchedule = source{
	door:    AWSSchedule,
	timer:   true,
	members: []string{"source"},
	is: func(e event) bool {
		sender := e.text("source")
		return e.text("detail-type") == "Scheduled Event" && (sender == "aws.events" || sender == "aws.scheduler")
	},
}
