package boot

import "testing"

func TestTidy(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"root=a ro\n        ", "root=a ro\n        "},
		{"root=a ro gokrazy.switch_on_boot=1\n  ", "root=a ro\n                           "},
		{"root=a gokrazy.switch_on_boot=1    gokrazy.switch_on_boot=1 ro\n", "root=a ro\n" + spaces(53)},
		{"root=a gokrazy.try_boot_inactive=1\n  ", "root=a gokrazy.try_boot_inactive=1\n  "},
	} {
		got, err := tidy([]byte(tc.text))
		if err != nil || string(got) != tc.want || len(got) != len(tc.text) {
			t.Errorf("tidy(%q) = %q, %v, want %q", tc.text, got, err, tc.want)
		}
	}
	for _, text := range []string{"", "no end of line", "one\ntwo\n", spaces(maxCmdline) + "\n"} {
		if got, err := tidy([]byte(text)); err == nil {
			t.Errorf("tidy(%.20q) = %.20q", text, got)
		}
	}
}

func spaces(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = ' '
	}
	return string(b)
}
