package identity_test

import (
	"fmt"
	"time"

	"cobox/seeder/identity"
)

// An operator grants a partner room on a box; the box reads the grant.
func Example() {
	st, err := identity.SignGrant(operatorPrivate, identity.Grant{
		Box:        box,
		Partner:    partner,
		QuotaBytes: 500e9,
		MaxFeeds:   10,
		Issued:     time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		Notice:     90 * 24 * time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	text := st.Append(nil) // to a file, and from there to the box

	st, err = identity.ParseStatement(text)
	if err != nil {
		fmt.Println(err)
		return
	}
	trusted := func(k identity.OperatorKey) bool { return k == operator }
	g, _, err := identity.OpenGrant(st, trusted, box)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n%d bytes in %d feeds\n", g.Partner, g.QuotaBytes, g.MaxFeeds)
	// Output:
	// partner:7ir1ttte48bcp4zjychjyscicrwi1j34mtt91ptsafdbjmr8g9eo
	// 500000000000 bytes in 10 feeds
}
