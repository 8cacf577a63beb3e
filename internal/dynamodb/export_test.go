package dynamodb

var Refused = refused

// Endpoint is where the table is reached.
func (t *Table) Endpoint() string { return t.endpoint }
