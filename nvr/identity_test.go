package nvr

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hearth/storage"
	"hearth/storage/box"
)

func TestExplain(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	gap := func(from, to int, why string) storage.Gap {
		return storage.Gap{From: at(from), To: at(to), Reason: why}
	}
	const lost, other = "connection lost", "it was another camera"
	for name, c := range map[string]struct {
		strangers []box.Period
		want      []storage.Gap
	}{
		"nobody":                        {nil, []storage.Gap{gap(10, 20, lost), gap(30, 40, lost)}},
		"within":                        {[]box.Period{{From: at(12), To: at(18)}}, []storage.Gap{gap(10, 12, lost), gap(12, 18, other), gap(18, 20, lost), gap(30, 40, lost)}},
		"to its end":                    {[]box.Period{{From: at(12), To: at(25)}}, []storage.Gap{gap(10, 12, lost), gap(12, 20, other), gap(30, 40, lost)}},
		"still":                         {[]box.Period{{From: at(35)}}, []storage.Gap{gap(10, 20, lost), gap(30, 35, lost), gap(35, 40, other)}},
		"both, and not what is between": {[]box.Period{{From: at(5), To: at(35)}}, []storage.Gap{gap(10, 20, other), gap(30, 35, other), gap(35, 40, lost)}},
		"twice":                         {[]box.Period{{From: at(11), To: at(12)}, {From: at(14), To: at(15)}}, []storage.Gap{gap(10, 11, lost), gap(11, 12, other), gap(12, 14, lost), gap(14, 15, other), gap(15, 20, lost), gap(30, 40, lost)}},
		"elsewhere":                     {[]box.Period{{From: at(22), To: at(28)}}, []storage.Gap{gap(10, 20, lost), gap(30, 40, lost)}},
	} {
		got := explain([]storage.Gap{gap(10, 20, lost), gap(30, 40, lost)}, c.strangers, at(40))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %s", name, fmt.Sprint(got))
		}
	}
}
