package deploytest

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestTheAPIStandsFirst: SAM CLI serves, with start-api, what the first API or
// serverless function of the template is (samcli/lib/providers/api_provider.py,
// find_api_provider). The routes of this template are API Gateway's own, so a
// serverless resource in front of them would hide all of them.
func TestTheAPIStandsFirst(t *testing.T) {
	assert.Equal(t, "AWS::ApiGatewayV2::Api", firstProvider(t, "template.yaml"))
}

func firstProvider(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var document struct {
		Resources yaml.Node `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(content, &document))
	for i := 1; i < len(document.Resources.Content); i += 2 {
		var resource struct {
			Type string `yaml:"Type"`
		}
		require.NoError(t, document.Resources.Content[i].Decode(&resource))
		for _, kind := range []string{"AWS::Serverless::", "AWS::ApiGateway::", "AWS::ApiGatewayV2::"} {
			if strings.HasPrefix(resource.Type, kind) {
				return resource.Type
			}
		}
	}
	return ""
}
