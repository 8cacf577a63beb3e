// Package awssdk configures AWS's SDK for functions: credentials, endpoints, connections
// that survive a freeze, and a few attempts in little time.
//
// On Lambda the credentials are in the variables, and nothing is read or requested at the
// start. Elsewhere the SDK's default chain finds them and renews them before they expire: a
// profile, the roles of ECS and EKS (IRSA, Pod Identity), EC2.
package awssdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"sotercall/internal/upstream"
)

const (
	// idleLife bounds an idle connection.
	idleLife = 30 * time.Second
	// maxReply bounds a reply, in bytes. An item of DynamoDB has 400 KB at most, a secret
	// 64 KiB; their JSON may be twice as long.
	maxReply = 1 << 20
	// attemptTimeout bounds one attempt, together with half of the time that is left. From
	// Lambda an attempt takes some milliseconds. With a cold TLS connect and little memory
	// it takes some hundred.
	attemptTimeout = 1500 * time.Millisecond
	// attempts bounds the attempts of a request that the server refuses for now or does not
	// answer in time. lostAttempts bounds those of a request whose connection ends without
	// a reply. Either may have been executed: only a reply tells.
	attempts     = 3
	lostAttempts = 10
	// pause is the average delay before the second attempt; it doubles up to maxPause.
	pause    = 30 * time.Millisecond
	maxPause = 240 * time.Millisecond
	// renewBefore is how long before their end credentials are renewed.
	renewBefore = 5 * time.Minute
)

// Service is the configuration of the SDK's clients for one service.
type Service struct {
	// Config is for the NewFromConfig of the service's package.
	Config aws.Config
	// FIPS and DualStack have the values of AWS_USE_FIPS_ENDPOINT and
	// AWS_USE_DUALSTACK_ENDPOINT.
	FIPS      aws.FIPSEndpointState
	DualStack aws.DualStackEndpointState

	connections *upstream.Client
	life        *upstream.Life
}

// CloseIdle closes the idle connections.
func (c *Service) CloseIdle() { c.connections.CloseIdle() }

// Close ends all background work, and closes the connections. No request may be under way
// or follow.
func (c *Service) Close() {
	c.life.End()
	c.CloseIdle()
}

// New configures a client of a service. service is the end of its endpoint variable,
// AWS_ENDPOINT_URL_, such as DYNAMODB. New reads AWS_REGION and Lambda's other variables
// (AWS Lambda, "Defined runtime environment variables"). It also reads the SDK's variables
// for endpoints (AWS SDKs and Tools Reference Guide, "Service-specific endpoints",
// "Dual-stack and FIPS endpoints"). An endpoint in the clear must be on this machine. New
// contacts no server. The errors name the variable, and hold no value.
func New(environment map[string]string, service string, now func() time.Time) (*Service, error) {
	life := upstream.NewLife()
	c := &Service{connections: upstream.New(life.NewTransport(idleLife, now), now), life: life}
	id, key := environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
	switch onLambda := environment["AWS_LAMBDA_FUNCTION_NAME"] != ""; {
	case id != "" && key != "":
		session := environment["AWS_SESSION_TOKEN"]
		c.Config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: session, Source: "environment"}, nil
		})
		c.Config.Region = environment["AWS_REGION"]
	case id != "" || key != "" || onLambda:
		return nil, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set: Lambda sets them, and elsewhere they are set together or not at all")
	default:
		var err error
		if c.Config, err = defaults(environment); err != nil {
			return nil, err
		}
	}
	if err := c.endpoints(environment, service); err != nil {
		return nil, err
	}
	c.Config.HTTPClient = httpClient{c.connections}
	c.Config.Logger = logging.Nop{} // it would write to stderr, between our lines
	retryer := retry.NewStandard(retries)
	c.Config.Retryer = func() aws.Retryer { return retryer }
	return c, nil
}

// defaults returns the SDK's default chain.
func defaults(environment map[string]string) (aws.Config, error) {
	loaded, err := config.LoadDefaultConfig(context.Background(),
		config.WithRegion(environment["AWS_REGION"]), // the empty one counts as not set
		config.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) {
			o.ExpiryWindow, o.ExpiryWindowJitterFrac = renewBefore, 0.5
		}))
	if err != nil { // the error may quote a file
		return aws.Config{}, errors.New("the AWS profile (AWS_PROFILE, ~/.aws/config) cannot be read")
	}
	return loaded, nil
}

// endpoints reads the addresses of the service.
func (c *Service) endpoints(environment map[string]string, service string) error {
	for variable, set := range map[string]func(on bool){
		"AWS_USE_FIPS_ENDPOINT": func(on bool) {
			if on {
				c.FIPS = aws.FIPSEndpointStateEnabled
			}
		},
		"AWS_USE_DUALSTACK_ENDPOINT": func(on bool) {
			if on {
				c.DualStack = aws.DualStackEndpointStateEnabled
			}
		},
	} {
		if text := environment[variable]; text != "" {
			on, err := strconv.ParseBool(strings.ToLower(text))
			if err != nil {
				return errors.New(variable + " must be true or false")
			}
			set(on)
		}
	}
	if strings.EqualFold(environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"], "true") {
		return nil
	}
	for _, variable := range []string{"AWS_ENDPOINT_URL_" + service, "AWS_ENDPOINT_URL"} {
		endpoint := environment[variable]
		if endpoint == "" {
			continue
		}
		if !upstream.IsEndpoint(endpoint) {
			return errors.New(variable + " must be an https address (http only to this machine)")
		}
		c.Config.BaseEndpoint = &endpoint
		return nil
	}
	return nil
}

// retries configures the SDK's retryer with shorter limits, and a budget of 500 retries
// that successes refill.
func retries(o *retry.StandardOptions) {
	o.MaxAttempts = lostAttempts
	o.RetryCost, o.ThrottlingRetryCost = 1, 1
	o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
		if attempt >= attempts && !isLost(err) {
			return 0, err
		}
		return rand.N(min(2*pause<<(attempt-1), maxPause)), nil
	})
}

// isLost reports whether a connection ended without a reply, so that a new one may work.
func isLost(err error) bool {
	lost, ok := errors.AsType[*lostError](err)
	_, isBarred := errors.AsType[*upstream.Obstacle](err)
	return ok && !isBarred && !errors.Is(lost.err, context.DeadlineExceeded)
}

// lostError says that no reply came to a request, which may have been sent.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *lostError) Unwrap() error { return e.err }

// httpClient implements [aws.HTTPClient]. It reads each reply whole, within the time of
// one attempt.
type httpClient struct{ connections *upstream.Client }

// Do implements [aws.HTTPClient].
func (c httpClient) Do(req *http.Request) (*http.Response, error) {
	limit := attemptTimeout
	if deadline, ok := req.Context().Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(req.Context(), limit)
	defer cancel()
	req = req.WithContext(ctx)
	// The empty header, which is not sent, marks the request as repeatable. The transport
	// then repeats it if its connection had died while idle (net/http, Transport).
	req.Header["Idempotency-Key"] = nil
	reply, err := c.connections.RoundTrip(req)
	if err != nil {
		return nil, &lostError{err}
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, &lostError{fmt.Errorf("the reply broke off: %w", err)}
	case len(body) > maxReply:
		return nil, fmt.Errorf("the reply is longer than %d bytes", maxReply)
	}
	reply.Body = io.NopCloser(bytes.NewReader(body))
	return reply, nil
}
