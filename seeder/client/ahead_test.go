package client

import "testing"

// As many blocks are under way as fill a long line, and no more bytes than a computer has
// room for: also when large blocks follow small ones.
func TestAhead(t *testing.T) {
	var f reading
	if f.ahead() != ahead {
		t.Errorf("before the first block %d are under way", f.ahead())
	}
	for _, row := range []struct{ size, want int }{
		{1 << 20, 32}, {8 << 20, 32}, {512 << 10, 64}, {64 << 10, 128}, {100, 128}, {0, 128},
	} {
		for range 200 {
			f.took(row.size)
		}
		if got := f.ahead(); got != row.want {
			t.Errorf("of blocks of %d bytes %d are under way, want %d", row.size, got, row.want)
		}
	}
	f.took(1 << 20) // one is enough
	if got := f.ahead(); got != 32 {
		t.Errorf("when a large block comes after small ones, %d are under way", got)
	}
}
