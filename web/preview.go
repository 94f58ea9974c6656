package web

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
	"hearth/storage/access"
)

const (
	previewLength   = 3 * time.Second
	previewPictures = 12
	previewsAtOnce  = 4 // each has 12 MB of pictures at most
	previewWait     = 5 * time.Second
)

type previewInput struct {
	ID      media.UUID `path:"id"`
	Chapter media.UUID `query:"chapter" doc:"Of this chapter alone"`
}

// getPreview shows an event in three seconds, made of the key frames that were recorded: nothing is decoded. Whoever may
// see events sees a picture of each already; a preview shows a few more of the same moments, as small, and no sound. What is
// larger than that is for who may see the footage.
func (s *Server) getPreview(ctx context.Context, in *previewInput) (*huma.StreamResponse, error) {
	v := visitorOf(ctx)
	g, _, err := s.theEvent(v, in.ID)
	if err != nil {
		return nil, err
	}
	leave, err := s.previews.within(ctx, previewWait, "Other previews are being made. Try again in a moment.")
	if err != nil {
		return nil, err
	}
	sending := false
	defer func() {
		if !sending {
			leave()
		}
	}()
	footage, err := s.access().AuthorizeIn(v.session, g.Camera(), access.Footage)
	if err != nil {
		footage = access.Grant{} // they see what is as small as a thumbnail
	}
	var stills []storage.Still
	for _, stream := range []media.Stream{media.Sub, media.Main} {
		if stills, err = s.Store.Stills(g, footage, stream, in.ID, in.Chapter, previewPictures); err != nil {
			return nil, s.alarmed(g, err)
		}
		if len(stills) > 1 {
			break
		}
	}
	if len(stills) == 0 {
		return nil, empty()
	}
	slides := fmp4.Slides{Entry: stills[0].Entry, Width: stills[0].Width, Height: stills[0].Height}
	for _, p := range stills {
		slides.Pictures = append(slides.Pictures, p.Data)
	}
	film, err := slides.MP4(previewLength)
	if err != nil {
		return nil, err
	}
	what := "thumbnail"
	if slides.Width > storage.StillWidth {
		what = "footage"
	}
	s.looks.saw(v, g.Camera(), what, stills[0].At, stills[len(stills)-1].At)
	sending = true
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer leave()
		c := humaecho.Unwrap(h)
		c.Response().Header().Set("Content-Type", "video/mp4")
		c.Response().Header().Set("Hearth-Start", stamp(stills[0].At))
		http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(film))
	}}, nil
}
