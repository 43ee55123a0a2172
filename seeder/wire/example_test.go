package wire_test

import (
	"fmt"

	"cobox/seeder/wire"
)

// Two peers open a channel, and one sends a batch on it.
func Example() {
	a, b := wire.NewMux(), wire.NewMux()
	c := a.Open("p", nil, []byte("hello"))
	for _, frame := range a.Frames() {
		fmt.Printf("a: %x\n", frame)
		err := b.Receive(frame, func(ev wire.Event) error {
			fmt.Printf("b is asked for %q: %s\n", ev.Channel.Protocol(), ev.Handshake)
			b.Accept(ev.Channel, []byte("welcome"))
			return nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	for _, frame := range b.Frames() {
		fmt.Printf("b: %x\n", frame)
		err := a.Receive(frame, func(ev wire.Event) error {
			fmt.Printf("a is told: %s\n", ev.Handshake)
			return nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	var batch wire.Batch
	batch.Append(c, &wire.Cancel{ID: 9})
	batch.Append(c, &wire.Range{Start: 3, Length: 1})
	fmt.Printf("a: %x\n", batch.Frame())
	// Output:
	// a: 00010101700068656c6c6f
	// b is asked for "p": hello
	// b: 00010101700077656c636f6d65
	// a is told: welcome
	// a: 00000102020903080203
}
