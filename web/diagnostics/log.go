package diagnostics

import "strings"

// Of attributes of log lines only these are shown; of all others it is said that there was something.
var (
	// plainKeys hold numbers and words of Hearth's own.
	plainKeys = keys("codec width height sound stream decoder in took by bytes files parts_of_files free_bytes records until away " +
		"from version private place pid sandbox ffmpeg mode status state at strong")
	// textKeys hold text that may name something.
	textKeys = keys("error err why problem detail panic reason part line volume file folder path aside as where")
	// cameraKeys hold a camera's name or identity.
	cameraKeys = keys("camera camera_id is_of")
)

func keys(list string) map[string]bool {
	m := make(map[string]bool)
	for k := range strings.FieldsSeq(list) {
		m[k] = true
	}
	return m
}

// HideOf hides the names of cameras that lines were about, also of those that are gone or have another name by now.
func (c *Cloak) HideOf(lines []Line) {
	for _, l := range lines {
		for _, v := range l.Values {
			if cameraKeys[v.Key] {
				c.Hide(v.Text, "«a former camera»")
			}
		}
	}
}

// Log writes lines of a log as they may leave the house, each on one line. Times are UTC.
func (c *Cloak) Log(lines []Line) string {
	var out strings.Builder
	for _, l := range lines {
		out.WriteString(l.Time.UTC().Format("2006-01-02T15:04:05.000Z") + " " + l.Level.String() + " " + c.Text(l.Message))
		for _, v := range l.Values {
			key, text := v.Key, Gone
			switch {
			case cameraKeys[key]:
				text = c.Alias(v.Text, "«a former camera»")
			case plainKeys[key], textKeys[key]:
				text = c.Text(v.Text)
			default:
				key = c.Text(key)
			}
			out.WriteString(" " + key + "=" + text)
		}
		out.WriteByte('\n')
	}
	return out.String()
}
