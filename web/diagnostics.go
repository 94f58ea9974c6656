package web

import (
	"context"
	"net/http"
	"os"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/web/diagnostics"
)

func (s *Server) diagnosticsRoutes(t *table) {
	owners := door{kind: ownerOnly}
	route(t, owners, http.MethodGet, "/diagnostics",
		"What an owner can hand to whoever helps them: texts without a picture, a secret, an address or a name", s.getDiagnostics)
	route(t, owners, http.MethodGet, "/diagnostics/{id}/zip",
		"Exactly what was shown, as an archive: for some minutes, in the session in which it was shown", s.saveDiagnostics,
		answers(http.StatusOK, "The texts", "application/zip"))
}

type diagnosticsOutput struct {
	Body struct {
		ID    media.UUID         `json:"id" doc:"To save exactly this"`
		Files []diagnostics.File `json:"files" nullable:"false"`
	}
}

func (s *Server) getDiagnostics(ctx context.Context, _ *nothing) (*diagnosticsOutput, error) {
	v := visitorOf(ctx)
	leave, err := s.looking.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	made := time.Now().UTC()
	files, err := s.diagnose(v, made)
	if err != nil {
		return nil, err
	}
	archive, err := diagnostics.Pack(files, made)
	if err != nil {
		return nil, err
	}
	s.looks.did(v.entry("diagnostics.look", media.CameraID{}))
	out := &diagnosticsOutput{}
	out.Body.ID, out.Body.Files = s.shelf.Put(v.session.ID, archive), files
	return out, nil
}

type savedOutput struct {
	Type string `header:"Content-Type"`
	Name string `header:"Content-Disposition"`
	Body []byte
}

func (s *Server) saveDiagnostics(ctx context.Context, in *struct {
	ID media.UUID `path:"id"`
},
) (*savedOutput, error) {
	v := visitorOf(ctx)
	archive, ok := s.shelf.Get(v.session.ID, in.ID)
	if !ok {
		return nil, notFound()
	}
	s.looks.did(v.entry("diagnostics.save", media.CameraID{}))
	return &savedOutput{"application/zip", `attachment; filename="hearth-diagnostics.zip"`, archive}, nil
}

// cloak knows every name and address of the box, and what stands for each. Cameras are numbered by their age, disks by
// their order.
func (s *Server) cloak(lines []diagnostics.Line) (*diagnostics.Cloak, error) {
	c := diagnostics.NewCloak()
	cameras, err := s.Store.Box().Cameras()
	if err != nil {
		return nil, err
	}
	for i, camera := range cameras {
		c.Hide(camera.ID.String(), aliasOf("camera", i))
		c.Hide(camera.Name, aliasOf("camera", i))
	}
	for i, d := range s.Store.Usage().Volumes {
		c.Hide(d.ID.String(), aliasOf("disk", i))
		if i > 0 {
			c.Hide(d.Path, aliasOf("disk", i))
		}
	}
	if err := s.hidePeople(c); err != nil {
		return nil, err
	}
	for _, camera := range cameras {
		c.HideAddress(camera.URL)
		c.HideAddress(camera.DetectURL)
		c.Hide(camera.Username, "«user»")
		for _, z := range camera.Motion.Zones {
			c.Hide(z.Name, "«zone»")
		}
	}
	machine, _ := os.Hostname() // one that is not known is in no text
	name, err := s.boxName()
	if err != nil {
		return nil, err
	}
	for _, n := range append([]string{name, machine, strings.SplitN(machine, ".", 2)[0]}, s.Hosts...) {
		if n != "localhost" {
			c.Hide(n, "«box»")
		}
	}
	c.HideOf(lines)
	return c, nil
}

// hidePeople hides who is or was here: people, who is invited, what tokens are called, who did something lately.
func (s *Server) hidePeople(c *diagnostics.Cloak) error {
	people, err := s.access().People()
	if err != nil {
		return err
	}
	for _, p := range people {
		c.HidePerson(p.Name)
		c.Hide(p.ID.String(), "«person»")
	}
	tokens, err := s.access().Tokens(media.UUID{})
	if err != nil {
		return err
	}
	for _, t := range tokens {
		c.Hide(t.Name, "«token»")
	}
	devices, err := s.access().Devices(media.UUID{})
	if err != nil {
		return err
	}
	for _, d := range devices {
		c.Hide(d.Name, "«device»")
		c.Hide(d.ID.String(), "«device»")
	}
	if host, _, err := splitEndpoint(s.remote.settings().Endpoint); err == nil {
		c.Hide(host, "«box»")
	}
	invitations, err := s.access().Invitations()
	if err != nil {
		return err
	}
	for _, i := range invitations {
		c.HidePerson(i.Name)
	}
	lately, _, err := s.access().AuditLog(access.AuditFilter{Limit: 1000})
	if err != nil {
		return err
	}
	for _, e := range lately {
		c.HidePerson(e.Name)
	}
	return nil
}
