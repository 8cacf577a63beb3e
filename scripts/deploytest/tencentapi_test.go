package deploytest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/test/need"
)

// tencentAPI is Tencent's published model of the API for SCF, which tccli brings along.
type tencentAPI struct {
	Actions map[string]struct {
		Input string `json:"input"`
	} `json:"actions"`
	Objects map[string]struct {
		Members []tencentMember `json:"members"`
	} `json:"objects"`
}

type tencentMember struct {
	Name     string `json:"name"`
	Type     string `json:"type"`   // list, object, or what JSON has
	Member   string `json:"member"` // of a list, or the object's name
	Required bool   `json:"required"`
}

func loadTencentAPI(t *testing.T) tencentAPI {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(need.Python(t, "tccli")), "../lib/python*/site-packages/tccli/services/scf/v20180416/api.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	var api tencentAPI
	require.NoError(t, json.Unmarshal(content, &api))
	require.NotEmpty(t, api.Actions["CreateFunction"])
	return api
}

// check reports what is wrong with a request.
func (api tencentAPI) check(action string, request object) error {
	described, ok := api.Actions[action]
	if !ok {
		return fmt.Errorf("there is no action %s", action)
	}
	return api.checkObject(action, described.Input, request)
}

func (api tencentAPI) checkObject(place, name string, given object) error {
	described, ok := api.Objects[name]
	if !ok {
		return fmt.Errorf("%s: there is no type %s", place, name)
	}
	known := map[string]bool{}
	var wrong []error
	for _, member := range described.Members {
		known[member.Name] = true
		value, ok := given[member.Name]
		if !ok {
			if member.Required {
				wrong = append(wrong, fmt.Errorf("%s.%s is missing", place, member.Name))
			}
			continue
		}
		wrong = append(wrong, api.checkValue(place+"."+member.Name, member, value))
	}
	for member := range given {
		if !known[member] {
			wrong = append(wrong, fmt.Errorf("%s.%s is unknown", place, member))
		}
	}
	return errors.Join(wrong...)
}

func (api tencentAPI) checkValue(place string, described tencentMember, value any) error {
	ok := false
	switch described.Type {
	case "object":
		if members, is := value.(object); is {
			return api.checkObject(place, described.Member, members)
		}
	case "list":
		if items, is := value.([]any); is {
			var wrong []error
			for i, item := range items {
				of := tencentMember{Type: "object", Member: described.Member}
				if _, is := api.Objects[described.Member]; !is {
					of.Type = described.Member
				}
				wrong = append(wrong, api.checkValue(fmt.Sprintf("%s[%d]", place, i), of, item))
			}
			return errors.Join(wrong...)
		}
	case "string":
		_, ok = value.(string)
	case "bool":
		_, ok = value.(bool)
	case "int":
		number, is := value.(float64)
		ok = is && number == float64(int64(number))
	}
	if !ok {
		return fmt.Errorf("%s is no %s", place, described.Type)
	}
	return nil
}

// tencentCall is a request that the stand-in for Tencent's API took.
type tencentCall struct {
	action  string
	request object
}

// tencentCloud stands for Tencent's API: it checks signatures, and requests by the model.
type tencentCloud struct {
	t   *testing.T
	api tencentAPI
	key emulator.TC3Key

	mu    sync.Mutex
	calls []tencentCall // guarded by mu
}

// taken returns the calls since it was last called.
func (s *tencentCloud) taken() []tencentCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *tencentCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10<<20)) // the API's own limit
	if !assert.NoError(s.t, err) {
		return
	}
	action := r.Header.Get("X-TC-Action")
	reply := object{"RequestId": "a-request-of-the-test"}
	var request object
	err = s.key.Verify(r, body, time.Now())
	if err == nil {
		err = json.Unmarshal(body, &request)
	}
	if err == nil {
		err = s.api.check(action, request)
	}
	switch {
	case err != nil:
		code, message, ok := strings.Cut(err.Error(), ": ")
		if !ok {
			code, message = "InvalidParameter", err.Error()
		}
		reply["Error"] = object{"Code": code, "Message": message}
	case r.Header.Get("X-TC-Version") != "2018-04-16" || r.Header.Get("X-TC-Region") != "ap-guangzhou":
		reply["Error"] = object{"Code": "UnsupportedRegion", "Message": "version or region"}
	default:
		s.mu.Lock()
		s.calls = append(s.calls, tencentCall{action, request})
		s.mu.Unlock()
		if action == "GetFunction" {
			reply["Status"] = "Active"
		}
	}
	w.Header().Set("Content-Type", "application/json")
	assert.NoError(s.t, json.MarshalWrite(w, object{"Response": reply}))
}

// TestRequestsAreCheckedByTencentsModel: each change is refused, and names its place.
func TestRequestsAreCheckedByTencentsModel(t *testing.T) {
	api := loadTencentAPI(t)
	sound := func() object {
		content, err := os.ReadFile(filepath.Join(folder, "scf/verify/CreateFunction.json"))
		require.NoError(t, err)
		var request object
		require.NoError(t, json.Unmarshal(content, &request))
		return request
	}
	assert.NoError(t, api.check("CreateFunction", sound()))
	for reason, change := range map[string]func(request object){
		"CreateFunction.FunctionName is missing":              func(r object) { delete(r, "FunctionName") },
		"CreateFunction.Code is missing":                      func(r object) { delete(r, "Code") },
		"CreateFunction.L5Enable is unknown":                  func(r object) { r["L5Enable"] = "FALSE" },
		"CreateFunction.MemorySize is no int":                 func(r object) { r["MemorySize"] = "128" },
		"CreateFunction.Code is no object":                    func(r object) { r["Code"] = "zip" },
		"CreateFunction.Code.Zipfile is unknown":              func(r object) { r["Code"] = object{"Zipfile": ""} },
		"CreateFunction.Environment.Variables is no list":     func(r object) { r["Environment"] = object{"Variables": object{}} },
		"CreateFunction.Environment.Variables[0].Name is u":   func(r object) { r["Environment"] = object{"Variables": []any{object{"Name": "A"}}} },
		"CreateFunction.PublicNetConfig.PublicNetStatus is m": func(r object) { r["PublicNetConfig"] = object{} },
	} {
		request := sound()
		change(request)
		assert.ErrorContains(t, api.check("CreateFunction", request), reason)
	}
	assert.ErrorContains(t, api.check("MakeFunction", sound()), "no action")
}
