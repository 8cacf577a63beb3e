package challenge_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/test/need"
)

const order = "pay order 2026-0042, 42.00 CNY, to Tea House"

// Challenges for alice and order, computed outside of Go from the formats that Issuer
// documents.
const (
	format3 = "AAECAwQFBgcICQoLDA0ODwAAAaBc2QHVP-V4LVAFRWXquOn8O8vLv3EbGri50n_xbSsi_kzBpKJooLtZ87rjiZW9nGN24lbwxP6iF43hPgsOPoFoKSF9JF3WsIVuamA1RY22QXtCKu6h"
	format4 = "AAECAwQFBgcICQoLDA0ODwAAAaBc2QHVP-V4LVAFRWXquOn8O8vLv3EbGri50n_xbSsi_kzBpKJooLtZ87rjiZW9nGN24lbwxIg0m3nXl4u5gzV5qUcK0AIaqOtTnBvVodh2IBjd5IyeNZPSDjBC0dU1zpjOWKfTigJ5"
)

// purposes are none, and texts that a careless comparison would take for one another.
var purposes = map[string]string{
	"none":              "",
	"the order":         order,
	"another order":     strings.Replace(order, "0042", "0043", 1),
	"longer":            order + " ",
	"shorter":           order[:len(order)-1],
	"blank before":      " " + order,
	"other case":        strings.ToUpper(order),
	"NUL at the end":    order + "\x00",
	"composed":          "Caf\u00e9",
	"decomposed":        "Cafe\u0301",
	"full width digits": strings.Replace(order, "42.00", "４２.00", 1),
	"Cyrillic":          strings.Replace(order, "a", "\u0430", 1),
	"the longest":       strings.Repeat("x", openapi.MaxPurpose),
	"almost it":         strings.Repeat("x", openapi.MaxPurpose-1) + "y",
}

func issueFor(t require.TestingT, issuer *challenge.Issuer, openid, appID, purpose string) string {
	issued, err := issuer.IssueFor(openid, appID, purpose)
	require.NoError(t, err)
	return issued.Text
}

func forPurpose(r openapi.Request, purpose string) openapi.Request {
	r.Purpose = purpose
	return r
}

// refusal is the reason for which a challenge for one purpose is refused for another.
func refusal(issued, asked string) error {
	switch {
	case issued == asked:
		return nil
	case issued == "":
		return challenge.ErrPurposeAdded
	case asked == "":
		return challenge.ErrNoPurpose
	}
	return challenge.ErrOtherPurpose
}

func TestFormatsWithAPurposeAreAsDocumented(t *testing.T) {
	issuer := newIssuer(t, newClock().Now)
	for text, length := range map[string]int{format3: challenge.PurposeTextLength, format4: challenge.PurposeAppTextLength} {
		assert.Len(t, text, length)
		ticket, err := issuer.Check(text, challenge.User{OpenID: alice, AppID: shop, Purpose: order})
		require.NoError(t, err)
		assert.Equal(t, text[:21], ticket.ID[:21])

		decoded, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		assert.Equal(t, challenge.PurposeHash([16]byte(decoded), order), decoded[24:56])
		sum := sha256.Sum256([]byte("sotercall challenge 3 purpose\x00" + string(decoded[:16]) + order))
		assert.Equal(t, sum[:], decoded[24:56], "as docs/challenges.md says")
	}
	assert.Len(t, issueFor(t, issuer, alice, "", order), challenge.PurposeTextLength)
	assert.Len(t, issueFor(t, issuer, alice, shop, order), challenge.PurposeAppTextLength)
	assert.Len(t, issueFor(t, issuer, alice, "", ""), challenge.TextLength, "as before there were purposes")
	assert.Len(t, issueFor(t, issuer, alice, shop, ""), challenge.AppTextLength, "as before there were purposes")
}

func TestChallengeIsGoodForItsPurposeOnly(t *testing.T) {
	old, rotated := newIssuer(t, nil, firstSecret), newIssuer(t, nil, secondSecret, firstSecret)
	done := newIssuer(t, nil, secondSecret)
	for issuedName, issued := range purposes {
		for _, appID := range []string{"", shop} {
			text := issueFor(t, old, alice, appID, issued)
			assert.Regexp(t, `^[A-Za-z0-9_-]{96,164}$`, text)
			for askedName, asked := range purposes {
				name := fmt.Sprintf("issued for %s, asked for %s, app %q", issuedName, askedName, appID)
				for _, issuer := range []*challenge.Issuer{old, rotated} {
					_, err := issuer.Check(text, challenge.User{OpenID: alice, AppID: appID, Purpose: asked})
					assert.Equal(t, refusal(issued, asked), err, name)
					_, err = issuer.Check(text, challenge.User{OpenID: bob, AppID: appID, Purpose: asked})
					assert.Equal(t, challenge.ErrOtherUser, err, name)
					if appID != "" {
						_, err = issuer.Check(text, challenge.User{OpenID: alice, AppID: game, Purpose: asked})
						assert.Equal(t, challenge.ErrOtherApp, err, name)
					}
				}
				_, err := done.Check(text, challenge.User{OpenID: alice, AppID: appID, Purpose: asked})
				assert.Equal(t, challenge.ErrNotOurs, err, name)
			}
		}
	}
}

// A refused purpose consumes nothing, is no wrong signature, and reaches nobody.
func TestWrongPurposeConsumesNothingInAnyStore(t *testing.T) {
	forEachLedger(t, func(t *testing.T, ledger challenge.Ledger) {
		d := newDesk(t, ledger)
		n := uint64(0)
		for _, appID := range []string{"", shop} {
			for issuedName, issued := range purposes {
				n++
				r := question(alice, resultJSON(issueFor(t, d.Issuer, alice, appID, issued), n))
				r.AppID = appID
				asked := d.next.asked
				for _, other := range purposes { // more than MaxFailures
					if want := refusal(issued, other); want != nil {
						assert.Equal(t, openapi.Wrong(want.Error()), d.verify(t, forPurpose(r, other)), issuedName)
					}
				}
				assert.Equal(t, asked, d.next.asked, "nobody was asked")
				assert.Equal(t, openapi.Genuine(), d.verify(t, forPurpose(r, issued)), issuedName)
				assert.Equal(t, openapi.Wrong("the challenge was used before"), d.verify(t, forPurpose(r, issued)), issuedName)
			}
		}
	})
}

// The hash is no secret: anybody can compute the one of another purpose. The MAC is over it.
func TestForgedPurposeHashIsNotOurs(t *testing.T) {
	issuer := newIssuer(t, newClock().Now)
	for _, appID := range []string{"", shop} {
		text := issueFor(t, issuer, alice, appID, order)
		decoded, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		other := purposes["another order"]
		forged := append([]byte(nil), decoded...)
		copy(forged[24:56], challenge.PurposeHash([16]byte(decoded), other))
		_, err = issuer.Check(base64.RawURLEncoding.EncodeToString(forged), challenge.User{OpenID: alice, AppID: appID, Purpose: other})
		assert.Equal(t, challenge.ErrNotOurs, err)

		taken := issue(t, issuer, alice)
		if appID != "" {
			taken = issueFor(t, issuer, alice, appID, "")
		}
		plain, err := base64.RawURLEncoding.DecodeString(taken)
		require.NoError(t, err)
		added := append(append(append([]byte(nil), plain[:24]...), decoded[24:56]...), plain[24:]...)
		removed := append(append([]byte(nil), decoded[:24]...), decoded[56:]...)
		for name, forged := range map[string][]byte{"added": added, "removed": removed} {
			_, err = issuer.Check(base64.RawURLEncoding.EncodeToString(forged), challenge.User{OpenID: alice, AppID: appID, Purpose: order})
			assert.Equal(t, challenge.ErrNotOurs, err, name)
		}
		for place := range text {
			for _, c := range []byte(alphabet + "=+/ \n") {
				if text[place] == c {
					continue
				}
				tampered := []byte(text)
				tampered[place] = c
				_, err := issuer.Check(string(tampered), challenge.User{OpenID: alice, AppID: appID, Purpose: order})
				require.Equal(t, challenge.ErrNotOurs, err, "place %d, character %q", place, c)
			}
		}
		_, err = issuer.Check(text, challenge.User{OpenID: alice, AppID: appID, Purpose: order})
		assert.NoError(t, err, "the twin")
	}
}

// Not even with one id: what stands for user, app and purpose cannot be shifted from one
// to the other.
func TestNoTwoChallengesShareAMACInput(t *testing.T) {
	issuer := newIssuer(t, nil)
	type subject struct {
		user, app, purpose string
		expires            int64
	}
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00é")), 0, 4, -1)
	any := rapid.Custom(func(t *rapid.T) subject {
		return subject{text.Draw(t, "user"), text.Draw(t, "app"), text.Draw(t, "purpose"), rapid.Int64Range(1, 4).Draw(t, "expires")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := any.Draw(t, "a"), any.Draw(t, "b")
		input := func(s subject) string {
			return issuer.Signed([16]byte{7}, time.UnixMilli(s.expires), s.user, s.app, s.purpose)
		}
		require.Equal(t, a == b, input(a) == input(b))
	})
}

func TestEqualPurposesDoNotLink(t *testing.T) {
	issuer := newIssuer(t, newClock().Now)
	hashes := map[string]bool{}
	for range 200 {
		hashes[issueFor(t, issuer, alice, "", order)[32:75]] = true
	}
	assert.Len(t, hashes, 200)
}

func TestIssueForWantsAPurposeThatFits(t *testing.T) {
	issuer := newIssuer(t, nil)
	for purpose, says := range map[string]string{
		strings.Repeat("x", openapi.MaxPurpose+1): "purpose has 1025 bytes",
		strings.Repeat("茶", 342):                  "purpose has 1026 bytes",
		"\xff":                                    "not UTF-8",
	} {
		_, err := issuer.IssueFor(alice, "", purpose)
		assert.ErrorContains(t, err, says)
	}
	issueFor(t, issuer, alice, "", strings.Repeat("茶", 341)+"x")
}

// TestStormsOfPurposes submits one signature for several purposes at the same time, to
// eight instances: it is genuine once, and for its own purpose.
func TestStormsOfPurposes(t *testing.T) {
	phone := newPhone(t)
	for name, open := range ledgers {
		t.Run(name, func(t *testing.T) {
			instances := [8]*challenge.Verifier{}
			for n, ledger := range open(t, len(instances)) {
				instances[n] = &challenge.Verifier{Issuer: newIssuer(t, nil), Next: phone, Ledger: ledger}
			}
			asked := []string{order, purposes["another order"], "", purposes["longer"]}
			for storm := range need.OrLong(8, 40) {
				issued := asked[storm%len(asked)]
				r := phone.sign(t, alice, issueFor(t, instances[0].Issuer, alice, "", issued), uint64(storm+1))
				var mu sync.Mutex
				var all sync.WaitGroup
				genuine := map[string]int{}
				for n := range 32 {
					all.Go(func() {
						purpose := asked[n/8]
						verdict, err := instances[n%8].Verify(t.Context(), forPurpose(r, purpose))
						mu.Lock()
						defer mu.Unlock()
						if assert.NoError(t, err) && verdict.IsGenuine() {
							genuine[purpose]++
						}
					})
				}
				all.Wait()
				require.Equal(t, map[string]int{issued: 1}, genuine, "storm %d", storm)
			}
		})
	}
}

// A Verifier without challenges never passes over a purpose.
func TestPurposeWithoutChallengesIsRefused(t *testing.T) {
	d := newDesk(t, nil)
	text := issue(t, d.Issuer, alice)
	d.Issuer = nil
	r := question(alice, resultJSON(text, 1))
	_, err := d.Verify(t.Context(), forPurpose(r, order))
	var refused *openapi.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, openapi.CodeInvalidParam, refused.Code)
	assert.Zero(t, d.next.asked)
	assert.Equal(t, openapi.Genuine(), d.verify(t, r), "the twin")
}

func TestPurposeOfAnIssuedChallenge(t *testing.T) {
	issuer := newIssuer(t, nil)
	for _, c := range []struct {
		name, members string
		policy        openapi.PurposePolicy
		purpose       string
		says          string // empty: a challenge is issued
	}{
		{"none", ``, openapi.OptionalPurpose, "", ""},
		{"one", `,"purpose":"` + order + `"`, openapi.OptionalPurpose, order, ""},
		{"escaped", `,"purpose":"\u0070ay\u0000"`, openapi.RequirePurpose, "pay\x00", ""},
		{"not trimmed", `,"purpose":" pay "`, openapi.OptionalPurpose, " pay ", ""},
		{"required", ``, openapi.RequirePurpose, "", "parameter.purpose is missing"},
		{"empty", `,"purpose":""`, openapi.OptionalPurpose, "", "parameter.purpose is empty"},
		{"null", `,"purpose":null`, openapi.OptionalPurpose, "", "must be a string, not null"},
		{"a number", `,"purpose":42`, openapi.OptionalPurpose, "", "must be a string, not a number"},
		{"an object", `,"purpose":{"order":1}`, openapi.OptionalPurpose, "", "must be a string, not an object"},
		{"in capitals", `,"Purpose":"pay"`, openapi.OptionalPurpose, "", "is not written Purpose"},
		{"too long", `,"purpose":"` + strings.Repeat("x", 1025) + `"`, openapi.OptionalPurpose, "", "has 1025 bytes, at most 1024"},
		{"twice", `,"purpose":"a","purpose":"b"`, openapi.OptionalPurpose, "", "expected a JSON object"},
		{"half a character", `,"purpose":"\ud83d"`, openapi.OptionalPurpose, "", "expected a JSON object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := challenge.IssueCall(issuer, nil, c.policy)
			result := call.Serve(openapi.NewEvent(backend(t), []byte(`{"openid":"`+alice+`"`+c.members+`}`)))
			answer := string(call.Body(result))
			for _, attr := range result.Log {
				assert.NotContains(t, attr.String(), "pay", "a purpose is not logged")
			}
			if c.says != "" {
				assert.Contains(t, answer, `"errCode":-501007`)
				assert.Contains(t, answer, c.says)
				assert.NotContains(t, answer, `"challenge"`)
				return
			}
			_, rest, _ := strings.Cut(answer, `{"challenge":"`)
			text, _, _ := strings.Cut(rest, `"`)
			_, err := issuer.Check(text, challenge.User{OpenID: alice, Purpose: c.purpose})
			assert.NoError(t, err)
		})
	}
}
