package vision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// pictureTimeout is how long one picture may take.
const pictureTimeout = 5 * time.Second

// ErrNoPicture says that the unit could not be decoded to a picture.
var ErrNoPicture = errors.New("no picture could be made")

// Picture decodes one key frame, in a process of its own that ends with it, and returns it as a JPEG, width pixels
// wide (0: as wide as it is) in its own aspect. It takes 5 s at most.
func Picture(ctx context.Context, program string, t media.Track, au media.AccessUnit, width int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pictureTimeout)
	defer cancel()
	p, err := start(ctx, program, au.Camera, nil, &sayings{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer p.kill()

	go func() { // ends at the latest when kill closes the pipe
		for _, m := range []protocol.Message{
			p.task, configOf(t, plan{final: true}), unitOf(p.task, &au), protocol.Picture{ID: 1, Width: width},
		} {
			if err := protocol.Write(p.in, m); err != nil {
				return // the answers' end says why
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrNoPicture, ctx.Err())
		case m, ok := <-p.answers:
			if !ok {
				return nil, fmt.Errorf("%w: %w", ErrNoPicture, p.readErr)
			}
			switch m := m.(type) {
			case protocol.JPEG:
				if m.Of != p.task {
					return nil, fmt.Errorf("%w: %w", ErrNoPicture, errMixed)
				}
				return m.JPEG, nil
			case protocol.Error:
				return nil, fmt.Errorf("%w: %s", ErrNoPicture, clean(m.Text))
			}
		}
	}
}
