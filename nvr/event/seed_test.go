package event_test

import (
	"os"
	"testing"

	"hearth/nvr/media/fixedseed"
)

func TestMain(m *testing.M) { os.Exit(fixedseed.Main(m)) }
