package media

// Point is a place in a picture: x and y as parts of its width and height, 0 to 1, from the upper left.
type Point [2]float64

// Polygon is a closed line around an area of a picture; the last point joins the first.
type Polygon []Point

// Bounds of MotionSettings. What was kept before they were checked may lie outside of them.
const (
	MaxZones  = 32 // and as many masks
	MaxPoints = 64 // of a polygon
	MaxName   = 60 // characters of a zone's name
)

// Zone is a named part of the picture that the owner cares about.
type Zone struct {
	Name    string  `json:"name" doc:"1 to 60 characters, no two zones alike"`
	Polygon Polygon `json:"polygon" doc:"3 to 64 points [x, y], parts of the picture's width and height from the upper left; the last joins the first"`
	// Sensitivity of its own; nil: as for the whole picture.
	Sensitivity *float64 `json:"sensitivity,omitempty" doc:"0 to 1; absent: as for the whole picture"`
	// MinSize is the least part of the picture, 0 to 1, that the frame around something has to cover to count here.
	MinSize float64 `json:"min_size,omitempty" doc:"Part of the picture, 0 to 1, that the frame around something has to cover at least to count here"`
}

// MotionSettings say what of a picture counts as motion.
type MotionSettings struct {
	// Sensitivity runs from 0 (only what is large and clear) to 1 (everything); 0.5 suits most cameras.
	Sensitivity float64   `json:"sensitivity" minimum:"0" maximum:"1"`
	Zones       []Zone    `json:"zones,omitempty" doc:"32 at most"`
	Masks       []Polygon `json:"masks,omitempty" doc:"Where nothing is looked at; 32 at most"`
	// OnlyZones says that what moves outside of all zones does not count. Without a zone it means nothing.
	OnlyZones bool `json:"only_zones,omitempty" doc:"What moves outside of all zones does not count"`
	// Off switches the look off: no worker runs for the camera and no events are made.
	Off bool `json:"off,omitempty"`
	// Attentive decodes every picture all the time, for who wants to be told within 300 ms and pays for it.
	Attentive bool `json:"attentive,omitempty"`
	// EventsPerHour is how many events begin in an hour at most; the rest is summed up. 0: as many as suits most cameras.
	EventsPerHour int `json:"events_per_hour,omitempty" minimum:"0" maximum:"240"`
}

// Levels is at how many sensitivities a picture is judged besides the camera's own: 1, 0.9 and so on down to 0.
const Levels = 11

// LevelSensitivity is the sensitivity of a level: 1 for the first, 0 for the last.
func LevelSensitivity(level int) float64 { return float64(Levels-1-level) / (Levels - 1) }

// Region is where something moves: a rectangle in parts of the picture's width and height, 0 to 1, from the
// upper left, with how sure the look is.
type Region struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	W     float64 `json:"w"`
	H     float64 `json:"h"`
	Score float64 `json:"score"`
}
