package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/volume"
)

func (s *Server) storageRoutes(t *table) {
	owners := door{kind: ownerOnly}
	route(t, door{kind: allSeen}, http.MethodGet, "/storage", "What footage takes; totals for owners", s.getStorage)
	route(t, owners, http.MethodPost, "/volumes", "Keep footage on another disk too", s.addVolume)
	route(t, owners, http.MethodPost, "/recovery-key", "Make a recovery key, shown this once; older ones open nothing any more", s.makeRecoveryKey)
}

type storageOutput struct {
	Body struct {
		Total    *int64          `json:"total_bytes,omitempty" doc:"All footage; for owners, like the other totals"`
		Limit    *int64          `json:"limit_bytes,omitempty" doc:"0: none but the free space that is kept"`
		Free     *int64          `json:"free_bytes,omitempty"`
		Disk     *int64          `json:"disk_bytes,omitempty"`
		Floor    *int64          `json:"floor_bytes,omitempty" doc:"Free space that is kept"`
		Full     *bool           `json:"full,omitempty" doc:"Recording stands still because nothing more can be let go"`
		Oldest   *time.Time      `json:"oldest,omitempty" doc:"Of the cameras below"`
		Days     *float64        `json:"days,omitempty" doc:"Of footage that will be kept at the present rate; absent while that is not known; for owners"`
		Cameras  []cameraStorage `json:"cameras" nullable:"false"`
		Volumes  []volumeView    `json:"volumes,omitempty" doc:"The disks, the data folder's first; for owners"`
		Recovery *recoveryView   `json:"recovery,omitempty" doc:"For owners"`
		Signs    string          `json:"fingerprint,omitempty" doc:"Of the key that the box signs exports with; for owners"`
	}
}

type cameraStorage struct {
	ID     media.CameraID `json:"id"`
	Bytes  int64          `json:"bytes"`
	Oldest *time.Time     `json:"oldest,omitempty"`
	Days   *float64       `json:"days,omitempty" doc:"Of footage that will be kept at the present rate; for who sees every camera"`
	// Where hardly anything happens, the term of events says little: it is left out unless it is longer.
	EventDays *float64 `json:"event_days,omitempty" doc:"The same around events, where that stays longer"`
}

type volumeView struct {
	ID      media.UUID `json:"id"`
	Path    string     `json:"path"`
	State   string     `json:"state" enum:"well,full,missing,foreign,read-only" doc:"Nothing is recorded to it unless it is well, and nothing meant for it goes anywhere else"`
	Problem string     `json:"problem,omitempty" doc:"A sentence with what to do"`
	Since   *time.Time `json:"since,omitempty" doc:"Of the trouble"`
	Bytes   int64      `json:"bytes" doc:"Of footage"`
	Free    int64      `json:"free_bytes"`
	Disk    int64      `json:"disk_bytes"`
	Floor   int64      `json:"floor_bytes"`
}

func viewOfVolume(u storage.VolumeUsage) volumeView {
	v := volumeView{
		ID: u.ID, Path: u.Path, State: u.State, Problem: u.Problem, Bytes: u.Bytes, Free: u.Free, Disk: u.Size, Floor: u.Floor,
	}
	if !u.Since.IsZero() {
		since := u.Since.UTC()
		v.Since = &since
	}
	return v
}

type recoveryView struct {
	Made         *time.Time `json:"made,omitempty" doc:"When the recovery key was made; absent: there is none, and so no snapshots"`
	LastSnapshot *time.Time `json:"last_snapshot,omitempty"`
	Problem      string     `json:"problem,omitempty"`
}

func (s *Server) getStorage(ctx context.Context, _ *nothing) (*storageOutput, error) {
	v := visitorOf(ctx)
	u := s.Store.Usage()
	out := &storageOutput{}
	b := &out.Body
	b.Cameras = []cameraStorage{}
	all, err := s.Store.Box().Cameras()
	if err != nil {
		return nil, err
	}
	for _, g := range v.grants {
		used := u.Cameras[g.Camera()]
		c := cameraStorage{ID: g.Camera(), Bytes: used.Bytes}
		// How long it stays follows from what all the others take too. A guest who sees all is not told either: that it is
		// said would say that there is nothing else.
		if len(v.grants) == len(all) && v.session.Person.Role != access.Guest {
			c.Days = known(used.Days)
			if used.EventDays > used.Days {
				c.EventDays = &used.EventDays
			}
		}
		if !used.Oldest.IsZero() {
			oldest := used.Oldest.UTC()
			c.Oldest = &oldest
			if b.Oldest == nil || oldest.Before(*b.Oldest) {
				b.Oldest = &oldest
			}
		}
		b.Cameras = append(b.Cameras, c)
	}
	if s.access().RequireOwner(v.session) != nil {
		return out, nil
	}
	b.Total, b.Limit, b.Free, b.Disk, b.Floor, b.Full = &u.Bytes, &u.Limit, &u.Free, &u.Size, &u.Floor, &u.Full
	b.Days = known(u.Days)
	for _, d := range u.Volumes {
		b.Volumes = append(b.Volumes, viewOfVolume(d))
	}
	state := s.Store.Recovery()
	b.Recovery = &recoveryView{Problem: state.Problem}
	if !state.Made.IsZero() {
		b.Recovery.Made = &state.Made
	}
	if !state.LastSnapshot.IsZero() {
		b.Recovery.LastSnapshot = &state.LastSnapshot
	}
	b.Signs = s.Store.Signet().Fingerprint()
	return out, nil
}

// known is a forecast, nil while there is none.
func known(days float64) *float64 {
	if days <= 0 {
		return nil
	}
	return &days
}

type volumeOutput struct{ Body volumeView }

func (s *Server) addVolume(ctx context.Context, in *struct {
	Body struct {
		Path string `json:"path" maxLength:"4096" doc:"An empty folder on a disk of its own that is mounted on the box"`
	}
},
) (*volumeOutput, error) {
	v, err := s.Store.AddVolume(in.Body.Path)
	if errors.Is(err, volume.ErrNoVolume) {
		return nil, invalid("body.path", err.Error())
	}
	if err != nil {
		return nil, err
	}
	e := visitorOf(ctx).entry("volume.add", media.CameraID{})
	e.Detail = v.Path
	s.looks.did(e)
	for _, u := range s.Store.Usage().Volumes {
		if u.ID == v.ID {
			return &volumeOutput{viewOfVolume(u)}, nil
		}
	}
	return &volumeOutput{volumeView{ID: v.ID, Path: v.Path, State: "well"}}, nil
}

type recoveryKeyOutput struct {
	Body struct {
		Key  string    `json:"key" doc:"To print and keep away from the box, which does not know it afterwards"`
		Made time.Time `json:"made"`
	}
}

// makeRecoveryKey asks for the password again: whoever finds an owner's browser open must not take the whole box along.
func (s *Server) makeRecoveryKey(ctx context.Context, in *struct {
	Body struct {
		Password string `json:"password" maxLength:"1024" doc:"The owner's own"`
	}
},
) (*recoveryKeyOutput, error) {
	v := visitorOf(ctx)
	if err := s.access().Verify(ctx, v.session.Person, in.Body.Password, v.from); err != nil {
		if problemStatus(problemOf(s.Log, err)) == http.StatusUnauthorized {
			return nil, invalid("body.password", "this is not your password")
		}
		return nil, err
	}
	key, err := s.Store.MakeRecoveryKey()
	if err != nil {
		return nil, err
	}
	s.looks.did(v.entry("recovery-key.make", media.CameraID{}))
	out := &recoveryKeyOutput{}
	out.Body.Key, out.Body.Made = key, s.Store.Recovery().Made
	return out, nil
}
