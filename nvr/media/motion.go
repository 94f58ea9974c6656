package media

// Point is a place in a picture: x and y as parts of its width and height, 0 to 1, from the upper left.
type Point [2]float64

// Polygon is a closed line around an area of a picture; the last point joins the first.
type Polygon []Point

// Zone is a named part of the picture that the owner cares about.
type Zone struct {
	Name    string  `json:"name" maxLength:"60"`
	Polygon Polygon `json:"polygon" minItems:"3" maxItems:"64"`
}

// MotionSettings say what of a picture counts as motion.
type MotionSettings struct {
	// Sensitivity runs from 0 (only what is large and clear) to 1 (everything); 0.5 suits most cameras.
	Sensitivity float64   `json:"sensitivity" minimum:"0" maximum:"1"`
	Zones       []Zone    `json:"zones,omitempty" maxItems:"32"`
	Masks       []Polygon `json:"masks,omitempty" maxItems:"32"`
	// Off switches the look off: no worker runs for the camera and no events are made.
	Off bool `json:"off,omitempty"`
	// Attentive decodes every picture all the time, for who wants to be told within 300 ms and pays for it.
	Attentive bool `json:"attentive,omitempty"`
}

// Region is where something moves: a rectangle in parts of the picture's width and height, 0 to 1, from the
// upper left, with how sure the look is.
type Region struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	W     float64 `json:"w"`
	H     float64 `json:"h"`
	Score float64 `json:"score"`
}
