package operator

import (
	"context"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/seal"
	"cobox/seeder/identity"
)

// readers returns those who may read names on a box: owners and operators.
// Observers look after nobody.
func readers(st *chain.State) (keys []identity.OperatorKey) {
	for _, m := range st.Members {
		if m.Role.AtLeast(chain.Operator) {
			keys = append(keys, m.Key)
		}
	}
	return keys
}

// Seal seals a name to the box's owners and operators. The error wraps
// seal.ErrName when it is none.
func (l *Link) Seal(st *control.State, name string) (chain.Sealed, error) {
	sealed, err := seal.Name(name, readers(&st.Chain), nil)
	return chain.Sealed(sealed), err
}

// Name returns what was sealed; "" when nothing was, or not to this operator.
func (l *Link) Name(sealed chain.Sealed) string {
	name, err := seal.Open([]byte(sealed), l.session.home.key)
	if err != nil {
		return ""
	}
	return name
}

// SetName gives this operator a name for the others, where he has none and may:
// one who took a box over does. A name that another operator gave stays.
func (l *Link) SetName(ctx context.Context, st *control.State, name string) error {
	me := l.session.home.Operator()
	for _, m := range st.Chain.Members {
		if m.Key == me && m.Role == chain.Owner && m.SealedName == "" {
			return l.Order(ctx, func(st *control.State) (chain.Order, error) {
				sealed, err := l.Seal(st, name)
				return chain.AddOperator{Operator: me, Role: chain.Owner, SealedName: sealed}, err
			})
		}
	}
	return nil
}

// Reseal seals the names on a box to those who are its owners and operators now,
// as far as this operator can read and may change them. It returns how many it
// sealed anew.
func (l *Link) Reseal(ctx context.Context, st *control.State) (n int, err error) {
	if !st.Role.AtLeast(chain.Operator) {
		return 0, nil
	}
	now := readers(&st.Chain)
	old := func(sealed chain.Sealed) (name string, is bool) {
		name = l.Name(sealed)
		return name, name != "" && !seal.SealedTo([]byte(sealed), now)
	}
	var plans []func(*control.State) (chain.Order, error)
	for _, p := range st.Chain.Partners {
		if name, is := old(p.SealedName); is {
			plans = append(plans, func(st *control.State) (chain.Order, error) {
				sealed, err := l.Seal(st, name)
				return chain.NamePartner{Partner: p.Key, SealedName: sealed}, err
			})
		}
	}
	for _, m := range st.Chain.Members {
		if name, is := old(m.SealedName); is && (st.Role == chain.Owner || m.Role == chain.Observer) {
			plans = append(plans, func(st *control.State) (chain.Order, error) {
				sealed, err := l.Seal(st, name)
				return chain.AddOperator{Operator: m.Key, Role: m.Role, SealedName: sealed}, err
			})
		}
	}
	for _, plan := range plans {
		if err := l.Order(ctx, plan); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
