package authkeys_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
)

// ofDevice is the AuthKey of one of many devices of a user.
func ofDevice(n int, pubKey string) authkeys.AuthKey {
	key := storetest.Key(user, fmt.Sprintf("%s-%03d", cpuID, n), uid, 240)
	key.PubKey = pubKey
	return key
}

// The reply that holds a user's item is above 64 KiB from the 88th device on, and the item
// takes more devices until it has the 400 KB that DynamoDB allows.
func TestAUserWithManyDevicesOnDynamoDB(t *testing.T) {
	server := dynalite.Start(t)
	keys := dynamodb.NewAuthKeys(openTable(t, server))
	real := pemText(t, authKey())
	for n := 1; n <= 120; n++ {
		require.NoError(t, keys.Put(t.Context(), ofDevice(n, real)), "device %d", n)
	}
	for _, n := range []int{1, 88, 120} {
		enrolled := ofDevice(n, real)
		storetest.RequireKept(t, keys, enrolled)
		require.NoError(t, keys.Put(t.Context(), enrolled), "device %d again", n)
		older := ofDevice(n, real)
		older.Counter--
		var notNewer *authkeys.NotNewerError
		require.ErrorAs(t, keys.Put(t.Context(), older), &notNewer, "device %d", n)
		assert.Equal(t, enrolled.Counter, notNewer.Enrolled)
	}
}

// An item that is full refuses an AuthKey before it is kept, and loses none.
func TestEnrollingIntoAFullItemOfDynamoDB(t *testing.T) {
	server := dynalite.Start(t)
	keys, p := dynamodb.NewAuthKeys(openTable(t, server)), newPhone(t)
	event := enrollEvent(t, p.enrolment(t))
	var kept []authkeys.AuthKey
	for _, size := range []int{50_000, 5_000, 400} { // each until it does not fit any more
		for {
			key := ofDevice(len(kept)+1, strings.Repeat("k", size))
			err := keys.Put(t.Context(), key)
			if err != nil {
				require.ErrorIs(t, err, authkeys.ErrTooManyDevices)
				break
			}
			kept = append(kept, key)
		}
	}
	full := server.Items()
	answer, _ := enroll(backend(t), keys, event)
	assert.Equal(t, `{"errMsg":"openapi.soter.enrollAuthKey:fail -501007 invalid parameters. keeping an AuthKey: the user has as many AuthKeys as the store can keep: delete those of devices that are not used any more","errCode":-501007}`, answer)
	assert.Equal(t, full, server.Items(), "nothing has changed")
	for _, key := range kept {
		storetest.RequireKept(t, keys, key)
	}

	item := full["sotercall:authkeys:"+user]
	first := kept[0].ID
	delete(item, "key "+first.CPUID+" "+first.UID)
	server.Put("sotercall:authkeys:"+user, item)
	answer, _ = enroll(backend(t), keys, event)
	assert.Equal(t, ok, answer, "the twin: one device was deleted")
}
