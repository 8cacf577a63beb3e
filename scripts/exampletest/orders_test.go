package exampletest

import (
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// shops are the servers of the examples that take payments: the backend, and the cloud
// function behind the same routes, with the functions in its environment or elsewhere.
func (w *world) shops(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"backend": w.startBackend(t, nil),
		"cloud function": w.startNode(t, "paycloud.js", map[string]string{
			"PATH": os.Getenv("PATH"), "APPID": w.AppID, "FUNCTIONS": w.Functions,
		}),
		"cloud function, by HTTPS": w.startNode(t, "paycloud.js", map[string]string{
			"PATH": os.Getenv("PATH"), "APPID": w.AppID, "SOTER_URL": w.doors, "SOTER_BEARER_TOKEN": bearerToken,
		}),
	}
}

// genuinely says whether an answer is that of a genuine signature.
func genuinely(answer object) bool { return answer["isOk"] == true && answer["errCode"] == float64(0) }

// TestSignatureIsGoodForItsOrderOnly breaks one thing in each case. Each has a twin: the
// signature, with that one thing as it was, pays.
func TestSignatureIsGoodForItsOrderOnly(t *testing.T) {
	need.Program(t, "node")
	w := open(t)
	_, err := w.sandbox.Phone(stranger, sandbox.Android)
	require.NoError(t, err)
	for name, url := range w.shops(t) {
		t.Run(name, func(t *testing.T) {
			alice, bob := logIn(t, url, user), logIn(t, url, stranger)
			pays := func(c visitor, id string, s sandbox.Signed) bool {
				_, answer := c.post(t, "/pay", payment(id, s))
				return genuinely(answer)
			}
			t.Run("another order of the same amount", func(t *testing.T) {
				signed, other := alice.buys(t, "longjing"), alice.buys(t, "longjing")
				s := alice.signed(t, w, user, signed.ID)
				assert.False(t, pays(alice, other.ID, s))
				assert.False(t, alice.paid(t, other.ID))
				assert.True(t, pays(alice, signed.ID, s), "the twin: nothing was consumed")
				assert.False(t, alice.paid(t, other.ID))
			})
			t.Run("the amount has changed since", func(t *testing.T) {
				made := alice.buys(t, "longjing")
				s := alice.signed(t, w, user, made.ID)
				changed := alice.order(t, object{"order": made.ID, "quantity": 10})
				require.Equal(t, "420.00 CNY", changed.Price)
				assert.False(t, pays(alice, made.ID, s))
				assert.False(t, alice.paid(t, made.ID))
				require.Equal(t, made.Purpose, alice.order(t, object{"order": made.ID, "quantity": 1}).Purpose)
				assert.True(t, pays(alice, made.ID, s), "the twin")
			})
			t.Run("another user's phone", func(t *testing.T) {
				made := alice.buys(t, "longjing")
				assert.False(t, pays(alice, made.ID, alice.signed(t, w, stranger, made.ID)))
				assert.True(t, pays(alice, made.ID, alice.signed(t, w, user, made.ID)), "the twin")
			})
			t.Run("another user's order", func(t *testing.T) {
				hers := alice.buys(t, "longjing")
				s := alice.signed(t, w, user, hers.ID)
				for _, path := range []string{"/order", "/soter/challenge", "/pay"} {
					_, answer := bob.post(t, path, payment(hers.ID, s))
					assert.False(t, genuinely(answer), path)
					assert.NotContains(t, answer, "challenge", path)
					assert.NotContains(t, answer, "order", path)
				}
				assert.False(t, alice.paid(t, hers.ID))
				assert.True(t, pays(alice, hers.ID, s), "the twin")
			})
			t.Run("a challenge for a login", func(t *testing.T) {
				made := alice.buys(t, "longjing")
				_, answer := hosted.Post(t, w.doors+"/openapi/soter/issueChallenge", hosted.JSON(t, object{"openid": user}),
					http.Header{"Authorization": {"Bearer " + bearerToken}})
				assert.False(t, pays(alice, made.ID, w.signs(t, user, answer)))
				_, answer = hosted.Post(t, w.doors+"/openapi/soter/issueChallenge", hosted.JSON(t, object{"openid": user, "purpose": made.Purpose}),
					http.Header{"Authorization": {"Bearer " + bearerToken}})
				assert.True(t, pays(alice, made.ID, w.signs(t, user, answer)), "the twin: who fetched the challenge makes no difference")
			})
			t.Run("what the page says beside", func(t *testing.T) {
				signed, other := alice.buys(t, "longjing"), alice.buys(t, "set")
				question := payment(other.ID, alice.signed(t, w, user, signed.ID))
				maps.Copy(question, object{
					"purpose": signed.Purpose, "openid": user, "owner": user, "amount": 1, "price": "0.01 CNY",
					"state": "paid", "version": 1, "isOk": true, "id": signed.ID, "_id": signed.ID,
				})
				_, answer := alice.post(t, "/pay", question)
				assert.False(t, genuinely(answer))
				assert.False(t, alice.paid(t, other.ID))
			})
			t.Run("orders that are none", func(t *testing.T) {
				s := alice.signed(t, w, user, alice.buys(t, "longjing").ID)
				for _, id := range []any{nil, "", 1, "__proto__", []string{"x"}, object{}, object{"$ne": ""}} {
					_, answer := alice.post(t, "/pay", object{"order": id, "jsonString": s.JSONString, "jsonSignature": s.JSONSignature})
					assert.Equal(t, false, answer["isOk"], id)
					assert.NotEqual(t, float64(0), answer["errCode"], id)
				}
				for _, q := range []object{
					{"item": "longjing", "quantity": 0}, {"item": "longjing", "quantity": -1},
					{"item": "longjing", "quantity": 0.5}, {"item": "longjing", "quantity": "1"},
					{"item": "constructor", "quantity": 1}, {"item": "longjing", "quantity": 100},
					{"quantity": 1}, {"item": "longjing"},
				} {
					assert.Empty(t, alice.order(t, q).ID, "%v", q)
				}
			})
		})
	}
}

// signs has a phone sign the challenge of an answer.
func (w *world) signs(t *testing.T, holder, answer string) sandbox.Signed {
	t.Helper()
	phone, err := w.sandbox.Phone(holder, sandbox.Android)
	require.NoError(t, err)
	s, err := phone.Sign(challengeIn(t, answer))
	require.NoError(t, err)
	return s
}

// TestSecondSubmissionGetsTheFirstResult: one after the other, and many at once.
func TestSecondSubmissionGetsTheFirstResult(t *testing.T) {
	need.Program(t, "node")
	w := open(t)
	for name, url := range w.shops(t) {
		t.Run(name, func(t *testing.T) {
			alice := logIn(t, url, user)
			made, other := alice.buys(t, "longjing"), alice.buys(t, "longjing")
			question := payment(made.ID, alice.signed(t, w, user, made.ID))
			const pages = 8
			answers := make([]object, pages)
			var all sync.WaitGroup
			for i := range pages {
				all.Go(func() { _, answers[i] = alice.post(t, "/pay", question) })
			}
			all.Wait()
			_, later := alice.post(t, "/pay", question)
			for _, answer := range append(answers, later) {
				assert.Equal(t, object{"isOk": true, "errMsg": "openapi.soter.verifySignature:ok", "errCode": float64(0)}, answer)
			}
			// A signature that is not genuine is no way to another result, nor to a payment.
			question["order"] = other.ID
			_, answer := alice.post(t, "/pay", question)
			assert.False(t, genuinely(answer))
			_, answer = alice.post(t, "/soter/challenge", object{"order": made.ID})
			assert.NotContains(t, answer, "challenge", "a paid order is not signed again")
			changed := alice.order(t, object{"order": made.ID, "quantity": 2})
			assert.NotEqual(t, "open", changed.State, "nor changed")
			assert.Equal(t, made.Price, alice.order(t, object{"order": made.ID}).Price)
		})
	}
}

// TestOrderThatChangesWhileWeChatIsAsked: what was verified is what is paid, or nothing is.
func TestOrderThatChangesWhileWeChatIsAsked(t *testing.T) {
	need.Program(t, "node")
	w := open(t)
	for name, start := range map[string]func(doors, functions string) string{
		"backend": func(doors, _ string) string {
			return w.startBackend(t, map[string]string{"SOTER_URL": doors, "SOTER_CHALLENGE_URL": w.doors})
		},
		"cloud function": func(_, functions string) string {
			return w.startNode(t, "paycloud.js", map[string]string{"PATH": os.Getenv("PATH"), "APPID": w.AppID, "FUNCTIONS": functions})
		},
	} {
		t.Run(name, func(t *testing.T) {
			// between stands in front of the functions, and acts while verify is asked.
			var meanwhile func()
			between := func(url string) string {
				next := forward(t, url)
				return hosted.Serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if isVerify(r) && meanwhile != nil {
						meanwhile()
					}
					next.ServeHTTP(rw, r)
				}))
			}
			alice := logIn(t, start(between(w.doors), between(w.Functions)), user)
			for _, quantity := range []int{2, 1} {
				made := alice.buys(t, "longjing")
				question := payment(made.ID, alice.signed(t, w, user, made.ID))
				meanwhile = func() {
					if quantity != 1 {
						alice.order(t, object{"order": made.ID, "quantity": quantity})
					}
				}
				_, answer := alice.post(t, "/pay", question)
				meanwhile = nil
				assert.Equal(t, quantity == 1, genuinely(answer), "%d: %v", quantity, answer)
				assert.Equal(t, quantity == 1, alice.paid(t, made.ID), "%d", quantity)
			}
		})
	}
}

// TestNoWrongPayment lets users do everything at once that a page can do, and counts.
func TestNoWrongPayment(t *testing.T) {
	need.Program(t, "node")
	w := open(t)
	_, err := w.sandbox.Phone(stranger, sandbox.Android)
	require.NoError(t, err)
	for name, url := range w.shops(t) {
		t.Run(name, func(t *testing.T) {
			rounds := 12
			if name != "backend" {
				rounds = 3 // it waits for a result of another submission
			}
			random := rand.New(rand.NewPCG(29, uint64(len(name)))) // the same in each run
			visitors := map[string]visitor{user: logIn(t, url, user), stranger: logIn(t, url, stranger)}
			wrong, right := 0, 0
			for round := range rounds {
				type made struct {
					order
					owner  string
					signed sandbox.Signed
				}
				var all []made
				for _, owner := range []string{user, user, stranger, stranger} {
					o := visitors[owner].buys(t, []string{"longjing", "set"}[random.IntN(2)])
					all = append(all, made{o, owner, visitors[owner].signed(t, w, owner, o.ID)})
				}
				// The first order of each round is changed after it was signed.
				changed := visitors[user].order(t, object{"order": all[0].ID, "quantity": 2 + random.IntN(5)})
				require.NotEqual(t, all[0].Purpose, changed.Purpose)
				type submission struct {
					by     string
					target int
					signed int
				}
				var submissions []submission
				for target := range all {
					for signed := range all {
						for by := range visitors {
							submissions = append(submissions, submission{by, target, signed}, submission{by, target, signed})
						}
					}
				}
				random.Shuffle(len(submissions), func(i, j int) { submissions[i], submissions[j] = submissions[j], submissions[i] })
				// Not the owner's own signature for the last order: it stays unpaid.
				var running sync.WaitGroup
				bounded := make(chan struct{}, 8)
				for _, s := range submissions {
					if s.target == len(all)-1 && s.signed == s.target {
						continue
					}
					bounded <- struct{}{}
					running.Go(func() {
						defer func() { <-bounded }()
						visitors[s.by].post(t, "/pay", payment(all[s.target].ID, all[s.signed].signed))
					})
				}
				running.Wait()
				for i, o := range all {
					should := i != 0 && i != len(all)-1
					now := visitors[o.owner].order(t, object{"order": o.ID})
					switch paid := now.State == "paid"; {
					case paid && (!should || now.Purpose != o.Purpose):
						wrong++
						t.Errorf("round %d: %+v was paid", round, now)
					case paid:
						right++
					case should:
						t.Errorf("round %d: %+v was not paid", round, now)
					}
				}
			}
			assert.Equal(t, 0, wrong, "wrong payments")
			assert.Equal(t, 2*rounds, right, "the twin: what was signed is paid")
			t.Logf("%s: %d orders paid, %d wrongly", name, right, wrong)
		})
	}
}

// TestCloudFunctionWithoutFunctions: over HTTP, what is no response of a function is an
// error, and never a genuine signature. The twin is in TestSignatureIsGoodForItsOrderOnly.
func TestCloudFunctionWithoutFunctions(t *testing.T) {
	need.Program(t, "node")
	w := open(t)
	noAnswer := object{"isOk": false, "errCode": float64(-604103), "errMsg": "the function gave no answer"}
	shop := func(at, token string) string {
		return w.startNode(t, "paycloud.js", map[string]string{
			"PATH": os.Getenv("PATH"), "APPID": w.AppID, "SOTER_URL": at, "SOTER_BEARER_TOKEN": token,
		})
	}
	for name, body := range map[string]string{
		"no code": `{"isOk":true}`, "no JSON": `isOk`, "null": `null`,
	} {
		t.Run(name, func(t *testing.T) {
			impostor := hosted.Serve(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, body) }))
			alice := logIn(t, shop(impostor, bearerToken), user)
			made := alice.buys(t, "longjing")
			_, answer := alice.post(t, "/pay", object{"order": made.ID, "jsonString": "{}", "jsonSignature": "AA=="})
			assert.Equal(t, noAnswer, answer)
			assert.False(t, alice.paid(t, made.ID))
		})
	}
	t.Run("wrong bearer token", func(t *testing.T) {
		alice := logIn(t, shop(w.doors, bearerToken+"1"), user)
		_, answer := alice.post(t, "/soter/challenge", object{"order": alice.buys(t, "longjing").ID})
		assert.EqualValues(t, -604101, answer["errCode"], answer)
		assert.NotContains(t, answer, "challenge")
	})
}
