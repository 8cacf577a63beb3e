package authkeys_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
)

// recorder is a store that keeps what was put last.
type recorder struct{ put []authkeys.AuthKey }

func (s *recorder) Find(context.Context, authkeys.ID) (authkeys.AuthKey, error) {
	return authkeys.AuthKey{}, authkeys.ErrNotEnrolled
}

func (s *recorder) Put(_ context.Context, key authkeys.AuthKey) error {
	s.put = append(s.put, key)
	return nil
}

// FuzzEnrollCall: whatever comes in, the answer is one object of the documented
// shape, and it says ok if and only if one complete AuthKey was kept, for the
// openid in the event.
func FuzzEnrollCall(f *testing.F) {
	for _, p := range []phone{newPhone(f), newHuaweiPhone(f)} {
		f.Add([]byte(enrollEvent(f, p.enrolment(f))))
	}
	f.Add([]byte(`{"call":"openapi.soter.enrollAuthKey","openid":"\ud800"}`))
	f.Add([]byte(`{"call":"openapi.soter.enrollAuthKey","openid":{},"askJson":null}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		store := &recorder{}
		answer, _ := enroll(backend(t), store, string(event))
		var said struct {
			ErrMsg  *string `json:"errMsg"`
			ErrCode *int    `json:"errCode"`
		}
		require.NoError(t, json.Unmarshal([]byte(answer), &said, json.RejectUnknownMembers(true)))
		require.NotNil(t, said.ErrMsg)
		require.NotNil(t, said.ErrCode)
		require.Equal(t, *said.ErrCode == 0, len(store.put) == 1)
		require.Equal(t, *said.ErrCode == 0, *said.ErrMsg == "openapi.soter.enrollAuthKey:ok")

		var asked struct {
			Call   any    `json:"call"`
			OpenID string `json:"openid"`
		}
		err := json.Unmarshal(event, &asked)
		for _, kept := range store.put {
			require.NoError(t, err)
			require.Equal(t, asked.OpenID, kept.OpenID)
			content, err := json.Marshal(map[string]any{"authKeys": []any{kept}})
			require.NoError(t, err)
			_, err = authkeys.ParseFile(content)
			require.NoError(t, err, "what is enrolled can be kept")
		}
	})
}

// FuzzFile: a file is read completely or not at all, and what was read is
// written so that it reads the same.
func FuzzFile(f *testing.F) {
	f.Add([]byte(fileExample))
	f.Add([]byte(`{"authKeys":[]}`))
	f.Add([]byte(`{"authKeys":[{}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		keys, err := authkeys.ParseFile(content)
		if err != nil {
			require.Nil(t, keys)
			return
		}
		for id, key := range keys {
			require.Equal(t, id, key.ID)
			require.NotEmpty(t, id.OpenID)
			require.NotEmpty(t, id.CPUID)
			require.NotEmpty(t, id.UID)
			require.NotEmpty(t, key.PubKey)
			require.NotZero(t, key.Counter)
			require.Contains(t, []int{20, 32}, int(key.Salt))
		}
		written, err := json.Marshal(map[string]any{"authKeys": slices.Collect(maps.Values(keys))})
		require.NoError(t, err)
		if len(keys) == 0 {
			return
		}
		again, err := authkeys.ParseFile(written)
		require.NoError(t, err)
		require.Equal(t, keys, again)
	})
}
