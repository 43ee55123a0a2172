// Package client is a partner's connection to boxes: it finds a box, says who
// it is, asks for pins, status and receipts, and replicates feeds with it. It
// knows nothing of what is in the feeds: that is seeder/space.
package client
