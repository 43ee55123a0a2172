package space_test

import (
	"fmt"
	"strings"

	"cobox/seeder/space"
)

// A recovery phrase is all that must be kept on paper.
func ExampleSecret_Phrase() {
	secret := space.NewSecret()
	phrase := secret.Phrase()
	again, err := space.ParsePhrase(phrase)
	fmt.Println(len(strings.Fields(phrase)), again == secret, err)
	// Output: 24 true <nil>
}
