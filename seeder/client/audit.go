package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/audit"
	"cobox/seeder/identity"
)

// auditSilence is how long a box may send nothing while it answers an audit.
const auditSilence = 2 * time.Minute

// Audit asks the box a challenge and checks its answer: see [Audit].
func (b *Box) Audit(ctx context.Context, c *audit.Challenge, known audit.Known, record io.Writer) (*audit.Report, time.Duration, error) {
	return Audit(ctx, b.http, b.Key(), c, known, record)
}

// EndingOf says how an audit ended that was not answered. Only what the box itself
// said, or an answer that makes no sense, speaks against it.
func EndingOf(err error) audit.Ending {
	if errors.Is(err, audit.ErrAnswer) {
		return audit.Nonsense
	}
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.DiskGone {
		return audit.DiskGone
	}
	return audit.Offline
}

// Audit asks a box a challenge by way of h, which reaches the box's API or its
// authority, and checks its answer, as audit.Check does, and tells how long the
// whole of it took. record gets the answer's bytes as they come, to be kept as
// evidence; nil for nobody. An [*api.Error] says that the box refused.
func Audit(ctx context.Context, h *http.Client, box identity.BoxKey, c *audit.Challenge, known audit.Known, record io.Writer) (*audit.Report, time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(auditSilence, func() { cancel(fmt.Errorf("it sent nothing for %v", auditSilence)) })
	defer silence.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://box/v1/audits", bytes.NewReader(c.Append(nil)))
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	resp, err := h.Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("asking box %s: %w", box.PeerID(), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, api.ReadAnswer(resp, maxAnswer, nil)
	}
	var body io.Reader = &heard{resp.Body, silence}
	if record != nil {
		body = io.TeeReader(body, record)
	}
	report, err := audit.Check(body, c, box, known)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return report, time.Since(began), err
}

// heard puts off the end of patience with everything that comes.
type heard struct {
	r io.Reader
	t *time.Timer
}

func (h *heard) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	if n > 0 {
		h.t.Reset(auditSilence)
	}
	return n, err
}
