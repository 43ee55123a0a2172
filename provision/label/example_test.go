package label_test

import (
	"errors"
	"fmt"

	"cobox/provision/label"
)

// A person typed, pasted or photographed something, and the program finds out what.
func Example() {
	for _, text := range []string{
		"cobox1:04hmasw9nf6yy0938nv8-7k3f9q", // photographed
		"o4hm asw9 nf6y yo93 8nv8",           // typed
		"o4hm asw9 nf6y yo93 8mv8",           // typed badly
		"https://example.org/cobox",
	} {
		found, err := label.Parse(text)
		switch found := found.(type) {
		case label.Label:
			fmt.Println("the label of", found.Tag.HostName(), found.Code)
		case label.Invite:
			fmt.Println("an invite")
		case label.Code:
			fmt.Println(found.Text())
			fmt.Println("claim ID", found.Claim().Public().ID())
		}
		if errors.Is(err, label.ErrMistyped) {
			fmt.Println("try again")
		} else if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// the label of cobox-7k3f9q (code)
	// 04HM-ASW9-NF6Y-Y093-8NV8
	// claim ID 2ed07c22bc1f162dda23f468f82b97a7
	// try again
	// reading CoBox code: this is a web address, not a CoBox code
}
