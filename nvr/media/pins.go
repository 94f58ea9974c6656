package media

// Pins is what a camera is known again by, as far as it was learned; what is "" was not. The key and the card belong to one
// device; what it says of itself, any other of its make may say too.
type Pins struct {
	TLSKey string `json:"tls_key,omitempty" doc:"SHA-256 of the public key in its certificate (rtsps), in hex"`
	MAC    string `json:"mac,omitempty" doc:"Address of its network card, where the box is in the same network"`
	Serial string `json:"serial,omitempty" doc:"Serial number that it tells by ONVIF"`

	Server string `json:"server,omitempty" doc:"What it calls itself in the Server header of RTSP"`
	Realm  string `json:"realm,omitempty" doc:"What it asks name and password for"`
	Tool   string `json:"tool,omitempty" doc:"What made its description of the stream (SDP a=tool)"`
}

// IsZero says whether nothing was learned.
func (p Pins) IsZero() bool { return p == Pins{} }

// Strong says whether there is something that belongs to one device.
func (p Pins) Strong() bool { return p.TLSKey != "" || p.MAC != "" }
