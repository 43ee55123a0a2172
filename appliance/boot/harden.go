package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// sysctls are the kernel's switches that cost nothing and take away what a box
// does not need, and a few that it does.
var sysctls = []struct{ path, value string }{
	// What the kernel tells programs of itself helps only who wants to break it.
	{"kernel/kptr_restrict", "2"},
	{"kernel/dmesg_restrict", "1"},
	{"kernel/perf_event_paranoid", "3"},
	{"kernel/unprivileged_bpf_disabled", "1"},
	{"kernel/yama/ptrace_scope", "2"},
	{"kernel/kexec_load_disabled", "1"},
	{"kernel/sysrq", "0"},
	{"fs/suid_dumpable", "0"},
	{"fs/protected_symlinks", "1"},
	{"fs/protected_hardlinks", "1"},
	{"fs/protected_fifos", "2"},
	{"fs/protected_regular", "2"},
	// A box is not a router, and believes no stranger about the way.
	{"net/ipv4/ip_forward", "0"},
	{"net/ipv4/conf/all/accept_redirects", "0"},
	{"net/ipv4/conf/default/accept_redirects", "0"},
	{"net/ipv4/conf/all/send_redirects", "0"},
	{"net/ipv4/conf/default/send_redirects", "0"},
	{"net/ipv4/conf/all/accept_source_route", "0"},
	{"net/ipv4/icmp_echo_ignore_broadcasts", "1"},
	{"net/ipv4/tcp_syncookies", "1"},
	{"net/ipv6/conf/all/accept_redirects", "0"},
	{"net/ipv6/conf/default/accept_redirects", "0"},
	{"net/ipv6/conf/all/accept_source_route", "0"},
	// A box that has crashed starts again instead of standing there.
	{"kernel/panic", "10"},
	{"kernel/panic_on_oops", "1"},
	// QUIC is slow with the kernel's usual socket buffers.
	{"net/core/rmem_max", "7500000"},
	{"net/core/wmem_max", "7500000"},
}

// Harden turns the switches under proc, which is /proc/sys on a box. What the
// kernel does not have is left out; the error names those that would not turn.
func Harden(proc string) error {
	var errs []error
	for _, s := range sysctls {
		err := os.WriteFile(filepath.Join(proc, s.path), []byte(s.value), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("setting %s: %w", s.path, err))
		}
	}
	return errors.Join(errs...)
}
