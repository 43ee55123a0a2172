package control

import (
	"context"
	"net/http"

	"cobox/appliance/disk"
)

// DisksPath is where a box lists the disks that are connected to it, beside its card.
const DisksPath = "/v1/disks"

// Disks answers GET at [DisksPath].
type Disks struct {
	Disks []disk.Disk `json:"disks"`
	// Data is how the box's data disk is; its zero value is for a box without one.
	Data disk.Standing `json:"data,omitzero"`
}

// Disks returns the disks that are connected to the box, beside its card.
func (c *Client) Disks(ctx context.Context) (d Disks, err error) {
	err = c.call(ctx, http.MethodGet, DisksPath, nil, &d)
	return d, err
}
