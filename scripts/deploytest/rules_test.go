package deploytest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestParametersThatCannotWorkAreRefused asks the template's rules, as
// CloudFormation does before it creates anything.
func TestParametersThatCannotWorkAreRefused(t *testing.T) {
	subnets, groups := []any{"subnet-1", "subnet-2"}, []any{"sg-1"}
	for name, c := range map[string]struct {
		set     object
		refused string // a part of the message; empty: taken
	}{
		"nothing but the defaults":   {object{}, ""},
		"subnets and their groups":   {object{"SubnetIds": subnets, "SecurityGroupIds": groups}, ""},
		"subnets without groups":     {object{"SubnetIds": subnets}, "SubnetIds needs SecurityGroupIds"},
		"subnets with an empty list": {object{"SubnetIds": subnets, "SecurityGroupIds": []any{}}, "SubnetIds needs SecurityGroupIds"},
	} {
		messages := refusals(t, load(t, "template.yaml"), c.set)
		if c.refused == "" {
			assert.Empty(t, messages, name)
		} else if assert.Len(t, messages, 1, name) {
			assert.Contains(t, messages[0], c.refused, name)
		}
	}
}

// refusals are what the rules of a template say of its parameters.
func refusals(t *testing.T, template, set object) []string {
	t.Helper()
	parameters := object{}
	for name, parameter := range at(t, template, "Parameters").(object) {
		value := fmt.Sprint(parameter.(object)["Default"])
		parameters[name] = value
		if parameter.(object)["Type"] == "CommaDelimitedList" {
			parameters[name] = []any{value}
		}
	}
	for name, value := range set {
		require.Contains(t, parameters, name)
		parameters[name] = value
	}
	var messages []string
	for name, rule := range at(t, template, "Rules").(object) {
		if condition, ok := rule.(object)["RuleCondition"]; ok && !ruled(t, condition, parameters).(bool) {
			continue
		}
		for _, assertion := range at(t, rule, "Assertions").([]any) {
			if !ruled(t, at(t, assertion, "Assert"), parameters).(bool) {
				messages = append(messages, at(t, assertion, "AssertDescription").(string))
			}
		}
		require.NotEmpty(t, name)
	}
	return messages
}

// ruled is the value of an expression of the functions that rules may use
// (CloudFormation, "Condition-specific intrinsic functions" of rules).
func ruled(t *testing.T, expression any, parameters object) any {
	t.Helper()
	call, ok := expression.(object)
	if !ok {
		return expression
	}
	require.Len(t, call, 1)
	for function, arguments := range call {
		if function == "Ref" {
			require.Contains(t, parameters, arguments)
			return parameters[arguments.(string)]
		}
		var values []any
		for _, argument := range arguments.([]any) {
			values = append(values, ruled(t, argument, parameters))
		}
		switch function {
		case "Fn::Not":
			require.Len(t, values, 1)
			return !values[0].(bool)
		case "Fn::And", "Fn::Or":
			require.GreaterOrEqual(t, len(values), 2)
			for _, value := range values {
				if value.(bool) == (function == "Fn::Or") {
					return function == "Fn::Or"
				}
			}
			return function == "Fn::And"
		case "Fn::Equals":
			require.Len(t, values, 2)
			return values[0] == values[1]
		case "Fn::EachMemberEquals":
			require.Len(t, values, 2)
			for _, member := range values[0].([]any) {
				if member != values[1] {
					return false
				}
			}
			return true
		}
		require.Fail(t, "a rule may not use "+function)
	}
	return nil
}
