// Package secrets reads the secrets of a function from AWS Secrets Manager.
//
// Anybody with access to a function's configuration can read a secret in an environment
// variable. So each variable NAME of [secret.Variables] has a twin, NAME_ARN, with the ARN
// of a secret: its whole text is the value. The function reads it at the start, with the
// rights of its own role, and again after some time. So a rotated secret reaches it without
// a deployment.
package secrets

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
	"sotercall/internal/upstream/awssdk"
)

const (
	// Life is how long a secret is used before it is read again.
	Life = 5 * time.Minute
	// timeout bounds the reading of all secrets while there are none. laterTimeout bounds
	// it later, when earlier ones are at hand.
	timeout      = 3 * time.Second
	laterTimeout = time.Second
	// pause is the minimum time between a failure and the next attempt; laterPause is the
	// same with secrets at hand.
	pause      = time.Second
	laterPause = 30 * time.Second
)

// Secrets are those of one function. They are safe for concurrent use. Use [Open] to make
// them.
type Secrets struct {
	arns   map[string]string // by the secret's variable
	aws    *awssdk.Service
	client *sdk.Client
	redact redact.Redactor
	now    func() time.Time

	reading chan struct{} // has an element while a call reads

	mu    sync.Mutex
	texts map[string]secret.Text // guarded by mu, as all that follows; by ARN
	// by variable; never changed, only replaced; nil before the first success
	values  map[string]string
	version int       // of values; 0 before the first success
	err     error     // of the last attempt
	at      time.Time // the time of that; zero makes the next call read
}

// arn matches the ARN of a secret (AWS Secrets Manager, "Actions, resources, and condition
// keys"), with the partition and the region. Its name may lack the six characters that
// Secrets Manager adds. Compiled on first use: most functions have no ARN.
var arn = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]+$`)
})

// Open implements [secret.OpenVault]. Package awssdk finds the credentials and the
// endpoint; each secret is read in the region of its ARN. now is the clock. Open reads
// nothing yet.
//
// The error names each variable that cannot be used, and holds no value.
func Open(environment map[string]string, now func() time.Time) (secret.Vault, error) {
	arns := map[string]string{}
	var problems []string
	for _, name := range secret.Variables {
		where := strings.TrimRight(environment[name+secret.Suffix], "\r\n")
		switch {
		case where == "":
			continue
		case environment[name] != "":
			problems = append(problems, name+" and "+name+secret.Suffix+" are both set: set one of the two")
		case !arn().MatchString(where):
			problems = append(problems, name+secret.Suffix+" must be the ARN of a secret in AWS Secrets Manager")
		}
		arns[name] = where
	}
	if len(arns) == 0 {
		return nil, nil
	}
	configured, err := awssdk.New(environment, "SECRETS_MANAGER", now)
	if err != nil {
		problems = append(problems, err.Error())
	}
	if len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "; "))
	}
	client := sdk.NewFromConfig(configured.Config, func(o *sdk.Options) {
		o.BaseEndpoint = configured.Config.BaseEndpoint
		o.EndpointOptions.UseFIPSEndpoint, o.EndpointOptions.UseDualStackEndpoint = configured.FIPS, configured.DualStack
	})
	return &Secrets{arns: arns, aws: configured, client: client, now: now, reading: make(chan struct{}, 1)}, nil
}

// Values returns the secrets by their variables, and their version, which grows by one when
// any of them has changed. The map must not be changed.
//
// If a reading is due, one call reads for all, within the time of ctx. Concurrent calls get
// the earlier secrets at once, or wait if there are none. Without secrets, the error says
// why. With earlier secrets, only the call whose reading failed gets an error. It names the
// variable, and holds no secret.
func (s *Secrets) Values(ctx context.Context) (values map[string]string, version int, err error) {
	values, version, err, due := s.last()
	if !due {
		return values, version, err
	}
	select {
	case s.reading <- struct{}{}:
	default:
		if values != nil {
			return values, version, nil
		}
		select {
		case s.reading <- struct{}{}:
		case <-ctx.Done():
			return nil, 0, errors.New("its secrets could not be read in time")
		}
	}
	defer func() { <-s.reading }()
	if values, version, err, due = s.last(); !due { // another call has just read them
		return values, version, err
	}
	err = s.read(ctx)
	values, version, _, _ = s.last()
	return values, version, err
}

// last returns the result of the last attempt, and whether the next is due.
func (s *Secrets) last() (values map[string]string, version int, err error, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := Life
	switch {
	case s.err != nil && s.values == nil:
		wait, err = pause, s.err
	case s.err != nil:
		wait = laterPause
	}
	// by the wall clock: a frozen function's monotonic clock stands still
	since := s.now().Round(0).Sub(s.at)
	return s.values, s.version, err, s.at.IsZero() || since < 0 || since >= wait
}

// Prepare reads the secrets before a call needs them; calls of Values wait for it. If it
// fails, the next one reads at once.
func (s *Secrets) Prepare(ctx context.Context) error {
	s.reading <- struct{}{}
	defer func() { <-s.reading }()
	err := s.read(ctx)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.at = time.Time{}
	}
	return err
}

// Close implements [io.Closer]. No call may be under way or follow.
func (s *Secrets) Close() error {
	s.aws.Close()
	return nil
}

// read reads all secrets. The caller holds s.reading.
func (s *Secrets) read(ctx context.Context) error {
	s.mu.Lock()
	limit := timeout
	if s.values != nil {
		limit = laterTimeout
	}
	s.mu.Unlock()
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer s.aws.CloseIdle() // Life is longer than any server keeps them

	texts, values := map[string]secret.Text{}, map[string]string{}
	var err error
	for _, name := range slices.Sorted(maps.Keys(s.arns)) {
		arn := s.arns[name]
		if _, done := texts[arn]; !done {
			if texts[arn], err = s.one(ctx, name); err != nil {
				break
			}
		}
		values[name] = texts[arn].Reveal()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// a caller without time left says nothing about the server
	if s.err = err; err == nil || caller.Err() == nil {
		s.at = s.now().Round(0)
	}
	if err == nil && !maps.EqualFunc(s.texts, texts, secret.Text.Equal) {
		s.texts, s.values = texts, values
		s.version++
	}
	return err
}

// one reads the secret of a variable.
func (s *Secrets) one(ctx context.Context, name string) (secret.Text, error) {
	where := s.arns[name]
	reply, err := s.client.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &where}, func(o *sdk.Options) {
		o.Region = arn().FindStringSubmatch(where)[2]
	})
	if err != nil {
		text, detail := s.describe(ctx, err)
		return secret.Text{}, &Failure{text: name + secret.Suffix + ": " + text, detail: detail, cause: err}
	}
	// editors and terminals append line ends
	text := strings.TrimRight(aws.ToString(reply.SecretString), "\r\n")
	switch {
	case text == "":
		return secret.Text{}, errors.New(name + secret.Suffix + ": the secret has no text")
	case text[0] == '{' && name != secret.AppsVariable:
		return secret.Text{}, errors.New(name + secret.Suffix + ": the secret is an object of keys and values; it should be the plain text of " + name)
	}
	return secret.New(text), nil
}
