// Package durable makes files and folders that survive the plug being pulled.
//
// [WriteFile] replaces a file by writing a temporary file, syncing it, renaming
// it into place and syncing the folder: after a power cut the old file or the
// new one is there, whole. [Mkdir] does the like for folders, [Remove] for
// taking a file away. [Lock] keeps two processes from using one folder.
//
// The package promises what the file system promises: that a synced file stays
// and that a rename is atomic. It has been written for ext4, f2fs, XFS, Btrfs
// and APFS. Windows has no sync of folders; there a rename may be lost, but is
// still whole or not at all.
package durable
