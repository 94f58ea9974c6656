package hardware

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// Auto is the choice of who leaves it to Hearth.
const Auto = "auto"

// Choices are what an owner can say should decode a camera's pictures.
var Choices = []string{Auto, protocol.Software, protocol.VAAPI, protocol.CUDA, protocol.V4L2}

// Ways lists what is to decode a codec besides software, what costs least first. Auto takes all that cost less of the
// processor than software; a name takes all of that name. Why says, for the owner, why there is none.
func (m *Machine) Ways(c media.Codec, want string) (ways []protocol.Way, why string) {
	if want == protocol.Software {
		return nil, ""
	}
	t := m.Trials()
	if t == nil {
		return nil, "the decoders of this machine have not been tried yet"
	}
	costs := make(map[protocol.Way]time.Duration)
	software := time.Duration(0)
	var reasons []string
	for _, x := range t.Trials {
		switch {
		case x.Codec != c:
		case x.Name == protocol.Software:
			if x.Works && (software == 0 || x.CPU < software) {
				software = x.CPU
			}
		case want != Auto && want != "" && x.Name != want:
		case x.Works:
			if least, ok := costs[x.Way]; !ok || x.CPU < least {
				costs[x.Way] = x.CPU
			}
		case x.Bits == 8:
			reasons = append(reasons, fmt.Sprintf("%s does not decode %s here: %s", x.Way, c, x.Why))
		}
	}
	for w, cost := range costs {
		if named := want != Auto && want != ""; named || software == 0 || cost < software {
			ways = append(ways, w)
		} else {
			reasons = append(reasons, fmt.Sprintf("%s costs more of the processor than software: %s a picture, not %s", w, cost, software))
		}
	}
	slices.SortFunc(ways, func(a, b protocol.Way) int {
		if d := costs[a] - costs[b]; d != 0 {
			return int(d)
		}
		return strings.Compare(a.String(), b.String())
	})
	if len(ways) > 0 {
		return ways, ""
	}
	if len(reasons) == 0 && want != Auto && want != "" {
		reasons = append(reasons, "this machine has no "+Name(want))
	}
	slices.Sort(reasons)
	return nil, strings.Join(reasons, "; ")
}

// Check says, in a sentence for the owner, why a choice cannot be made on this machine; nil where it can.
func (m *Machine) Check(want string) error {
	t := m.Trials()
	if want == Auto || want == "" || want == protocol.Software || t == nil {
		return nil
	}
	why := ""
	for _, x := range t.Trials {
		if x.Name != want {
			continue
		}
		if x.Works {
			return nil
		}
		if why == "" {
			why = x.Why
		}
	}
	if why == "" {
		return fmt.Errorf("this machine has no %s; choose what decodes automatically, or software", Name(want))
	}
	return fmt.Errorf("%s decodes nothing on this machine (%s); choose what decodes automatically, or software", Name(want), why)
}

// Has lists the choices that can be made here.
func (m *Machine) Has() []string {
	var has []string
	for _, c := range Choices {
		if t := m.Trials(); c == Auto || c == protocol.Software || t != nil && m.Check(c) == nil {
			has = append(has, c)
		}
	}
	return has
}

// Name is how a choice is called in the field.
func Name(choice string) string {
	switch choice {
	case protocol.VAAPI:
		return "VA-API device"
	case protocol.CUDA:
		return "NVIDIA card"
	case protocol.V4L2:
		return "V4L2 decoder"
	}
	return choice
}

// works says in words what a way decodes.
func works(t *protocol.Trials, w protocol.Way) string {
	var can []string
	for _, x := range t.Trials {
		if x.Way == w && x.Works {
			can = append(can, fmt.Sprintf("%s of %d bits", x.Codec, x.Bits))
		}
	}
	if len(can) == 0 {
		return "nothing"
	}
	return strings.Join(can, ", ")
}
