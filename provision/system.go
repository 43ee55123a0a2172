package provision

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"cobox/appliance/release"
	"cobox/appliance/update"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/seeder/api"
)

// Updates is what a box needs to take in releases.
type Updates struct {
	Box  *update.Box
	Keys release.Keys
	// Before tells how the box is, apart from who has reached it.
	Before func(context.Context) update.Condition
}

// bounded bounds what anybody can send, but for a release: that is bounded by what
// its manifest says, once enough have signed it.
func bounded(h http.Handler) http.Handler {
	small := http.MaxBytesHandler(h, api.MaxBody)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == control.SystemPath {
			h.ServeHTTP(w, r)
			return
		}
		small.ServeHTTP(w, r)
	})
}

// handleSystem answers operators about the box's system.
func (s *Server) handleSystem(handle func(pattern string, need chain.Role, fn func(http.ResponseWriter, *http.Request, chain.Role))) {
	answer := func(method string, need chain.Role, fn func(*Updates, http.ResponseWriter, *http.Request) error) {
		handle(method+" "+control.SystemPath, need, func(w http.ResponseWriter, r *http.Request, _ chain.Role) {
			u := s.agent.cfg.Updates
			if u == nil {
				api.WriteError(w, &api.Error{Code: control.NoAppliance, Text: update.ErrNoSlots.Error()})
				return
			}
			if err := fn(u, w, r); err != nil {
				s.log.Warn("a release was not taken", "error", err)
				api.WriteError(w, refusedRelease(err))
			}
		})
	}
	answer(http.MethodGet, chain.Observer, s.getSystem)
	answer(http.MethodPost, chain.Operator, s.offer)
	answer(http.MethodPut, chain.Operator, s.putSystem)
}

func (s *Server) getSystem(u *Updates, w http.ResponseWriter, _ *http.Request) error {
	r, err := u.Box.Record()
	if err != nil {
		return err
	}
	system := u.Box.Running()
	api.WriteAnswer(w, control.System{
		Product: system.Product, Board: system.Board, Version: system.Version, Name: system.Name, Trial: u.Box.OnTrial(r),
		Update: control.Update{
			State: string(r.State), Release: r.Release, Version: r.Version, From: r.From, Seq: r.Order.Seq, Why: r.Why, At: r.At,
		},
	})
	return nil
}

// offer tells whether a release would be taken, by an order that is still to come.
func (s *Server) offer(u *Updates, w http.ResponseWriter, r *http.Request) error {
	signed, err := io.ReadAll(io.LimitReader(r.Body, release.MaxNote+1))
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	m, err := u.Keys.Open(signed)
	if err != nil {
		return err
	}
	st := s.agent.State()
	if err := u.Box.Check(m, update.Order{Epoch: st.Epoch, Seq: st.Seq + 1}); err != nil {
		return err
	}
	api.WriteAnswer(w, nil)
	return nil
}

// errNotOrdered is the answer to a release that nobody has ordered: whoever carries it.
var errNotOrdered = errors.New("no operator has ordered this release")

// pieceTime is how long the next piece of a release may take to come. It is also
// the time in which a card of the slow kind writes what is in memory.
const pieceTime = 2 * time.Minute

// putSystem takes in a release, and starts the machine again.
func (s *Server) putSystem(u *Updates, w http.ResponseWriter, r *http.Request) error {
	rc := http.NewResponseController(w)
	body := bufio.NewReaderSize(&piecewise{r.Body, rc}, 64<<10)
	signed, err := release.Read(body)
	if err != nil {
		return err
	}
	m, err := u.Keys.Open(signed)
	if err != nil {
		return err
	}
	st := s.agent.State()
	if st.Update.Release != m.ID() {
		return errNotOrdered
	}
	if whole := release.Size(signed, m); r.ContentLength >= 0 && r.ContentLength != whole {
		return fmt.Errorf("%w: %d bytes of %d are to come", update.ErrNotThis, r.ContentLength, whole)
	}
	before := u.Before(r.Context())
	before.Operator = true // one has just sent it
	err = u.Box.Receive(r.Context(), update.Attempt{
		Manifest: m, Order: update.Order{Epoch: st.Epoch, Seq: st.Update.Seq},
		Limit: time.Duration(st.Update.LimitSeconds) * time.Second, Before: before,
	}, body)
	if err != nil {
		return err
	}
	api.WriteAnswer(w, nil)
	select {
	case s.again <- struct{}{}:
	default:
	}
	return nil
}

// piecewise gives each piece its time, however long the whole takes. What is sent
// back comes after it.
type piecewise struct {
	r  io.Reader
	rc *http.ResponseController
}

func (p *piecewise) Read(b []byte) (int, error) {
	by := time.Now().Add(pieceTime)
	if err := errors.Join(p.rc.SetReadDeadline(by), p.rc.SetWriteDeadline(by.Add(pieceTime))); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// answerTime is how long the answer to an operator may take on its way, before the
// machine is started again.
const answerTime = 2 * time.Second

// startAgain starts the machine again when it is to, until ctx is done.
func (s *Server) startAgain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.again:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(answerTime):
		}
		s.log.Info("the machine is started again")
		if err := s.agent.cfg.Updates.Box.Restart(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the machine must be switched off and on again, to start the release that has come", "error", err)
		}
	}
}

// refusedRelease turns the reasons for which a release is not taken into the API's
// errors, with what to try.
func refusedRelease(err error) error {
	e := &api.Error{Code: api.BadRequest, Text: err.Error()}
	switch {
	case errors.Is(err, release.ErrUnsigned), errors.Is(err, errNotOrdered):
		e.Code = api.Unauthorised
	case errors.Is(err, update.ErrBusy), errors.Is(err, update.ErrUnderWay), errors.Is(err, update.ErrUsed):
		e.Code = api.Stale
	case errors.Is(err, update.ErrOld), errors.Is(err, update.ErrTooNew), errors.Is(err, update.ErrOtherKind),
		errors.Is(err, update.ErrNotThis), errors.Is(err, release.ErrMalformed), errors.Is(err, io.ErrUnexpectedEOF):
	default:
		e.Code = api.Internal
	}
	return e
}
