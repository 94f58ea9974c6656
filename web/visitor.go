package web

import (
	"context"
	"net/netip"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// visitor is who stands behind a request, with what the door gave them.
type visitor struct {
	session access.Session // zero when nobody is logged in
	from    netip.Addr
	via     media.UUID // the device in the tunnel that they came by; zero: another way
	host    string     // that the visitor asked for, with its port
	device  string

	grant  access.Grant   // of a camera's door
	grants []access.Grant // of the door to all cameras
	owner  bool           // of the doors that ask for it
}

// name is who it is in words: of a program also which token it has.
func (v *visitor) name() string {
	if v.session.IsToken() {
		return v.session.Person.Name + " (token " + v.session.Token + ")"
	}
	return v.session.Person.Name
}

type visitorKey struct{}

func withVisitor(ctx context.Context, v *visitor) context.Context {
	return context.WithValue(ctx, visitorKey{}, v)
}

// visitorOf gives the visitor that the door let in. Without one it is nobody, who has no grants.
func visitorOf(ctx context.Context) *visitor {
	if v, ok := ctx.Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return &visitor{}
}
