package main

import (
	"context"

	"cobox/seeder/cli"
)

func readPhoto(path string) (string, error) { return "", cli.Misuse("-qr is not here yet") }
func readCamera(ctx context.Context, c *cli.Call) (string, error) {
	return "", cli.Misuse("-camera is not here yet")
}
