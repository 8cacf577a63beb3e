package challenge

import "time"

// Signed returns what the MAC of a challenge is over, label included.
func (i *Issuer) Signed(id [16]byte, expires time.Time, openid, appID, purpose string) string {
	label, b := i.signed(id, expires, openid, appID, purpose)
	return label + string(b)
}
