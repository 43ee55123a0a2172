package confine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// become takes the rights away, the ones that need rights to do so first.
func become(p Policy, program string, args, env []string, warn func(error)) error {
	if p.Sacrifice != 0 {
		if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(p.Sacrifice)), 0); err != nil {
			warn(fmt.Errorf("%w: %w", ErrWeaker, err))
		}
	}
	if err := limit(p); err != nil {
		warn(fmt.Errorf("%w: %w", ErrWeaker, err))
	}
	if err := changeUser(p); err != nil {
		return fmt.Errorf("confining %s: %w", program, err)
	}
	// From here on nothing that is started gains rights by being started.
	if err := allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return fmt.Errorf("confining %s: no new privileges: %w", program, err)
	}
	if err := fence(p, program); err != nil {
		warn(fmt.Errorf("%w: it can see more files than it needs: %w", ErrWeaker, err))
	}
	return fmt.Errorf("starting %s: %w", program, syscall.Exec(program, args, env))
}

// limit sets limits, the hard ones too, so that they cannot be raised again.
func limit(p Policy) error {
	var errs []error
	set := func(what int, n uint64) {
		errs = append(errs, unix.Setrlimit(what, &unix.Rlimit{Cur: n, Max: n}))
	}
	set(unix.RLIMIT_CORE, 0) // a memory image holds keys
	if p.Files > 0 {
		set(unix.RLIMIT_NOFILE, p.Files)
	}
	if p.Processes > 0 {
		set(unix.RLIMIT_NPROC, p.Processes)
	}
	return errors.Join(errs...)
}

// changeUser becomes another user for good. Changing from root takes all capabilities
// away, and the bounding set, emptied before, keeps them from coming back.
func changeUser(p Policy) error {
	if os.Geteuid() != 0 || p.User == 0 {
		return nil
	}
	for c := uintptr(0); ; c++ {
		err := allThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		if errors.Is(err, unix.EINVAL) { // the kernel has no such capability: the last was dropped
			break
		}
		if err != nil {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	if err := allThreads(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL); err != nil {
		return fmt.Errorf("dropping ambient capabilities: %w", err)
	}
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("leaving groups: %w", err)
	}
	if err := syscall.Setgid(p.Group); err != nil {
		return fmt.Errorf("becoming group %d: %w", p.Group, err)
	}
	if err := syscall.Setuid(p.User); err != nil {
		return fmt.Errorf("becoming user %d: %w", p.User, err)
	}
	return nil
}

// allThreads makes a system call on every thread of this process: what takes
// rights away from a thread leaves the others as they are.
func allThreads(trap, a1, a2 uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall(trap, a1, a2, 0); errno != 0 {
		return errno
	}
	return nil
}

// fence closes the file system but for what the policy lists. An older kernel
// fences off less; one without Landlock is an error.
func fence(p Policy, program string) error {
	rules := []landlock.Rule{landlock.ROFiles(program)}
	add := func(paths []string, file, dir func(...string) landlock.FSRule) {
		for _, path := range paths {
			info, err := os.Stat(path)
			switch {
			case err != nil:
			case info.IsDir():
				rules = append(rules, dir(path))
			default:
				rules = append(rules, file(path))
			}
		}
	}
	add(p.Read, landlock.ROFiles, landlock.RODirs)
	add(p.Write, landlock.RWFiles, landlock.RWDirs)
	connect := func(paths ...string) landlock.FSRule { return landlock.RWDirs(paths...).WithResolveUnix() }
	add(p.Sockets, connect, connect)
	if supported := landlockVersion(); supported < 1 {
		return errors.New("the kernel has no Landlock")
	}
	// Not the network: libp2p listens and connects where it must. Scopes keep
	// signals and abstract sockets within.
	return errors.Join(
		landlock.V9.BestEffort().RestrictPaths(rules...),
		landlock.V9.BestEffort().RestrictScoped(),
	)
}

// landlockVersion returns the version of Landlock's interface that the kernel has,
// or 0 (landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION).
func landlockVersion() int {
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1)
	if errno != 0 {
		return 0
	}
	return int(n)
}
