//go:build !linux

package datadisk

import (
	"errors"
	"os"
)

var errLinux = errors.New("data disks need Linux")

func cover(string) error { return errLinux }

func mounted(string) (number string, ok bool) { return "", false }

func mount(_, _ string) error { return errLinux }

func unmount(string) error { return errLinux }

func openAlone(string) (*os.File, error) { return nil, errLinux }

func forgetPartitions(*os.File) {}
