package accesstoken

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/secret"
)

// Keep is how long a store keeps a State after the end of its token, so that the
// budget of forced refreshes outlives the day that it is for.
const Keep = 24 * time.Hour

// LifeOf is how long a store keeps a State from now on. A token lives for hours;
// whatever a clock that is wrong makes of it is bounded.
func LifeOf(state State, now time.Time) time.Duration {
	return min(max(0, state.Current.Expires.Sub(now)), Keep) + Keep
}

// stateRecord is a State as JSON. It has types of its own because a secret.Text
// does not show its content to an encoder.
type stateRecord struct {
	Current  tokenRecord `json:"current,omitzero"`
	Previous tokenRecord `json:"previous,omitzero"`
	Forced   []time.Time `json:"forced,omitempty"`
	Spent    time.Time   `json:"spent,omitzero"`
}

type tokenRecord struct {
	AccessToken string    `json:"access_token"`
	Renew       time.Time `json:"renew"`
	Expires     time.Time `json:"expires"`
	Fetched     time.Time `json:"fetched,omitzero"`
	CloudBase   bool      `json:"cloudbase,omitzero"`
}

func MarshalState(s State) ([]byte, error) {
	content, err := json.Marshal(stateRecord{Current: record(s.Current), Previous: record(s.Previous), Forced: s.Forced, Spent: s.Spent})
	if err != nil {
		return nil, errors.New("the state has no JSON form") // the encoder's words may quote the token
	}
	return content, nil
}

// UnmarshalState reads what MarshalState has written; anything else is the zero
// State.
func UnmarshalState(content []byte) State {
	var r stateRecord
	if err := json.Unmarshal(content, &r); err != nil {
		return State{}
	}
	return State{Current: r.Current.token(), Previous: r.Previous.token(), Forced: r.Forced, Spent: r.Spent}
}

func record(t Token) tokenRecord {
	return tokenRecord{AccessToken: t.Value.Reveal(), Renew: t.Renew, Expires: t.Expires, Fetched: t.Fetched, CloudBase: t.CloudBase}
}

func (r tokenRecord) token() Token {
	return Token{Value: secret.New(r.AccessToken), Renew: r.Renew, Expires: r.Expires, Fetched: r.Fetched, CloudBase: r.CloudBase}
}
