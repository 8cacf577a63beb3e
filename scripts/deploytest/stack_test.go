package deploytest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// evaluation works out a template's expressions, as CloudFormation does.
type evaluation struct {
	t          *testing.T
	template   object
	parameters object
}

// evaluate begins with the parameters that are set, and the defaults of the others.
func evaluate(t *testing.T, template, set object) evaluation {
	t.Helper()
	parameters := object{"AppId": "wx0123456789abcdef", "Challenges": "no"} // the two without a default
	for name, parameter := range at(t, template, "Parameters").(object) {
		value, hasDefault := parameter.(object)["Default"]
		if !hasDefault {
			continue
		}
		parameters[name] = fmt.Sprint(value)
		if parameter.(object)["Type"] == "CommaDelimitedList" {
			parameters[name] = []any{fmt.Sprint(value)}
		}
	}
	for name, value := range set {
		require.Contains(t, at(t, template, "Parameters"), name)
		parameters[name] = value
	}
	return evaluation{t, template, parameters}
}

// refusals are what the rules say of the parameters.
func (e evaluation) refusals() []string {
	var messages []string
	for _, rule := range at(e.t, e.template, "Rules").(object) {
		if condition, ok := rule.(object)["RuleCondition"]; ok && !e.value(condition).(bool) {
			continue
		}
		for _, assertion := range at(e.t, rule, "Assertions").([]any) {
			if !e.value(at(e.t, assertion, "Assert")).(bool) {
				messages = append(messages, at(e.t, assertion, "AssertDescription").(string))
			}
		}
	}
	return messages
}

// stack are the resources that come of the template, by their logical ids.
func (e evaluation) stack() object {
	made := object{}
	for id, resource := range at(e.t, e.template, "Resources").(object) {
		if condition, ok := resource.(object)["Condition"]; ok && !e.condition(condition) {
			continue
		}
		made[id] = object{"Type": at(e.t, resource, "Type"), "Properties": e.value(at(e.t, resource, "Properties"))}
	}
	return made
}

func (e evaluation) condition(name any) bool {
	return e.value(at(e.t, e.template, "Conditions", name.(string))).(bool)
}

// noValue is AWS::NoValue: what it stands for is not there.
type noValue struct{}

// value is what an expression comes to. References to resources stay as they are.
func (e evaluation) value(expression any) any {
	switch expression := expression.(type) {
	case []any:
		items := []any{}
		for _, item := range expression {
			if value := e.value(item); value != any(noValue{}) {
				items = append(items, value)
			}
		}
		return items
	case object:
		if len(expression) == 1 {
			for function, argument := range expression {
				if value, isCall := e.call(function, argument); isCall {
					return value
				}
			}
		}
		members := object{}
		for name, member := range expression {
			if value := e.value(member); value != any(noValue{}) {
				members[name] = value
			}
		}
		return members
	}
	return expression
}

func (e evaluation) call(function string, argument any) (value any, isCall bool) {
	switch function {
	case "Ref":
		if argument == "AWS::NoValue" {
			return noValue{}, true
		}
		value, isParameter := e.parameters[argument.(string)]
		return value, isParameter
	case "Condition":
		if name, ok := argument.(string); ok {
			return e.condition(name), true
		}
		return nil, false // of a policy
	case "Fn::If":
		choice := argument.([]any)
		require.Len(e.t, choice, 3)
		if e.condition(choice[0]) {
			return e.value(choice[1]), true
		}
		return e.value(choice[2]), true
	case "Fn::Sub":
		return regexp.MustCompile(`\$\{(\w+)\}`).ReplaceAllStringFunc(argument.(string), func(reference string) string {
			if value, ok := e.parameters[reference[2:len(reference)-1]]; ok {
				return fmt.Sprint(value)
			}
			return reference
		}), true
	case "Fn::Not", "Fn::And", "Fn::Or", "Fn::Equals", "Fn::EachMemberEquals", "Fn::Join":
		return e.function(function, e.value(argument).([]any)), true
	}
	return nil, false
}

func (e evaluation) function(name string, values []any) any {
	switch name {
	case "Fn::Not":
		require.Len(e.t, values, 1)
		return !values[0].(bool)
	case "Fn::And", "Fn::Or":
		require.GreaterOrEqual(e.t, len(values), 2)
		for _, value := range values {
			if value.(bool) == (name == "Fn::Or") {
				return name == "Fn::Or"
			}
		}
		return name == "Fn::And"
	}
	require.Len(e.t, values, 2)
	switch name {
	case "Fn::Join":
		var texts []string
		for _, text := range values[1].([]any) {
			texts = append(texts, fmt.Sprint(text))
		}
		return strings.Join(texts, values[0].(string))
	case "Fn::EachMemberEquals":
		for _, member := range values[0].([]any) {
			if member != values[1] {
				return false
			}
		}
		return true
	}
	return fmt.Sprint(values[0]) == fmt.Sprint(values[1]) // Fn::Equals compares texts
}
