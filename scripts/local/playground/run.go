package playground

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/scripts/local/texts"
)

// Question is what the page asks for: one press on the sensor.
type Question struct {
	Device     string `json:"device"`
	User       string `json:"user"`
	Platform   string `json:"platform"`
	Order      string `json:"order"` // "" is the first
	Challenges bool   `json:"challenges"`
	Purpose    bool   `json:"purpose"` // whether challenges are issued for the order
	Mistake    string `json:"mistake"` // "" if nothing goes wrong
}

// users own phones. Each has its name on the page.
var users = []struct{ Name, OpenID string }{
	{"alice", "oPlay-Alice_0000000000000001"},
	{"bob", "oPlay-Bob___0000000000000002"},
}

// foreignUser is one of another Mini Program: WeChat has no key under this openid.
const foreignUser = "oPlay-OfAnotherApp_000000003"

// shopOrder is what a user can be about to pay.
type shopOrder struct {
	Name    string // that the page has for it
	Purpose string // that the backend builds from it
	Fixed   string // what is signed where nobody issues challenges
}

var orders = []shopOrder{
	{"longjing", "pay order 2026-0042, 42.00 CNY, to Tea House", "pay-42.00"},
	{"set", "pay order 2026-0043, 420.00 CNY, to Tea House", "pay-420.00"},
}

// choice is a Question that can be run.
type choice struct {
	device        sandbox.Device
	openid, other string
	platform      string
	challenges    bool
	mistake       mistake
	fixed         string // what is signed without challenges

	// signedFor is the purpose that challenges are issued for, and paidFor the one that
	// verify gets; "" for none.
	signedFor, paidFor string
}

func (q Question) choice() (choice, error) {
	device, err := sandbox.ParseDevice(q.Device)
	if err != nil {
		return choice{}, err
	}
	c := choice{device: device, platform: q.Platform, challenges: q.Challenges}
	for _, user := range users {
		if user.Name == q.User {
			c.openid = user.OpenID
		} else {
			c.other = user.OpenID
		}
	}
	if c.openid == "" {
		return choice{}, fmt.Errorf("there is no user %q", q.User)
	}
	if _, err := emulator.Named(q.Platform); err != nil {
		return choice{}, err
	}
	order := 0
	if q.Order != "" {
		order = slices.IndexFunc(orders, func(o shopOrder) bool { return o.Name == q.Order })
	}
	if order < 0 {
		return choice{}, fmt.Errorf("there is no order %q", q.Order)
	}
	c.fixed = orders[order].Fixed
	if q.Challenges && q.Purpose {
		c.signedFor, c.paidFor = orders[order].Purpose, orders[order].Purpose
	}
	if q.Mistake == "" {
		return c, nil
	}
	i := slices.IndexFunc(mistakes, func(m mistake) bool { return m.Name == q.Mistake })
	if i < 0 {
		return choice{}, fmt.Errorf("there is no mistake %q", q.Mistake)
	}
	c.mistake = mistakes[i]
	if c.mistake.otherOrder && c.paidFor != "" {
		c.paidFor = orders[(order+1)%len(orders)].Purpose
	}
	return c, nil
}

// run sends one fingerprint through all hops, and streams the trace to out. An error means
// that the playground failed, not that a function refused. Copied commands use the address
// base.
func (p *Playground) run(ctx context.Context, base string, c choice, out *stream) error {
	// What is there already when a user presses the sensor takes no time of the run:
	// the phone is enrolled, the functions are deployed.
	began := time.Now()
	phone, err := p.sandbox.Phone(c.openid, c.device)
	if err != nil {
		return err
	}
	if _, err := p.sandbox.Phone(c.other, c.device); err != nil {
		return err
	}
	for _, f := range []Function{tokenFunction, c.function("challenge"), c.function("verify")} {
		if _, err := p.runtime(ctx, f); err != nil {
			return err
		}
	}
	way := &record{began: time.Now(), stream: out}
	out.send("began", map[string]float64{"prepared": milliseconds(way.began.Sub(began))})
	p.watcher.record.Store(way)
	defer p.watcher.record.Store(nil)

	sender := c.openid
	if c.mistake.foreign {
		sender = foreignUser
	}
	challenge, err := p.challenge(ctx, c, sender, way)
	if err != nil {
		return err
	}
	out.send("challenge", map[string]string{"challenge": challenge})

	span := way.begin("phone", "wx.startSoterAuthentication")
	signed, err := phone.Sign(challenge)
	if err != nil {
		return err
	}
	way.end(span, "ok", "resultJSON, resultJSONSignature")

	sent := verifyEvent{signed, c.paidFor}
	sent.OpenID = sender
	if c.mistake.change != nil {
		if err := c.mistake.change(&sent.Signed, c.other); err != nil {
			return err
		}
	}
	event, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	copies, err := p.copies(base, c, sent, event)
	if err != nil {
		return err
	}
	out.send("event", map[string]any{"sent": sent, "signed": verifyEvent{signed, c.signedFor}, "copies": copies})

	if c.mistake.fails() {
		defer p.sandbox.ClearFaults()
		if err := p.sandbox.Inject(c.mistake.fault); err != nil {
			return err
		}
	}
	for range c.mistake.times() {
		if err := p.verify(ctx, c, event, way); err != nil {
			return err
		}
	}
	out.send("end", map[string]float64{"total": way.ms()})
	return nil
}

// verifyEvent is what verify is asked.
type verifyEvent struct {
	sandbox.Signed
	Purpose string `json:"purpose,omitzero"`
}

func (c choice) function(name string) Function {
	return Function{Name: name, Platform: c.platform, Challenges: c.challenges && name == "verify"}
}

// challenge gets what the phone is to sign.
func (p *Playground) challenge(ctx context.Context, c choice, openid string, way *record) (string, error) {
	if c.mistake.challenge != nil {
		return c.mistake.challenge(p.world, openid, c.signedFor)
	}
	if !c.challenges {
		return c.fixed, nil
	}
	asked := map[string]string{"openid": openid}
	if c.signedFor != "" {
		asked["purpose"] = c.signedFor
	}
	question, err := json.Marshal(asked, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	span := way.begin("challenge", "issueChallenge")
	answer, err := p.invoke(ctx, c.function("challenge"), question)
	if err != nil {
		return "", err
	}
	var issued struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(answer.Payload, &issued); err != nil || issued.Challenge == "" {
		return "", fmt.Errorf("no challenge: %s", answer.Payload)
	}
	way.end(span, "ok", fmt.Sprintf("%.12s…", issued.Challenge))
	return issued.Challenge, nil
}

// verify asks whether the signature is genuine, and sends what comes back.
func (p *Playground) verify(ctx context.Context, c choice, event []byte, way *record) error {
	span := way.begin("function", "verifySignature")
	answer, err := p.invoke(ctx, c.function("verify"), event)
	if err != nil {
		return err
	}
	said, err := readAnswer(answer.Payload)
	if err != nil {
		return err
	}
	way.end(span, map[string]string{genuine: "ok", refused: "refused", unanswered: "failed"}[said.Verdict], said.short())
	said.explain(p.world.Line(ctx, answer.RequestID))
	way.stream.send("answer", said)
	return nil
}

func (p *Playground) invoke(ctx context.Context, f Function, event []byte) (emulator.Response, error) {
	runtime, err := p.runtime(ctx, f)
	if err != nil {
		return emulator.Response{}, err
	}
	return runtime.Invoke(ctx, emulator.Call{Payload: event})
}

// The three outcomes of a verification.
const (
	genuine    = "genuine"
	refused    = "refused"
	unanswered = "unanswered"
)

// answerEvent is the answer of verify with what the page says about it.
type answerEvent struct {
	Verdict string                  `json:"verdict"`
	Answer  jsontext.Value          `json:"answer"` // as it came
	Code    int                     `json:"code"`
	Log     jsontext.Value          `json:"log,omitzero"` // the line, without the metrics
	Reason  string                  `json:"reason,omitzero"`
	Advice  map[string]texts.Advice `json:"advice"`
}

func (a answerEvent) short() string {
	if a.Verdict == unanswered {
		return fmt.Sprintf("errCode %d", a.Code)
	}
	return fmt.Sprintf("isOk %t", a.Verdict == genuine)
}

// readAnswer reads an answer of verify.
func readAnswer(answer []byte) (answerEvent, error) {
	var said struct {
		IsOK    *bool `json:"isOk"`
		ErrCode *int  `json:"errCode"`
	}
	if err := json.Unmarshal(answer, &said); err != nil || said.IsOK == nil || said.ErrCode == nil {
		return answerEvent{}, fmt.Errorf("the answer is none of verifySignature: %.200s", answer)
	}
	a := answerEvent{Verdict: refused, Answer: bytes.TrimSpace(answer), Code: *said.ErrCode}
	switch {
	case a.Code != 0:
		a.Verdict = unanswered
	case *said.IsOK:
		a.Verdict = genuine
	}
	return a, nil
}

// explain adds the log line of the call. The metrics in a line of Lambda are left out,
// because they repeat its figures.
func (a *answerEvent) explain(line []byte) {
	if i := bytes.Index(line, []byte(`,"_aws":`)); i >= 0 {
		line = append(line[:i:i], '}')
	}
	var said struct {
		Reason string `json:"reason"` // why a signature is refused
		Error  string `json:"error"`  // why there is no answer
	}
	if err := json.Unmarshal(line, &said); err == nil {
		a.Log, a.Reason = line, cmp.Or(said.Reason, said.Error)
	}
	a.Advice = texts.AdviceFor(a.Code, a.Reason)
}
