package seeder

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/swarm"
)

// A caller is who makes a request: the operator at the socket, or a device of a
// partner over libp2p.
type caller struct {
	operator bool
	cert     identity.DeviceCert
	keeperOf []identity.PartnerKey // of another box, which may audit and nothing else
}

// mayRead and mayWrite are the two rights that there are; a request that needs
// none is only Hello.
type right int

const (
	mayRead right = iota
	mayWrite
)

// handler answers the API. The operator's socket and libp2p have the same one:
// who asks is told apart by where the request came in.
func (s *Seeder) handler(socket bool) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, need right, fn func(c caller, r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c, err := s.caller(socket, need, r)
			if err == nil && !slices.Contains(storeless, pattern) {
				err = s.lack()
			}
			if err == nil {
				var answer any
				if answer, err = fn(c, r); err == nil {
					api.WriteAnswer(w, answer)
					return
				}
			}
			api.WriteError(w, s.explain(err))
		})
	}
	handle("GET /v1/status", mayRead, s.getStatus)
	handle("GET /v1/pins", mayRead, s.getPins)
	handle("GET /v1/pins/{feed}", mayRead, s.getPin)
	handle("PUT /v1/pins/{feed}", mayWrite, s.putPin)
	handle("DELETE /v1/pins/{feed}", mayWrite, s.deletePin)
	handle("GET /v1/pins/{feed}/receipt", mayRead, s.getReceipt)
	handle("GET /v1/pins/{feed}/evidence", mayRead, s.getEvidence)
	handle("PUT /v1/pins/{feed}/evidence", mayWrite, s.putEvidence)
	handle("GET /v1/keepers", mayRead, s.getKeepers)
	handle("PUT /v1/keepers", mayWrite, s.putKeepers)
	mux.HandleFunc("POST /v1/audits", func(w http.ResponseWriter, r *http.Request) {
		c, err := s.auditor(socket, r)
		if err == nil {
			err = s.lack()
		}
		if err == nil {
			err = s.postAudit(c, w, r)
		}
		if err != nil {
			api.WriteError(w, s.explain(err))
		}
	})
	if socket {
		handle("POST /v1/grants", mayWrite, s.postGrant)
		handle("POST /v1/sample", mayRead, s.postSample)
		handle("GET /v1/figures", mayRead, func(caller, *http.Request) (any, error) { return s.Figures(), nil })
	} else {
		mux.HandleFunc("POST /v1/hello", s.postHello)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		api.WriteError(w, &api.Error{Code: api.NotFound, Text: "there is no " + r.Method + " " + r.URL.Path + " here"})
	})
	return mux
}

// caller tells who asks, and refuses who may not.
func (s *Seeder) caller(socket bool, need right, r *http.Request) (caller, error) {
	if socket {
		return caller{operator: true}, nil
	}
	peer, ok := swarm.PeerFromContext(r.Context())
	if !ok {
		return caller{}, &api.Error{Code: api.Unauthorised, Text: "the caller has no peer ID"}
	}
	cert, ok := s.access.who(identity.PeerID(peer))
	if !ok {
		return caller{}, &api.Error{Code: api.Unauthorised, Text: "this device has not introduced itself", Hint: "POST /v1/hello first"}
	}
	if err := cert.CheckTime(time.Now()); err != nil {
		return caller{}, unauthorised(err)
	}
	if need == mayWrite && !cert.MayWrite() {
		return caller{}, &api.Error{Code: api.Unauthorised, Text: "this device may only read", Hint: "use a device with full scope"}
	}
	return caller{cert: cert}, nil
}

// auditor tells who asks for an audit: whoever may read, and boxes that keep the
// same feeds.
func (s *Seeder) auditor(socket bool, r *http.Request) (caller, error) {
	if peer, ok := swarm.PeerFromContext(r.Context()); ok && !socket {
		if partners := s.keeperOf(identity.PeerID(peer)); len(partners) > 0 {
			return caller{keeperOf: partners}, nil
		}
	}
	return s.caller(socket, mayRead, r)
}

// explain turns what the parts say into the API's errors.
func (s *Seeder) explain(err error) error {
	code := api.Internal
	hint := ""
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, pin.ErrNoGrant):
		code, hint = api.Unauthorised, "ask the operator of the box for a grant"
	case errors.Is(err, pin.ErrOverQuota):
		code, hint = api.OverQuota, "unpin something, or ask the operator for more"
	case errors.Is(err, pin.ErrBoxFull):
		code, hint = api.BoxFull, "pin on another box"
	default:
		s.log.Error("a request failed", "error", err)
	}
	return &api.Error{Code: code, Text: err.Error(), Hint: hint}
}

// postHello introduces a device. It is the one thing that a stranger may ask,
// and costs one signature check.
func (s *Seeder) postHello(w http.ResponseWriter, r *http.Request) {
	var hello api.Hello
	peer, ok := swarm.PeerFromContext(r.Context())
	if !ok {
		api.WriteError(w, &api.Error{Code: api.Unauthorised, Text: "the caller has no peer ID"})
		return
	}
	if err := api.ReadRequest(r, &hello); err != nil {
		api.WriteError(w, err)
		return
	}
	var welcome *api.Welcome
	var err error
	if hello.Keeper && s.store == nil {
		api.WriteError(w, s.lack()) // who is a keeper is in the store
		return
	}
	if hello.Keeper {
		welcome, err = s.welcomeKeeper(identity.PeerID(peer))
	} else {
		welcome, err = s.welcome(identity.PeerID(peer), hello, time.Now())
	}
	if err != nil {
		api.WriteError(w, err)
		return
	}
	s.lounge.leave(peer)
	s.tally.heard(welcome.Partner, time.Now(), time.Time{})
	api.WriteAnswer(w, welcome)
}

// welcome decides about a device that introduces itself.
func (s *Seeder) welcome(peer identity.PeerID, hello api.Hello, now time.Time) (*api.Welcome, error) {
	cert, err := certify(peer, hello.Device, now)
	if err != nil {
		return nil, err
	}
	if !s.known(cert.Partner) { // before anything of a stranger's is kept
		return nil, s.noGrant(cert.Partner)
	}
	text, kept, err := s.takeRevoked(cert.Partner, hello.Revoked, now)
	if err != nil {
		return nil, err
	}
	if err := s.access.admit(peer, cert); err != nil {
		return nil, err
	}
	if !s.known(cert.Partner) { // who lost the grant meanwhile was perhaps not cut off yet
		s.access.left(peer)
		return nil, s.noGrant(cert.Partner)
	}
	answer := &api.Welcome{Box: s.key, Partner: cert.Partner, Usage: s.usage(cert.Partner), Version: s.cfg.Version, Epoch: s.access.epoch(),
		Keepers: s.keepersOf(cert.Partner).list.Counter}
	if text != hello.Revoked || !kept {
		answer.Revoked = text
	}
	return answer, nil
}

func (s *Seeder) noGrant(p identity.PartnerKey) error {
	return &api.Error{Code: api.Unauthorised, Text: "this box has no grant for " + p.String(),
		Hint: "ask the operator of the box for one, with your public key (cobox whoami)"}
}

// known reports whether a partner has a grant, or still has pins from an ended one.
func (s *Seeder) known(p identity.PartnerKey) bool {
	if _, ok := s.ledger.Grant(p); ok {
		return true
	}
	_, _, _, feeds, _ := s.ledger.Usage(p)
	return feeds > 0
}

func (s *Seeder) usage(p identity.PartnerKey) api.Usage {
	var u api.Usage
	u.UsedBytes, u.ReservedBytes, u.QuotaBytes, u.Feeds, u.MaxFeeds = s.ledger.Usage(p)
	if g, ok := s.ledger.Grant(p); ok {
		u.Until = g.NotAfter
	}
	return u
}

func feedOf(r *http.Request) (feed.Key, error) {
	key, err := feed.ParseKey(r.PathValue("feed"))
	if err != nil {
		return key, &api.Error{Code: api.BadRequest, Text: err.Error()}
	}
	return key, nil
}

var errNoPin = &api.Error{Code: api.NotFound, Text: "there is no such pin", Hint: "cobox pin asks a box to keep a feed"}

// partnerOf says whose pin of a feed a request is about: the caller's own; the
// operator names the partner in the query, unless there is only one.
func (s *Seeder) partnerOf(c caller, r *http.Request, key feed.Key) (identity.PartnerKey, error) {
	if !c.operator {
		return c.cert.Partner, nil
	}
	if text := r.URL.Query().Get("partner"); text != "" {
		p, err := identity.ParsePartnerKey(text)
		if err != nil {
			return p, &api.Error{Code: api.BadRequest, Text: err.Error()}
		}
		return p, nil
	}
	partners := s.partnersOf(key)
	switch len(partners) {
	case 0:
		return identity.PartnerKey{}, errNoPin
	case 1:
		return partners[0], nil
	}
	return identity.PartnerKey{}, &api.Error{Code: api.BadRequest, Text: "several partners pin this feed", Hint: "say which: ?partner=partner:..."}
}

func (s *Seeder) getPins(c caller, _ *http.Request) (any, error) {
	return api.Pins{Pins: s.statuses(c)}, nil
}

func (s *Seeder) getPin(c caller, r *http.Request) (any, error) {
	key, err := feedOf(r)
	if err != nil {
		return nil, err
	}
	partner, err := s.partnerOf(c, r, key)
	if err != nil {
		return nil, err
	}
	st, ok := s.pinStatus(key, partner)
	if !ok {
		return nil, errNoPin
	}
	return st, nil
}

func (s *Seeder) putPin(c caller, r *http.Request) (any, error) {
	key, err := feedOf(r)
	if err != nil {
		return nil, err
	}
	var req api.PinRequest
	if err := api.ReadRequest(r, &req); err != nil {
		return nil, err
	}
	partner := c.cert.Partner
	if c.operator {
		if partner, err = s.partnerOf(c, r, key); err != nil {
			return nil, err
		}
	} else if err := s.churn.pin(partner, s.usage(partner), time.Now()); err != nil {
		return nil, err
	}
	st, err := s.Pin(pin.Pin{Feed: key, Partner: partner, Created: time.Now(), Open: req.Open, Drive: req.Drive, Label: req.Label})
	s.access.readers.refresh(s)
	return st, err
}

func (s *Seeder) deletePin(c caller, r *http.Request) (any, error) {
	key, err := feedOf(r)
	if err != nil {
		return nil, err
	}
	partner, err := s.partnerOf(c, r, key)
	if err != nil {
		return nil, err
	}
	st, _ := s.pinStatus(key, partner)
	done, err := s.Unpin(key, partner)
	if err == nil && !c.operator {
		s.churn.unpinned(partner, s.usage(partner), st.HeldBytes, time.Now())
	}
	s.access.readers.refresh(s)
	if err != nil {
		return nil, err
	}
	signed, err := identity.SignDeletion(s.private, done)
	if err != nil {
		return nil, err
	}
	return api.Deletion{Deletion: signed.String()}, nil
}

func (s *Seeder) getReceipt(c caller, r *http.Request) (any, error) {
	key, err := feedOf(r)
	if err != nil {
		return nil, err
	}
	partner, err := s.partnerOf(c, r, key)
	if err != nil {
		return nil, err
	}
	st, err := s.Receipt(key, partner)
	if err != nil {
		return nil, err
	}
	return api.Receipt{Receipt: st.String()}, nil
}

func (s *Seeder) postGrant(_ caller, r *http.Request) (any, error) {
	var req api.Grants
	if err := api.ReadRequest(r, &req); err != nil {
		return nil, err
	}
	_, err := s.AddGrant([]byte(req.Grant))
	return nil, err
}
